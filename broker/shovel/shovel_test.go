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
