package broker_test

// Profiles, as far as the conformance scripts do not tell: configuration, time,
// and a data folder that changes its profile.

import (
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

func TestProfiles(t *testing.T) {
	_, err := broker.New(broker.Config{Profile: "4.9"})
	assert.EqualError(t, err, `broker: there is no profile "4.9"; there are 3.13, 4.2, 4.3`)
	_, err = broker.New(broker.Config{Profile: "4.2", FrameMax: 4096})
	assert.EqualError(t, err, "broker: FrameMax is below 8192", "CONN-23")
	for profile, version := range map[string]string{"": broker.Version, "3.13": broker.Version, "4.2": "4.2.7", "4.3": "4.3.6"} {
		b := start(t, broker.Config{Profile: profile})
		assert.Equal(t, version, connect(t, b).Properties["version"])
	}
}

// A size that is configured counts in every profile (BASIC-7).
func TestProfileLeavesMessageSize(t *testing.T) {
	v := vhost(t, start(t, broker.Config{Profile: "4.3", MaxMessageSize: 20 << 20}))
	_, err := v.Publish("", "nowhere", broker.Message{Body: make([]byte, 17<<20)})
	assert.NoError(t, err)
	v = vhost(t, start(t, broker.Config{Profile: "4.3"}))
	_, err = v.Publish("", "nowhere", broker.Message{Body: make([]byte, 17<<20)})
	assert.EqualError(t, err, "PRECONDITION_FAILED - message size 17825792 is larger than configured max size 16777216")
}

// The login of ANONYMOUS is guest's: where there is no such user it is refused
// (CONN-8).
func TestAnonymousIsGuest(t *testing.T) {
	for user, want := range map[string]bool{"guest": true, "anna": false} {
		b := start(t, broker.Config{Profile: "4.2", DefaultUser: user})
		conn, err := amqp091.DialConfig("amqp://memory/", amqp091.Config{
			Dial: b.DialFunc, SASL: []amqp091.Authentication{anonymous{}},
		})
		assert.Equal(t, want, err == nil, "%s: %v", user, err)
		if err == nil {
			assert.NoError(t, conn.Close())
		}
	}
}

type anonymous struct{}

func (anonymous) Mechanism() string { return "ANONYMOUS" }
func (anonymous) Response() string  { return "" }

// From 4.3 on the timeout is for quorum queues, and the consumer is cancelled
// (BASIC-66). The consumer's own timeout goes before the queue's. What comes back
// has not failed (QUEUE-94).
func TestAckTimeoutCancelsConsumer(t *testing.T) {
	clock := delay.NewManual(time.Unix(1_000_000_000, 0))
	b := start(t, broker.Config{Profile: "4.3", Clock: clock, Heartbeat: -1, ConsumerTimeout: time.Minute})
	v := vhost(t, b)
	for _, kind := range []string{"classic", "quorum"} {
		_, err := v.DeclareQueue(broker.Queue{Name: kind, Durable: true, Args: map[string]any{"x-queue-type": kind}})
		require.NoError(t, err)
		fill(t, v, kind, 2)
	}
	conn, err := amqp091.DialConfig("amqp://guest:guest@memory/", amqp091.Config{Dial: b.DialFunc, Heartbeat: -1})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	cancelled, closed := ch.NotifyCancel(make(chan string, 4)), ch.NotifyClose(make(chan *amqp091.Error, 1))
	require.NoError(t, ch.Qos(1, 0, false))
	consume := func(queue, tag string, args amqp091.Table) <-chan amqp091.Delivery {
		d, err := ch.Consume(queue, tag, false, false, false, false, args)
		require.NoError(t, err)
		return d
	}
	receive(t, consume("classic", "never", nil))
	receive(t, consume("quorum", "late", amqp091.Table{"x-consumer-timeout": 120_000}))
	patient := consume("quorum", "patient", amqp091.Table{"x-consumer-timeout": 3_600_000})
	first := receive(t, patient)
	for range 4 {
		clock.Advance(time.Minute)
	}
	assert.Equal(t, "late", receive(t, cancelled))
	require.NoError(t, first.Ack(false))
	again := receive(t, patient)
	assert.Equal(t, []any{"0", true, int64(1), nil}, []any{
		string(again.Body), again.Redelivered, again.Headers["x-acquired-count"], again.Headers["x-delivery-count"],
	})
	assert.Empty(t, closed)
	assert.Empty(t, cancelled)
}

// The channel of a client that does not know of cancelled consumers is closed,
// as is one that holds what it got by basic.get.
func TestAckTimeoutClosesChannel(t *testing.T) {
	for name, take := range map[string]func(*rawClient){
		"consumer": func(c *rawClient) {
			c.send(1, &amqp.BasicConsume{Queue: "q"})
			expect[*amqp.BasicConsumeOk](c)
			expect[*amqp.BasicDeliver](c)
		},
		"get": func(c *rawClient) {
			c.send(1, &amqp.BasicGet{Queue: "q"})
			expect[*amqp.BasicGetOk](c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := delay.NewManual(time.Unix(1_000_000_000, 0))
			b := start(t, broker.Config{Profile: "4.3", Clock: clock, ConsumerTimeout: time.Minute})
			v := vhost(t, b)
			_, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: true, Args: map[string]any{"x-queue-type": "quorum"}})
			require.NoError(t, err)
			fill(t, v, "q", 1)
			c := rawOpen(t, b, 0)
			c.channel(1)
			take(c)
			c.next() // header
			c.next() // body
			for range 3 {
				clock.Advance(time.Minute)
			}
			assert.EqualValues(t, amqp.PreconditionFailed, expect[*amqp.ChannelClose](c).ReplyCode)
		})
	}
}

// startIn starts a broker of a profile in a data folder.
func startIn(t *testing.T, dir, profile string) (*broker.Broker, *broker.VHost) {
	st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	b, err := broker.New(broker.Config{Profile: profile, Store: st})
	require.NoError(t, err)
	return b, vhost(t, b)
}

// A data folder may change its profile: nothing is lost, and what the new one
// would refuse stays.
func TestProfileChangesWithFolder(t *testing.T) {
	dir := t.TempDir()
	bodies := map[string]string{"quorum 3.13": "4 31 0", "quorum 4.2": "31 4 0", "quorum 4.3": "31 4 0"}
	for _, profile := range broker.Profiles() {
		b, v := startIn(t, dir, profile)
		_, err := v.DeclareQueue(broker.Queue{
			Name: "quorum " + profile, Durable: true, Args: map[string]any{"x-queue-type": "quorum"},
		})
		require.NoError(t, err)
		for _, p := range []uint8{4, 31, 0} {
			m := broker.Message{Body: []byte{'0' + p}}
			m.Properties.Flags, m.Properties.Priority = amqp.HasPriority, p
			switch p {
			case 31:
				m.Body = []byte("31")
			case 4:
				m.Properties.Flags = 0 // as it is by default
			}
			_, err := v.Publish("", "quorum "+profile, m)
			require.NoError(t, err)
		}
		require.NoError(t, b.Close())
	}
	b, v := startIn(t, dir, "3.13")
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "ha", Pattern: "^$", Definition: map[string]any{"ha-mode": "all"}}))
	_, err := v.DeclareQueue(broker.Queue{Name: "classic", Durable: true, Args: map[string]any{"x-queue-version": 1}})
	require.NoError(t, err)
	require.NoError(t, b.Close())
	for _, profile := range []string{"4.3", "3.13", "4.2"} {
		b, v := startIn(t, dir, profile)
		for queue, want := range bodies {
			assert.Equal(t, want, peeked(t, v, queue), "%s, opened as %s", queue, profile)
		}
		_, err := v.Counts("classic")
		assert.NoError(t, err)
		require.NoError(t, b.Close())
	}
}

// Exchanges that are not durable are there after a restart from 4.2 on, bindings
// included, and go for good when they are deleted (PERSIST-1, PERSIST-4). A folder
// keeps what it has, also what its new profile would refuse (EXCH-35).
func TestTransientExchangesSurvive(t *testing.T) {
	dir := t.TempDir()
	b, v := startIn(t, dir, "3.13")
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: true})
	require.NoError(t, err)
	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "gone", Type: "fanout"}))
	require.NoError(t, v.Bind(broker.Binding{Source: "amq.topic", Destination: "q", Key: "#.a.#.b.#"}))
	require.NoError(t, b.Close())

	b, v = startIn(t, dir, "4.2")
	for _, name := range []string{"first", "second"} {
		require.NoError(t, v.DeclareExchange(broker.Exchange{Name: name, Type: "fanout"}))
		require.NoError(t, v.Bind(broker.Binding{Source: name, Destination: "q"}))
	}
	require.NoError(t, b.Close())

	for _, profile := range []string{"4.3", "3.13"} {
		b, v = startIn(t, dir, profile)
		var transient []string
		for _, vh := range b.Snapshot().VHosts {
			for _, x := range vh.Exchanges {
				if !x.Durable {
					transient = append(transient, x.Name)
				}
			}
		}
		assert.ElementsMatch(t, []string{"first", "second"}, transient, profile)
		for exchange, key := range map[string]string{"first": "", "second": "", "amq.topic": "a.b"} {
			n, err := v.Publish(exchange, key, broker.Message{})
			require.NoError(t, err)
			assert.Equal(t, 1, n, "%s in %s", exchange, profile)
		}
		require.NoError(t, b.Close())
	}
	b, v = startIn(t, dir, "3.13")
	require.NoError(t, v.DeleteExchange("first"))
	require.NoError(t, b.Close())
	b, v = startIn(t, dir, "4.3")
	_, err = v.Publish("first", "", broker.Message{})
	assert.ErrorContains(t, err, "no exchange 'first'")
	require.NoError(t, b.Close())
}

// A message that was out when the broker ended has been acquired once, and its
// delivery has failed (PERSIST-6, QUEUE-94).
func TestCountsAfterRestart(t *testing.T) {
	dir := t.TempDir()
	b, v := startIn(t, dir, "4.3")
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: true, Args: map[string]any{"x-queue-type": "quorum"}})
	require.NoError(t, err)
	fill(t, v, "q", 1)
	_, ok, err := v.Get("q", false)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, b.Close())
	b, _ = startIn(t, dir, "4.3")
	d, ok, err := channel(t, b).Get("q", true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, amqp091.Table{"x-acquired-count": int64(1), "x-delivery-count": int64(1)}, d.Headers)
	require.NoError(t, b.Close())
}

// That a message's x-death is its publisher's is known after a restart too
// (QUEUE-82).
func TestForeignDeathsSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	b, v := startIn(t, dir, "4.3")
	for name, args := range map[string]map[string]any{"q": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"}, "grave": nil} {
		_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true, Args: args})
		require.NoError(t, err)
	}
	old := amqp.Array{amqp.Table{
		{Key: "count", Value: int64(7)}, {Key: "reason", Value: "rejected"}, {Key: "queue", Value: "q"}, {Key: "time", Value: amqp.Timestamp(1)},
		{Key: "exchange", Value: ""}, {Key: "routing-keys", Value: amqp.Array{"q"}},
	}}
	m := broker.Message{Body: []byte("m")}
	m.Properties = amqp.Properties{Flags: amqp.HasHeaders | amqp.HasDeliveryMode, DeliveryMode: 2, Headers: amqp.Table{{Key: "x-death", Value: old}}}
	_, err := v.Publish("", "q", m)
	require.NoError(t, err)
	require.NoError(t, b.Close())

	b, v = startIn(t, dir, "4.3")
	d, ok, err := v.Get("q", false)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, d.Nack(false))
	eventually(t, "the message dies", func() bool {
		n, err := v.Counts("grave")
		return err == nil && n.Ready == 1
	})
	list, err := v.Peek("grave", 1)
	require.NoError(t, err)
	deaths, _ := list[0].Properties.Headers.Get("x-death")
	require.Len(t, deaths, 1)
	count, _ := deaths.(amqp.Array)[0].(amqp.Table).Get("count")
	assert.Equal(t, int64(1), count)
	require.NoError(t, b.Close())
}

// Where the plugin has ended its type is unknown (EXCH-9), but for those who ask
// for what is not RabbitMQ's anyway. An exchange that was declared before goes on.
func TestDelayedWithoutPlugin(t *testing.T) {
	dir := t.TempDir()
	plain := broker.Exchange{Name: "plain", Type: "x-delayed-message", Durable: true, Args: map[string]any{"x-delayed-type": "direct"}}
	b, v := startIn(t, dir, "4.2")
	require.NoError(t, v.DeclareExchange(plain))
	require.NoError(t, b.Close())

	b, v = startIn(t, dir, "4.3")
	_, err := v.Delayed("plain")
	require.NoError(t, err)
	assert.ErrorContains(t, v.DeclareExchange(plain), "unknown exchange type 'x-delayed-message'")
	strict := broker.Exchange{Name: "strict", Type: "x-delayed-message", Durable: true, Args: map[string]any{
		"x-delayed-type": "direct", "x-delayed-strict": true,
	}}
	require.NoError(t, v.DeclareExchange(strict))
	strict.Name, strict.Args["x-delayed-strict"] = "not so strict", false
	assert.ErrorContains(t, v.DeclareExchange(strict), "unknown exchange type 'x-delayed-message'")
	require.NoError(t, b.Close())
}
