package broker_test

// Routing keys that come from field tables, where they may be longer than a
// delivery, or the store, has room for (LIMIT-8).

import (
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A BCC key is no part of what is delivered, but the store keeps it (EXCH-45).
func TestRestartKeepsMessagesWithLongBCC(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		declareDurable(t, v, "q", map[string]any{"x-dead-letter-exchange": "amq.topic"})
		headers := amqp.Table{{Key: "BCC", Value: amqp.Array{strings.Repeat("k", 300), "short"}}}
		_, err := v.Publish("", "q", broker.Message{Body: []byte("body"), Properties: persistent(func(p *amqp.Properties) {
			p.Headers, p.Flags = headers, p.Flags|amqp.HasHeaders
		})})
		require.NoError(t, err)
		restart()
		v = vhost(t, h.Broker)
		assert.Equal(t, []string{"body"}, bodies(t, v, "q"))
		dead := declare(t, v, "dead")
		require.NoError(t, v.Bind(broker.Binding{Source: "amq.topic", Destination: dead, Key: "short"}))
		d, _, err := v.Get("q", false)
		require.NoError(t, err)
		require.NoError(t, d.Nack(false))
		assert.Equal(t, []string{"body"}, bodies(t, v, "dead"), "routed by the key behind the long one (QUEUE-72)")
	})
}

// The key of a strict exchange's dead letters is cut as a queue's is.
func TestStrictDeadLetterKeyIsCut(t *testing.T) {
	clock := delay.NewManual(newYear)
	b := start(t, broker.Config{Clock: clock, PeerClock: delay.Real{}})
	long := strings.Repeat("k", 300)
	w := newWaitingRoom(t, b, "x", strict(map[string]any{"x-dead-letter-exchange": "amq.fanout", "x-dead-letter-routing-key": long}))
	grave := declare(t, w.v, "grave")
	require.NoError(t, w.v.Bind(broker.Binding{Source: "amq.fanout", Destination: grave}))
	ch := channel(t, b)
	require.NoError(t, ch.Publish("x", "nowhere", false, false, amqp091.Publishing{
		Headers: amqp091.Table{"x-delay": int64(10)}, Body: []byte("m"),
	}))
	eventually(t, "the message to be kept", func() bool { return w.waiting().Count == 1 })
	clock.Advance(10 * time.Millisecond)
	deliveries, err := ch.Consume(grave, "", true, false, false, false, nil)
	require.NoError(t, err)
	d := receive(t, deliveries)
	assert.Equal(t, long[:255], d.RoutingKey)
	assert.Equal(t, "m", string(d.Body))
}
