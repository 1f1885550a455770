package broker_test

import (
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// What 4.0.5 made of four messages, with overwrite and without.
func TestStamps(t *testing.T) {
	const node = "rabbit@here"
	now := time.UnixMilli(1_796_101_937_016)
	for stamp, want := range map[broker.Stamp][]amqp091.Publishing{
		broker.StampAlways: {
			{Headers: amqp091.Table{"timestamp_in_ms": now.UnixMilli(), "x-routed-by": node}, Timestamp: now},
			{Headers: amqp091.Table{"timestamp_in_ms": now.UnixMilli(), "x-routed-by": node, "b": int32(2), "z": "1"}, Timestamp: now},
			{Headers: amqp091.Table{"timestamp_in_ms": now.UnixMilli(), "x-routed-by": node}, Timestamp: now},
			{Headers: amqp091.Table{"timestamp_in_ms": now.UnixMilli(), "x-routed-by": node}, Timestamp: now},
		},
		broker.StampMissing: {
			{Headers: amqp091.Table{"timestamp_in_ms": now.UnixMilli(), "x-routed-by": node}, Timestamp: now},
			{Headers: amqp091.Table{"timestamp_in_ms": now.UnixMilli(), "x-routed-by": node, "b": int32(2), "z": "1"}, Timestamp: now},
			{Headers: amqp091.Table{"timestamp_in_ms": int64(7), "x-routed-by": "me"}, Timestamp: time.Unix(5, 0)},
			{Headers: amqp091.Table{"timestamp_in_ms": "text", "x-routed-by": node}, Timestamp: now},
		},
	} {
		b := start(t, broker.Config{Clock: delay.NewManual(now), Stamps: &broker.Stamps{Timestamp: stamp, Node: stamp, NodeName: node}})
		ch := channel(t, b)
		for _, q := range []string{"q", "routed"} {
			_, err := ch.QueueDeclare(q, false, false, false, false, nil)
			require.NoError(t, err)
		}
		require.NoError(t, ch.QueueBind("routed", "", "amq.headers", false, amqp091.Table{"x-match": "all-with-x", "x-routed-by": node}))
		for _, p := range []amqp091.Publishing{
			{},
			{Headers: amqp091.Table{"z": "1", "b": int32(2)}},
			{Headers: amqp091.Table{"timestamp_in_ms": int64(7), "x-routed-by": "me"}, Timestamp: time.Unix(5, 0)},
			{Headers: amqp091.Table{"timestamp_in_ms": "text"}},
		} {
			require.NoError(t, ch.PublishWithContext(t.Context(), "", "q", false, false, p))
			require.NoError(t, ch.PublishWithContext(t.Context(), "amq.headers", "", false, false, p))
		}
		routed := 0
		for i, w := range want {
			d, ok, err := ch.Get("q", true)
			require.NoError(t, err)
			require.True(t, ok)
			assert.Equal(t, w.Headers, d.Headers, "%d", i)
			assert.Equal(t, w.Timestamp.Unix(), d.Timestamp.Unix(), "%d", i)
			if w.Headers["x-routed-by"] == node {
				routed++
			}
		}
		counts, err := vhost(t, b).Counts("routed")
		require.NoError(t, err)
		assert.Equal(t, routed, counts.Ready, "a binding sees the stamp")
	}
}

// A message from Go is stamped as well, and its sender's properties stay as they are.
func TestStampsOfGo(t *testing.T) {
	now := time.UnixMilli(1_796_101_937_016)
	b := start(t, broker.Config{Clock: delay.NewManual(now), Stamps: &broker.Stamps{Timestamp: broker.StampAlways}})
	v := vhost(t, b)
	declare(t, v, "q")
	headers := append(make(amqp.Table, 0, 4), amqp.Field{Key: "timestamp_in_ms", Value: "mine"})
	m := broker.Message{Properties: amqp.Properties{Flags: amqp.HasHeaders, Headers: headers}}
	_, err := v.Publish("", "q", m)
	require.NoError(t, err)
	d := take(t, v, "q")
	assert.EqualValues(t, now.Unix(), d.Properties.Timestamp)
	got, _ := d.Properties.Headers.Get("timestamp_in_ms")
	assert.Equal(t, now.UnixMilli(), got)
	assert.Equal(t, "mine", headers[0].Value)
	assert.Empty(t, headers[:4][1].Key)
}
