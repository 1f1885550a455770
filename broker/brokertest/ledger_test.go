package brokertest_test

// Every fate that a message can have, as the ledger tells it.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// states are the states of a publication, by queue.
func states(p brokertest.Publication) map[string]brokertest.RouteState {
	m := map[string]brokertest.RouteState{}
	for _, r := range p.Routes {
		m[r.Queue] = r.State
	}
	return m
}

// state is the state of the first publication with a body, in the only queue
// that it was routed to.
func state(mq *brokertest.Broker, body string) brokertest.RouteState {
	p := mq.Published(brokertest.WithBody(body))[0]
	return p.Routes[0].State
}

func TestLedgerOfAClient(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "q", "copy")
	mq.Declare(brokertest.Topology{Bindings: []broker.Binding{
		{Source: "amq.topic", Destination: "q", Key: "order.*"}, {Source: "amq.topic", Destination: "copy", Key: "#"},
	}})
	conn, err := dialAs(mq.MemoryURL(), mq.DialFunc, "shop")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Publish("amq.topic", "order.new", true, false, amqp091.Publishing{
		Body: []byte("order"), Headers: amqp091.Table{"n": int32(7)}, MessageId: "m-1",
	}))
	p := mq.RequirePublished(brokertest.ToExchange("amq.topic"), brokertest.WithKey("order.new"), brokertest.WithHeader("n", 7))[0]
	assert.EqualValues(t, 1, p.ID)
	assert.Equal(t, "shop", p.Connection)
	assert.Equal(t, "memory:1", p.Peer)
	assert.Equal(t, "guest", p.User)
	assert.EqualValues(t, 1, p.Channel)
	assert.Equal(t, "/", p.VHost)
	assert.Equal(t, "order", string(p.Body))
	assert.Equal(t, "m-1", p.Properties.MessageID)
	assert.True(t, p.Mandatory)
	assert.False(t, p.Returned)
	assert.Equal(t, brokertest.NotConfirmed, p.Confirm)
	assert.Equal(t, brokertest.NoTx, p.Tx)
	assert.Equal(t, map[string]brokertest.RouteState{"q": brokertest.Waiting, "copy": brokertest.Waiting}, states(p))

	d, _, err := ch.Get("q", false)
	require.NoError(t, err)
	assert.Equal(t, brokertest.Out, states(mq.Published()[0])["q"])
	require.NoError(t, d.Nack(false, true))
	deliveries, err := ch.Consume("q", "c", false, false, false, false, nil)
	require.NoError(t, err)
	d = <-deliveries
	require.NoError(t, d.Ack(false))
	require.NoError(t, ch.Qos(1, 0, false))
	r := mq.Published(brokertest.ToQueue("q"), brokertest.FromConnection("shop"))[0].Routes
	i := 0
	if r[0].Queue != "q" {
		i = 1
	}
	assert.Equal(t, brokertest.Acked, r[i].State)
	require.Len(t, r[i].Deliveries, 2)
	assert.Equal(t, brokertest.Waiting, r[i].Deliveries[0].State)
	assert.Empty(t, r[i].Deliveries[0].Consumer)
	last := r[i].Deliveries[1]
	assert.Equal(t, brokertest.Attempt{
		Time: last.Time, Connection: "shop", Peer: "memory:1", Consumer: "c", Channel: 1, Redelivered: true, State: brokertest.Acked,
	}, last)
}

func TestLedgerOfConfirms(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		{Name: "q", Args: map[string]any{"x-max-length": int32(2), "x-overflow": "reject-publish"}},
	}})
	mq.Fault(brokertest.On("basic.publish").Nth(2), brokertest.DropConfirm())
	mq.Fault(brokertest.On("basic.publish").Nth(4), brokertest.Nack())
	mq.Fault(brokertest.On("basic.publish").Nth(5), brokertest.Swallow())
	ch := channel(t, mq)
	require.NoError(t, ch.Confirm(false))
	returns := ch.NotifyReturn(make(chan amqp091.Return, 2))
	var last *amqp091.DeferredConfirmation
	for i, key := range []string{"q", "q", "q", "q", "q", "nowhere"} {
		var err error
		last, err = ch.PublishWithDeferredConfirm("", key, true, false, amqp091.Publishing{Body: []byte{'a' + byte(i)}})
		require.NoError(t, err)
	}
	require.True(t, last.Wait())
	<-returns
	type fate struct {
		confirm brokertest.ConfirmState
		state   brokertest.RouteState
		fault   string
	}
	var got []fate
	for _, p := range mq.Published() {
		f := fate{confirm: p.Confirm, fault: p.Fault}
		if len(p.Routes) > 0 {
			f.state = p.Routes[0].State
		}
		got = append(got, f)
	}
	assert.Equal(t, []fate{
		{brokertest.Confirmed, brokertest.Waiting, ""},
		{brokertest.Awaited, brokertest.Waiting, "drop-confirm"},
		{brokertest.Nacked, brokertest.Refused, ""},
		{brokertest.Nacked, "", "nack"},
		{brokertest.Awaited, "", "swallow"},
		{brokertest.Confirmed, "", ""},
	}, got)
	unroutable := mq.Published((*brokertest.Publication).Unroutable)
	require.Len(t, unroutable, 1)
	assert.True(t, unroutable[0].Returned)
	assert.Equal(t, "nowhere", unroutable[0].Key)

	// A channel of the same number counts anew.
	require.NoError(t, ch.Close())
	ch = channel(t, mq)
	require.NoError(t, ch.Confirm(false))
	c, err := ch.PublishWithDeferredConfirm("", "nowhere", false, false, amqp091.Publishing{Body: []byte("again")})
	require.NoError(t, err)
	require.True(t, c.Wait())
	p := mq.Published(brokertest.WithBody("again"))[0]
	assert.Equal(t, brokertest.Confirmed, p.Confirm)
	assert.False(t, p.Returned, "it was not mandatory")
}

func TestLedgerOfTransactions(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "q")
	ch := channel(t, mq)
	require.NoError(t, ch.Tx())
	publish := func(body string) {
		require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{Body: []byte(body)}))
	}
	tx := func(body string) (brokertest.TxState, brokertest.RouteState) {
		p := mq.RequirePublished(brokertest.WithBody(body))[0]
		return p.Tx, p.Routes[0].State
	}
	publish("committed")
	outcome, _ := tx("committed")
	assert.Equal(t, brokertest.TxOpen, outcome)
	require.NoError(t, ch.TxCommit())
	publish("rolled back")
	require.NoError(t, ch.TxRollback())
	publish("left")
	require.NoError(t, ch.Close())
	for body, want := range map[string]brokertest.TxState{
		"committed": brokertest.Committed, "rolled back": brokertest.RolledBack, "left": brokertest.RolledBack,
	} {
		outcome, state := tx(body)
		assert.Equal(t, want, outcome, body)
		if want == brokertest.RolledBack {
			assert.Equal(t, brokertest.Undone, state)
		} else {
			assert.Equal(t, brokertest.Waiting, state)
		}
	}
}

// How a message ends, and the dead letter that comes of it.
func TestLedgerOfEnds(t *testing.T) {
	dead := map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
	with := func(key string, value any) map[string]any {
		args := map[string]any{key: value}
		for k, v := range dead {
			args[k] = v
		}
		return args
	}
	mq := brokertest.New(t, brokertest.WithManualClock())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		{Name: "dead"}, {Name: "expiring", Args: with("x-message-ttl", int32(1000))}, {Name: "short", Args: with("x-max-length", int32(1))},
		{Name: "rejecting", Args: dead}, {Name: "purged"}, {Name: "deleted"}, {Name: "nowhere", Args: map[string]any{
			"x-dead-letter-exchange": "no such exchange", "x-message-ttl": int32(1000),
		}},
		{Name: "poison", Durable: true, Args: with("x-queue-type", "quorum")},
	}, Policies: []broker.Policy{{Name: "limit", Pattern: "^poison$", Definition: map[string]any{"delivery-limit": 0}}}})
	for _, q := range []string{"expiring", "short", "short", "rejecting", "purged", "deleted", "nowhere", "poison"} {
		mq.Publish("", q, []byte(q))
	}
	mq.Advance(2 * time.Second)
	c := mq.Consume("rejecting")
	require.NoError(t, c.Next().Nack(false))
	c = mq.Consume("poison")
	require.NoError(t, c.Next().Nack(true))
	mq.Purge("purged")
	_, err := mq.Broker().VHost("")
	require.NoError(t, err)
	v, _ := mq.Broker().VHost("")
	_, err = v.DeleteQueue("deleted")
	require.NoError(t, err)

	for body, want := range map[string]brokertest.RouteState{
		"expiring": brokertest.Expired, "short": brokertest.Dropped, "rejecting": brokertest.Rejected, "purged": brokertest.Purged,
		"deleted": brokertest.GoneWithIt, "nowhere": brokertest.Expired, "poison": brokertest.GivenUp,
	} {
		assert.Equal(t, want, state(mq, body), body)
	}
	reasons := map[string]string{}
	for _, p := range mq.Published(brokertest.ToQueue("dead")) {
		of := mq.Published(func(o *brokertest.Publication) bool { return o.ID == p.Of })[0]
		assert.Equal(t, of.Body, p.Body)
		assert.Equal(t, p.ID, of.Routes[0].DeadLetter)
		assert.Equal(t, of.Key, p.DeadFrom)
		reasons[p.DeadFrom] = p.Reason
	}
	assert.Equal(t, map[string]string{
		"expiring": "expired", "short": "maxlen", "rejecting": "rejected", "poison": "delivery_limit",
	}, reasons)
	lost := mq.Published(brokertest.ToExchange("no such exchange"))
	require.Len(t, lost, 1)
	assert.ErrorContains(t, lost[0].Err, "no exchange 'no such exchange' in vhost '/'")
	mq.RequireNoUnroutable()
}

// What a delayed exchange keeps is not unroutable until it is due and nobody is
// there.
func TestLedgerOfDelays(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock(), brokertest.Durable())
	queues(mq, "q")
	mq.Declare(brokertest.Topology{
		Exchanges: []broker.Exchange{{Name: "later", Type: "x-delayed-message", Durable: true, Args: map[string]any{"x-delayed-type": "direct"}}},
		Bindings:  []broker.Binding{{Source: "later", Destination: "q", Key: "k"}},
	})
	for _, key := range []string{"k", "nowhere"} {
		mq.Publish("later", key, []byte(key), brokertest.Header("x-delay", int32(60_000)))
	}
	assert.Equal(t, []string{"later"}, mq.Published(brokertest.WithKey("k"))[0].Delayed)
	mq.RequireNoUnroutable()
	mq.Advance(time.Minute)
	mq.RequireLen("q", 1)
	assert.Equal(t, brokertest.Waiting, state(mq, "k"))
	assert.Equal(t, "k", string(mq.Get("q").Body))
	assert.Equal(t, brokertest.Acked, state(mq, "k"))
	unroutable := mq.Published((*brokertest.Publication).Unroutable)
	require.Len(t, unroutable, 1)
	assert.Equal(t, "nowhere", unroutable[0].Key)
}

func TestLedgerOfRefusals(t *testing.T) {
	mq := brokertest.New(t)
	ch := channel(t, mq)
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	require.NoError(t, ch.Publish("nope", "k", false, false, amqp091.Publishing{Body: []byte("a")}))
	<-closed
	p := mq.RequirePublished(brokertest.ToExchange("nope"))[0]
	assert.EqualError(t, p.Err, "NOT_FOUND - no exchange 'nope' in vhost '/'")
	mq.RequireNoUnroutable() // it did not get so far
}

// Direct replies have neither queue nor acknowledgement.
func TestLedgerOfDirectReplies(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "rpc")
	ch := channel(t, mq)
	replies, err := ch.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.Publish("", "rpc", false, false, amqp091.Publishing{ReplyTo: "amq.rabbitmq.reply-to", Body: []byte("ask")}))
	to := mq.Get("rpc").Properties.ReplyTo
	other := channel(t, mq)
	require.NoError(t, other.Publish("", to, false, false, amqp091.Publishing{Body: []byte("answer")}))
	<-replies
	p := mq.Published(brokertest.WithBody("answer"))[0]
	require.Len(t, p.Routes, 1)
	assert.Equal(t, to, p.Routes[0].Queue)
	assert.Equal(t, brokertest.Acked, p.Routes[0].State)
	assert.Len(t, p.Routes[0].Deliveries, 1)
	assert.Equal(t, brokertest.Acked, state(mq, "ask"))
	mq.RequireNoUnroutable()
}

// A second delivery is told of, and by what it came.
func TestLedgerOfDeliveryFaults(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "q")
	mq.Fault(brokertest.On("deliver").Nth(1), brokertest.DeliverTwice())
	ch := channel(t, mq)
	deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
	require.NoError(t, err)
	mq.Publish("", "q", []byte("a"))
	for range 2 {
		require.NoError(t, (<-deliveries).Ack(false))
	}
	require.NoError(t, ch.Qos(0, 0, false))
	r := mq.Published()[0].Routes[0]
	require.Len(t, r.Deliveries, 2)
	for i, a := range r.Deliveries {
		assert.Equal(t, brokertest.Acked, a.State)
		assert.Equal(t, "deliver-twice", a.Fault)
		assert.Equal(t, i == 1, a.Redelivered)
	}
}

// A restart keeps what is durable, and the ledger knows what.
func TestLedgerAcrossRestarts(t *testing.T) {
	for name, again := range map[string]func(*brokertest.Broker){
		"restart": (*brokertest.Broker).Restart, "crash": (*brokertest.Broker).Crash,
	} {
		t.Run(name, func(t *testing.T) {
			mq := brokertest.New(t, brokertest.Durable())
			mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "durable", Durable: true}, {Name: "transient"}}})
			ch := channel(t, mq)
			require.NoError(t, ch.Confirm(false))
			for _, q := range []string{"durable", "transient"} {
				for body, mode := range map[string]uint8{"persistent": amqp091.Persistent, "fleeting": amqp091.Transient} {
					c, err := ch.PublishWithDeferredConfirm("", q, false, false, amqp091.Publishing{
						Body: []byte(q + " " + body), DeliveryMode: mode,
					})
					require.NoError(t, err)
					require.True(t, c.Wait())
				}
			}
			_, _, err := ch.Get("durable", false)
			require.NoError(t, err)
			again(mq)
			assert.Equal(t, brokertest.Waiting, state(mq, "durable persistent"))
			for _, body := range []string{"durable fleeting", "transient persistent", "transient fleeting"} {
				assert.Contains(t, []brokertest.RouteState{brokertest.Lost, brokertest.GoneWithIt}, state(mq, body), body)
			}
			assert.Equal(t, "durable persistent", string(mq.Get("durable").Body))
			assert.Equal(t, brokertest.Acked, state(mq, "durable persistent"))
		})
	}
}

// A long queue in a store leaves memory, and the ledger knows its messages when
// they are back.
func TestLedgerOfPagedMessages(t *testing.T) {
	const n = 3000
	mq := brokertest.New(t, brokertest.Durable())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		{Name: "long", Durable: true, Args: map[string]any{"x-queue-mode": "lazy"}},
	}})
	for range n {
		mq.Publish("", "long", make([]byte, 100), brokertest.Persistent())
	}
	c := mq.Consume("long")
	for range n {
		require.NoError(t, c.Next().Ack())
	}
	assert.Len(t, mq.Published(brokertest.InState(brokertest.Acked)), n)
}

func TestLedgerIsBounded(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithLedger(2))
	queues(mq, "q")
	for _, body := range []string{"a", "b", "c", "d"} {
		mq.Publish("", "q", []byte(body))
	}
	list := mq.Published()
	require.Len(t, list, 2)
	assert.EqualValues(t, 3, list[0].ID)
	for range 4 {
		mq.Get("q") // what is not in the ledger any more does not disturb
	}
	assert.Len(t, mq.Published(brokertest.InState(brokertest.Acked)), 2)

	off, f := newFake(t, brokertest.WithLedger(0))
	queues(off, "q")
	off.Publish("", "q", nil)
	assert.Equal(t, "brokertest: there is no ledger of publications: WithLedger(0)", f.fails(func() { off.Published() }))
	v, err := off.Broker().VHost("")
	require.NoError(t, err)
	ids, err := v.Recorded("q")
	require.NoError(t, err)
	assert.Equal(t, []uint64{0}, ids)
}

func TestLedgerByVirtualHost(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "q")
	other := mq.In("other")
	other.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q"}}})
	mq.Publish("", "q", []byte("here"))
	other.Publish("", "q", []byte("there"))
	assert.Len(t, mq.Published(), 1)
	assert.Equal(t, "there", string(other.Published()[0].Body))
}

func TestRequirePublishedFails(t *testing.T) {
	mq, f := newFake(t, brokertest.WithManualClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)))
	said := f.fails(func() { mq.RequirePublished(brokertest.ToExchange("orders")) })
	assert.Equal(t, "nothing was published that matches in N ms\n  nothing was published", said)
	queues(mq, "q", "dead")
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "ttl", Args: map[string]any{
		"x-message-ttl": int32(1), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
	}}}})
	mq.Fault(brokertest.On("basic.publish").Key("q").Nth(2), brokertest.Nack())
	conn, err := dialAs(mq.MemoryURL(), mq.DialFunc, "shop")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	for _, key := range []string{"q", "ttl", "nowhere", "q"} {
		c, err := ch.PublishWithDeferredConfirm("", key, true, false, amqp091.Publishing{Body: []byte("to " + key), AppId: "shop"})
		require.NoError(t, err)
		c.Wait()
	}
	mq.Get("q")
	mq.Advance(time.Second)
	assert.Equal(t, `nothing was published that matches in N ms
  published:
    #  from                         exchange  key      body        fate                             properties
    1  "shop" (memory:1) channel 1  ""        q        to q        q: acked (the test); confirmed   app-id=shop
    2  "shop" (memory:1) channel 1  ""        ttl      to ttl      ttl: expired → #5; confirmed     app-id=shop
    3  "shop" (memory:1) channel 1  ""        nowhere  to nowhere  unroutable, returned; confirmed  app-id=shop
    4  "shop" (memory:1) channel 1  ""        q        to q        fault: nack; nacked              app-id=shop
    5  #2, expired in ttl           ""        dead     to ttl      dead: waiting                    app-id=shop `+
		`x-death=[ttl:expired×1] x-first-death-exchange="" x-first-death-queue=ttl x-first-death-reason=expired `+
		`x-last-death-exchange="" x-last-death-queue=ttl x-last-death-reason=expired
`, f.fails(func() { mq.RequirePublished(brokertest.ToExchange("orders")) })+"\n")
	assert.Equal(t, `1 publication found no queue:
  published:
    #  from                         exchange  key      body        fate                             properties
    3  "shop" (memory:1) channel 1  ""        nowhere  to nowhere  unroutable, returned; confirmed  app-id=shop
`, f.fails(mq.RequireNoUnroutable)+"\n")
}

// The ledger keeps the bubble's time.
func TestSynctestLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		queues(mq, "q")
		ch := channel(t, mq)
		begin := mq.Now()
		sleep(t, time.Minute)
		require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{}))
		assert.Equal(t, time.Minute, mq.RequirePublished()[0].Time.Sub(begin))
	})
}

// What the ledger costs a message that is published, and acknowledged by a
// consumer.
func BenchmarkLedger(b *testing.B) {
	for name, opts := range map[string][]brokertest.Option{
		"off": {brokertest.WithLedger(0)}, "on": nil, "last1000": {brokertest.WithLedger(1000)},
	} {
		b.Run(name, func(b *testing.B) {
			mq := brokertest.New(b, opts...)
			queues(mq, "q")
			body := []byte("a message")
			b.ReportAllocs()
			for b.Loop() {
				mq.Publish("", "q", body)
				mq.Get("q")
			}
		})
	}
}
