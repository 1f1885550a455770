package broker_test

import (
	"context"
	"testing"
	"time"

	official "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

// TRACE-1 to TRACE-4: copies of publishes and deliveries, while it is on.
func TestFirehose(t *testing.T) {
	b := start(t, broker.Config{})
	v, err := b.VHost("/")
	require.NoError(t, err)
	ch, err := connect(t, b).Channel()
	require.NoError(t, err)
	_, err = v.DeclareQueue(broker.Queue{Name: "trace"})
	require.NoError(t, err)
	require.NoError(t, v.Bind(broker.Binding{Source: "amq.rabbitmq.trace", Destination: "trace", Key: "#"}))
	_, err = v.DeclareQueue(broker.Queue{Name: "q"})
	require.NoError(t, err)
	c, err := v.Consume("trace", broker.ConsumeOptions{NoAck: true})
	require.NoError(t, err)
	defer c.Close()
	publish := func(key, body string) {
		require.NoError(t, ch.PublishWithContext(context.Background(), "", key, false, false, official.Publishing{
			Headers: official.Table{"CC": []any{"other"}}, DeliveryMode: 1, Body: []byte(body),
		}))
	}
	publish("q", "before")
	_, _, err = ch.Get("q", true)
	require.NoError(t, err)
	require.NoError(t, v.SetSettings(broker.VHostSettings{Tracing: true}))
	publish("q", "traced")
	_, ok, err := ch.Get("q", true)
	require.NoError(t, err)
	require.True(t, ok)
	publish("nowhere", "unroutable")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	next := func(key, body string) amqp.Table {
		d, err := c.Next(ctx)
		require.NoError(t, err)
		assert.Equal(t, []string{"amq.rabbitmq.trace", key, body}, []string{d.Exchange, d.Key, string(d.Body)})
		assert.Equal(t, amqp.HasHeaders, d.Properties.Flags)
		return d.Properties.Headers
	}
	get := func(h amqp.Table, name string) any {
		v, _ := h.Get(name)
		return v
	}
	h := next("publish.", "traced")
	assert.Equal(t, []any{"", amqp.Array{"q", "other"}, amqp.Array{"other", "q"}, "/", int32(1), "guest"},
		[]any{get(h, "exchange_name"), get(h, "routing_keys"), get(h, "routed_queues"), get(h, "vhost"), get(h, "channel"), get(h, "user")})
	assert.Equal(t, amqp.Table{
		{Key: "headers", Value: amqp.Table{{Key: "CC", Value: amqp.Array{"other"}}}}, {Key: "delivery_mode", Value: int32(1)},
	}, get(h, "properties"))
	h = next("deliver.q", "traced")
	assert.Equal(t, int32(0), get(h, "redelivered"))
	h = next("publish.", "unroutable")
	// The default exchange leads to what the keys name, there or not, as in RabbitMQ 3.10.
	assert.Equal(t, amqp.Array{"nowhere", "other"}, get(h, "routed_queues"))
	require.NoError(t, v.SetSettings(broker.VHostSettings{}))
	publish("q", "after")
	_, ok, err = ch.Get("q", true)
	require.NoError(t, err)
	require.True(t, ok)
	n, err := v.Counts("trace")
	require.NoError(t, err)
	assert.Zero(t, n.Ready)
}
