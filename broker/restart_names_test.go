package broker_test

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
)

// Case nul-in-names-loses-binding: each binding has a record of its own, whatever is in
// the names.
func TestRestartKeepsNamesWithNUL(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		for _, name := range []string{"d", "d\x00k"} {
			declareDurable(t, v, name, nil)
		}
		want := []broker.Binding{
			{Source: "amq.direct", Destination: "d", Key: "k\x00z", Args: map[string]any{}},
			{Source: "amq.direct", Destination: "d\x00k", Key: "z", Args: map[string]any{}},
		}
		for _, b := range want {
			require.NoError(t, v.Bind(b))
		}
		restart()
		restart()
		assert.Equal(t, want, h.Snapshot().VHosts[0].Bindings)
		v = vhost(t, h.Broker)
		require.NoError(t, v.Unbind(want[0]))
		_, err := v.DeleteQueue("d\x00k")
		require.NoError(t, err)
		restart()
		assert.Empty(t, h.Snapshot().VHosts[0].Bindings)
		assert.Len(t, h.Snapshot().VHosts[0].Queues, 1)
	})
}

// What is no text is refused where clients could not say it (CONN-47), and kept as it is
// where they can.
func TestNamesThatAreNotUTF8(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		const name = "a\xff"
		_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true})
		assert.EqualError(t, err, `broker: "a\xff" is not UTF-8`)
		assert.Error(t, v.DeclareExchange(broker.Exchange{Name: name}))
		assert.Error(t, v.Bind(broker.Binding{Source: "amq.direct", Destination: "q", Key: name}))
		for _, p := range []broker.Policy{
			{Name: name, Definition: map[string]any{"max-length": 1}},
			{Name: "p", Definition: map[string]any{"dead-letter-routing-key": name}},
			{Name: "p", Pattern: name, Definition: map[string]any{"max-length": 1}},
		} {
			assert.ErrorContains(t, v.SetPolicy(p), "not UTF-8")
		}
		h.AddVHost(name)
		// The alternate of a delayed exchange that is gone is in a record.
		w := newWaitingRoom(t, h.Broker, "x", map[string]any{"alternate-exchange": name})
		w.send(1<<30, "1")
		require.NoError(t, v.DeleteExchange("x"))
		restart()
		restart()
		_, err = h.VHost(name)
		assert.NoError(t, err)
		ch := channel(t, h.Broker)
		require.NoError(t, ch.Publish("", name, false, false, amqp091.Publishing{}))
	})
}
