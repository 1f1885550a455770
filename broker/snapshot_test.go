package broker_test

import (
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// none is no arguments.
var none = map[string]any{}

// EXCH-1, as a new virtual host shows them.
var predeclared = []broker.ExchangeInfo{
	{Name: "", Type: "direct", Durable: true, Args: none},
	{Name: "amq.direct", Type: "direct", Durable: true, Args: none},
	{Name: "amq.fanout", Type: "fanout", Durable: true, Args: none},
	{Name: "amq.headers", Type: "headers", Durable: true, Args: none},
	{Name: "amq.match", Type: "headers", Durable: true, Args: none},
	{Name: "amq.rabbitmq.trace", Type: "topic", Durable: true, Internal: true, Args: none},
	{Name: "amq.topic", Type: "topic", Durable: true, Args: none},
}

func TestSnapshotOfANewBroker(t *testing.T) {
	b := start(t, broker.Config{})
	b.AddVHost("a")
	assert.Equal(t, broker.Snapshot{VHosts: []broker.VHostInfo{
		{Name: "/", Exchanges: predeclared}, {Name: "a", Exchanges: predeclared},
	}}, b.Snapshot())
}

func TestSnapshotOfTopology(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	require.NoError(t, v.DeclareExchange(broker.Exchange{
		Name: "x", Type: "headers", AutoDelete: true, Args: map[string]any{"alternate-exchange": "amq.fanout"},
	}))
	_, err := v.DeclareQueue(broker.Queue{
		Name: "q", Durable: true, AutoDelete: true, Args: map[string]any{"x-max-length": int64(3)},
	})
	require.NoError(t, err)
	declare(t, v, "p")
	ch := channel(t, b)
	_, err = ch.QueueDeclare("mine", false, false, true, false, nil)
	require.NoError(t, err)
	bindings := []broker.Binding{
		{Source: "amq.topic", Destination: "p", Key: "#", Args: none},
		{Source: "amq.topic", Destination: "p", Key: "a.*", Args: none},
		{Source: "x", Destination: "q", Args: map[string]any{"x-match": "any", "k": "v"}},
		{Source: "amq.direct", Destination: "x", Key: "k", ToExchange: true, Args: none},
	}
	for _, bind := range bindings {
		require.NoError(t, v.Bind(bind))
	}
	for _, body := range []string{"a", "bb"} {
		_, err := v.Publish("", "q", broker.Message{Body: []byte(body)})
		require.NoError(t, err)
	}
	_, _, err = ch.Get("q", false)
	require.NoError(t, err)

	s := b.Snapshot()
	require.Len(t, s.VHosts, 1)
	h := s.VHosts[0]
	for i := range h.Exchanges {
		h.Exchanges[i].Stats = broker.ExchangeStats{}
	}
	assert.Equal(t, append(predeclared[:len(predeclared):len(predeclared)], broker.ExchangeInfo{
		Name: "x", Type: "headers", AutoDelete: true, Args: map[string]any{"alternate-exchange": "amq.fanout"},
	}), h.Exchanges)
	for i := range h.Queues {
		assert.Equal(t, "classic", h.Queues[i].Type)
		h.Queues[i].Type, h.Queues[i].ID, h.Queues[i].Stats, h.Queues[i].UnackedBytes = "", 0, broker.MessageStats{}, 0
	}
	assert.Equal(t, "memory:1 -> memory:0", h.Queues[0].Owner)
	h.Queues[0].Owner = ""
	assert.Equal(t, []broker.QueueInfo{
		{Name: "mine", Exclusive: true, Args: none},
		{Name: "p", Args: none},
		{Name: "q", Durable: true, AutoDelete: true, Args: map[string]any{"x-max-length": int64(3)},
			Counts: queue.Counts{Ready: 1, Unacked: 1, ReadyBytes: 2}},
	}, h.Queues)
	assert.ElementsMatch(t, bindings, h.Bindings)
}

func TestSnapshotOfConnections(t *testing.T) {
	clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	b := start(t, broker.Config{Clock: clock, DefaultPrefetch: 77})
	listen(t, b)
	v := vhost(t, b)
	declare(t, v, "q")
	silent := rawDial(t, b) // not open: not shown
	defer silent.nc.Close()

	props := amqp091.NewConnectionProperties()
	props.SetClientConnectionName("worker 1")
	conn, err := amqp091.DialConfig(b.URL(), amqp091.Config{Properties: props})
	require.NoError(t, err)
	defer conn.Close()
	since := clock.Now()
	clock.Advance(time.Second)
	plain := connect(t, b)

	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Qos(5, 0, false))
	_, err = ch.Consume("q", "c1", false, false, false, false, amqp091.Table{"x-priority": int32(9)})
	require.NoError(t, err)
	require.NoError(t, ch.Qos(8, 0, true))
	_, err = ch.Consume("q", "c2", true, false, false, false, nil)
	require.NoError(t, err)
	for range 2 {
		_, err := v.Publish("", "q", broker.Message{})
		require.NoError(t, err)
	}

	s := b.Snapshot()
	require.Len(t, s.Connections, 2)
	first := s.Connections[0]
	assert.Equal(t, conn.LocalAddr().String(), first.Peer)
	assert.Equal(t, "client", s.Connections[1].Peer)
	assert.Equal(t, first.Peer+" -> "+first.Local, first.ID)
	assert.Contains(t, first.Properties, amqp.Field{Key: "connection_name", Value: "worker 1"})
	assert.NotZero(t, first.Received)
	assert.NotZero(t, first.Sent)
	assert.NotZero(t, first.Reads)
	assert.NotZero(t, first.Writes)
	first.Reads, first.Writes, first.Pending = 0, 0, 0
	first.ID, first.Peer, first.Local, first.Properties, first.Received, first.Sent = "", "", "", nil, 0, 0
	assert.Equal(t, broker.ConnectionInfo{
		Mechanism: "PLAIN", State: "running", ChannelMax: 2047, FrameMax: 131072, Heartbeat: 10 * time.Second,
		Name: "worker 1", User: "guest", VHost: "/", Since: since,
		Channels: []broker.ChannelInfo{
			{Number: 1, Unacked: 2, Prefetch: 5, GlobalPrefetch: 8, Stats: broker.MessageStats{Deliver: 2}, Consumers: []broker.ConsumerInfo{
				{Tag: "c1", Queue: "q", Prefetch: 5, Unacked: 2, Priority: 9, Active: true, Args: map[string]any{"x-priority": int32(9)}, Timeout: 30 * time.Minute},
				{Tag: "c2", Queue: "q", NoAck: true, Prefetch: 5, Active: true, Timeout: 30 * time.Minute},
			}},
			{Number: 2, Prefetch: 77},
		},
	}, first)

	require.NoError(t, plain.Close())
	require.NoError(t, conn.Close())
	eventually(t, "the connections are gone", func() bool { return len(b.Snapshot().Connections) == 0 })
}
