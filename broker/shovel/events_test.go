package shovel_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/shovel"
)

// EVENT-4: what happens to a shovel is told with the headers that 3.10.8 sends.
func TestEvents(t *testing.T) {
	b, err := broker.New(broker.Config{EventExchange: true})
	require.NoError(t, err)
	defer b.Close()
	v := vhost(t, b)
	for _, name := range []string{"events", "a"} {
		_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true})
		require.NoError(t, err)
	}
	require.NoError(t, v.Bind(broker.Binding{Source: "amq.rabbitmq.event", Destination: "events", Key: "shovel.#"}))
	m := shovel.Start(b, shovel.Config{})
	defer m.Close()
	told := func(n int) {
		eventually(t, func() bool { return ready(t, b, "events") == n }, "%d events", n)
	}
	set(t, b, "s", "src-uri", "amqp://", "src-queue", "a", "dest-uri", "amqp://", "dest-queue", "b")
	told(2)
	require.True(t, v.DeleteParameter(shovel.Component, "s"))
	told(3)
	set(t, b, "ten", "src-uri", "amqp://", "src-queue", "a", "dest-protocol", "amqp10", "dest-uri", "amqp://", "dest-address", "x")
	told(5)
	state(t, m, "ten", shovel.Terminated)
	require.True(t, v.DeleteParameter(shovel.Component, "ten"))
	told(6)

	var keys []string
	var headers []map[string]any
	for range 6 {
		d, ok, err := v.Get("events", true)
		require.NoError(t, err)
		require.True(t, ok)
		h := d.Properties.Headers.Map()
		assert.Contains(t, h, "timestamp_in_ms")
		delete(h, "timestamp_in_ms")
		keys, headers = append(keys, d.Key), append(headers, h)
	}
	const status, removed = "shovel.worker.status", "shovel.worker.removed"
	assert.Equal(t, []string{status, status, removed, status, status, removed}, keys)
	assert.Equal(t, []map[string]any{
		{"name": "s", "vhost": "/", "status": "starting"},
		{
			"name": "s", "vhost": "/", "status": "running", "src_uri": "amqp://", "src_protocol": "amqp091", "src_queue": "a",
			"dest_uri": "amqp://", "dest_protocol": "amqp091", "dest_queue": "b",
		},
		{"name": "s", "vhost": "/"},
		{"name": "ten", "vhost": "/", "status": "starting"},
		{"name": "ten", "vhost": "/", "status": "terminated", "reason": "AMQP 1.0 is not spoken here"},
		{"name": "ten", "vhost": "/"},
	}, headers)
}
