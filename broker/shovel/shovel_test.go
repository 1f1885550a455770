package shovel_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/shovel"
)

// fill makes a durable queue with n persistent messages.
func fill(mq *brokertest.Broker, queue string, n int) {
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: queue, Durable: true}}})
	for i := range n {
		mq.Publish("", queue, fmt.Appendf(nil, "%d", i), brokertest.Persistent())
	}
}

func TestMessagesMoveInOrderAndLeaveNothing(t *testing.T) {
	for _, mode := range []string{"on-confirm", "on-publish", "no-ack"} {
		t.Run(mode, func(t *testing.T) {
			from, to := brokertest.New(t), brokertest.New(t)
			fill(from, "orders", 5000)
			m := start(t, from.Broker())
			set(t, from.Broker(), "s", "src-uri", "amqp://", "src-queue", "orders", "dest-uri", uri(t, to), "dest-queue", "copy", "ack-mode", mode)
			st := state(t, m, "s", shovel.Running)
			assert.Equal(t, []shovel.Endpoint{{Name: "src_queue", Value: "orders"}, {Name: "dest_queue", Value: "copy"}}, st.Endpoints)
			eventually(t, func() bool { return ready(t, to.Broker(), "copy") == 5000 }, "messages are missing")
			eventually(t, func() bool {
				c, err := vhost(t, from.Broker()).Counts("orders")
				return err == nil && c.Ready+c.Unacked == 0
			}, "messages are left")
			list, err := vhost(t, to.Broker()).Peek("copy", 5000)
			require.NoError(t, err)
			for i, msg := range list {
				require.Equal(t, fmt.Sprint(i), string(msg.Body))
			}
			assert.EqualValues(t, 5000, m.Forwarded())
		})
	}
}

// While shovels are disabled none runs and none can be set; their parameters stay, and can
// be deleted. What is there runs when they are enabled again.
func TestShovelsAreDisabledAndEnabled(t *testing.T) {
	mq := brokertest.New(t)
	b := mq.Broker()
	m := start(t, b)
	place := []any{"src-uri", "amqp://", "src-queue", "a", "dest-uri", "amqp://", "dest-queue", "b"}
	for _, name := range []string{"s", "gone"} {
		set(t, b, name, place...)
		state(t, m, name, shovel.Running)
	}
	for range 2 { // the second time it does nothing
		m.SetEnabled(false)
		assert.Empty(t, m.Shovels())
		eventually(t, func() bool { return len(b.Connections()) == 0 }, "connections are left")
	}
	assert.False(t, m.Restart("/", "s"))
	fill(mq, "a", 10)
	err := vhost(t, b).SetParameter(shovel.Component, "new", value(t, place...))
	require.ErrorContains(t, err, "component shovel not found")
	assert.Len(t, vhost(t, b).Parameters(shovel.Component), 2)
	assert.True(t, vhost(t, b).DeleteParameter(shovel.Component, "gone"))
	assert.Equal(t, 10, ready(t, b, "a"))

	for range 2 {
		m.SetEnabled(true)
		assert.Len(t, m.Shovels(), 1)
	}
	state(t, m, "s", shovel.Running)
	eventually(t, func() bool { return ready(t, b, "b") == 10 }, "messages are missing")
	set(t, b, "new", place...)
	state(t, m, "new", shovel.Running)
}

// A Manager that begins disabled runs nothing until it is enabled.
func TestShovelsBeginDisabled(t *testing.T) {
	mq := brokertest.New(t)
	require.NoError(t, vhost(t, mq.Broker()).SetParameter(shovel.Component, "s",
		value(t, "src-uri", "amqp://", "src-queue", "a", "dest-uri", "amqp://", "dest-queue", "b")))
	m := shovel.Start(mq.Broker(), shovel.Config{Disabled: true})
	t.Cleanup(m.Close)
	assert.Empty(t, m.Shovels())
	m.SetEnabled(true)
	state(t, m, "s", shovel.Running)
}
