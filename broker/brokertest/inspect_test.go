package brokertest_test

// Looking, and what a test declares.

import (
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// shop is a topology with something of everything.
var shop = brokertest.Topology{
	Exchanges: []broker.Exchange{
		{Name: "all", Type: "fanout", AutoDelete: true, Internal: true},
		{Name: "orders", Type: "topic", Durable: true, Args: map[string]any{"alternate-exchange": "all"}},
	},
	Queues: []broker.Queue{
		{Name: "archive", AutoDelete: true},
		{Name: "eu", Durable: true, Args: map[string]any{"x-max-length": 10}},
	},
	Bindings: []broker.Binding{
		{Source: "orders", Destination: "all", Key: "#", ToExchange: true},
		{Source: "all", Destination: "archive"},
		{Source: "orders", Destination: "eu", Key: "order.*.eu"},
	},
}

// What was declared is there, be it from Go or by a client.
func TestTopology(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(shop)
	assert.Equal(t, shop, mq.Topology())
	mq.Declare(shop) // again
	ch := channel(t, mq)
	_, err := ch.QueueDeclare("", false, false, true, false, nil)
	require.NoError(t, err)
	assert.Equal(t, shop, mq.Topology(), "an exclusive queue is a connection's own")
	assert.Equal(t, brokertest.Topology{}, brokertest.New(t).Topology())
}

// Arguments compare with what one writes, whichever integers a client sends.
func TestTopologyArguments(t *testing.T) {
	mq := brokertest.New(t)
	ch := channel(t, mq)
	_, err := ch.QueueDeclare("q", false, false, false, false, amqp091.Table{
		"x-max-length": int16(1), "x-expires": int64(2000), "mine": amqp091.Table{"a": []any{int32(3), "s", 1.5}},
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"x-max-length": 1, "x-expires": 2000, "mine": map[string]any{"a": []any{3, "s", 1.5}},
	}, mq.Topology().Queues[0].Args)
}

func TestPublishRoutes(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(shop)
	assert.Equal(t, 2, mq.Publish("orders", "order.new.eu", []byte("a")))
	assert.Equal(t, 1, mq.Publish("orders", "order.new.us", []byte("b")))
	mq.RequireLen("eu", 1)
	mq.RequireLen("archive", 2)
	assert.Zero(t, mq.Publish("amq.direct", "nowhere", nil))
	assert.Equal(t, 2, mq.Purge("archive"))
}

// Policies come first, so that queues are born under them.
func TestDeclarePolicies(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock())
	mq.Declare(brokertest.Topology{
		Policies: []broker.Policy{{Name: "ttl", Pattern: "^tmp", ApplyTo: "queues", Definition: map[string]any{"message-ttl": 1000}}},
		Queues:   []broker.Queue{{Name: "tmp.q"}},
	})
	mq.Publish("", "tmp.q", nil)
	mq.Advance(time.Second)
	assert.Empty(t, mq.Ready("tmp.q"))
}

// Names belong to a virtual host.
func TestVirtualHosts(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithVHost("home"))
	other := mq.In("other")
	mq.In("other") // again
	queues(mq, "q")
	mq.RequireLen("q", 0)
	assert.Empty(t, other.Topology())
	other.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q"}}})
	other.Publish("", "q", nil)
	other.RequireLen("q", 1)
	mq.RequireEmpty()
	conn, err := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Vhost: "other", Dial: mq.DialFunc})
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.Consume("q", "theirs", false, false, false, false, nil)
	require.NoError(t, err)
	other.WaitConsumers("q", 1)
	assert.Len(t, other.Consumers(""), 1)
	assert.Empty(t, mq.Consumers(""))
}

func TestDump(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock(newYear))
	mq.Declare(shop)
	mq.Publish("orders", "order.new.eu", []byte("42 bolts"), brokertest.Persistent())
	conn, err := dialAs(mq.MemoryURL(), mq.DialFunc, "worker")
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Qos(5, 0, false))
	deliveries, err := ch.Consume("eu", "c1", false, false, false, false, nil)
	require.NoError(t, err)
	<-deliveries
	mq.Consume("archive", broker.ConsumeOptions{Tag: "mine", NoAck: true})
	mq.In("empty")
	assert.Equal(t, strings.TrimLeft(`
virtual host "/"
    exchange  type    flags                 arguments
    all       fanout  auto-delete internal  {}
    orders    topic   durable               {alternate-exchange=all}
    queue    ready  unacked  consumers  flags        arguments
    archive  0      0        1          auto-delete  {}
    eu       0      1        1          durable      {x-max-length=10}
    binding from  by          to             arguments
    orders        #           exchange all   {}
    all           ""          queue archive  {}
    orders        order.*.eu  queue eu       {}
  queue "eu" has
    message                                                     exchange  key           properties       body
    held by "worker" (memory:1) channel 1 consumer "c1", tag 1  orders    order.new.eu  delivery-mode=2  42 bolts
  the test's own consumer "mine" of queue "archive": 0 unacked, prefetch 0, priority 0, no-ack
virtual host "empty"
connection "worker" (memory:1) of user "guest" in virtual host "/", since 00:00:00.000
  channel 1: 1 unacked, prefetch 5, of all consumers 0
    consumer "c1" of queue "eu": 1 unacked, prefetch 5, priority 0, -
`, "\n"), mq.Dump())
	assert.Contains(t, brokertest.New(t).Dump(), "no connections\n")
}

// A test's consumer holds what it has been given until it says what to do with
// it.
func TestConsume(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "q")
	mq.Publish("", "q", []byte("a"))
	c := mq.Consume("q")
	d := c.Next()
	require.NoError(t, d.Nack(true))
	d = c.Next()
	assert.True(t, d.Redelivered)
	held := mq.Unacked("q")
	require.Len(t, held, 1)
	assert.Equal(t, c.Tag(), held[0].Consumer)
	require.NoError(t, d.Ack())
	mq.RequireEmpty("q")
}

// Many tests at once, each with a broker of its own.
func TestParallel(t *testing.T) {
	for range 50 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			firstConfirm(t, networks["memory"])
			firstConfirm(t, networks["TCP"])
		})
	}
}

// What a transaction has settled counts as out until it is committed, and is
// shown as such.
func TestUnackedInTransaction(t *testing.T) {
	mq, f := newFake(t)
	queues(mq, "q")
	mq.Publish("", "q", []byte("job"))
	ch := channel(t, mq)
	require.NoError(t, ch.Tx())
	d, _, err := ch.Get("q", false)
	require.NoError(t, err)
	require.NoError(t, d.Ack(false))
	require.NoError(t, ch.Qos(0, 0, false))
	held := mq.Unacked("q")
	require.Len(t, held, 1)
	assert.True(t, held[0].InTx)
	assert.Contains(t, f.fails(func() { mq.RequireEmpty("q") }),
		"held by memory:1 channel 1 by basic.get, tag 1, settled in an open transaction")
	require.NoError(t, ch.TxCommit())
	assert.Empty(t, mq.Unacked("q"))
}
