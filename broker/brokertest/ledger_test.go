package brokertest_test

// Every fate that a message can have, as the ledger tells it.

import (
	"testing"

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
	assert.False(t, last.Settled.IsZero())
	assert.Equal(t, brokertest.Attempt{
		Settled: last.Settled, Time: last.Time, Connection: "shop", Peer: "memory:1", Consumer: "c", Channel: 1, Redelivered: true, State: brokertest.Acked,
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
