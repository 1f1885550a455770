package brokertest_test

// What the ledger makes of restarts, and of what leaves memory.

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// A restart keeps what is durable, and the ledger knows what.
func TestLedgerAcrossRestarts(t *testing.T) {
	for name, again := range map[string]func(*brokertest.Broker){
		"restart": (*brokertest.Broker).Restart, "crash": (*brokertest.Broker).Crash,
	} {
		t.Run(name, func(t *testing.T) {
			mq := brokertest.New(t, brokertest.Durable())
			mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "durable", Durable: true}, {Name: "transient"}}})
			ch := channel(t, mq)
			require.NoError(t, ch.Confirm(false))
			for _, q := range []string{"durable", "transient"} {
				for body, mode := range map[string]uint8{"persistent": amqp091.Persistent, "fleeting": amqp091.Transient} {
					c, err := ch.PublishWithDeferredConfirm("", q, false, false, amqp091.Publishing{
						Body: []byte(q + " " + body), DeliveryMode: mode,
					})
					require.NoError(t, err)
					require.True(t, c.Wait())
				}
			}
			_, _, err := ch.Get("durable", false)
			require.NoError(t, err)
			again(mq)
			assert.Equal(t, brokertest.Waiting, state(mq, "durable persistent"))
			for _, body := range []string{"durable fleeting", "transient persistent", "transient fleeting"} {
				assert.Contains(t, []brokertest.RouteState{brokertest.Lost, brokertest.GoneWithIt}, state(mq, body), body)
			}
			assert.Equal(t, "durable persistent", string(mq.Get("durable").Body))
			assert.Equal(t, brokertest.Acked, state(mq, "durable persistent"))
		})
	}
}

// A long queue in a store leaves memory, and the ledger knows its messages when
// they are back.
func TestLedgerOfPagedMessages(t *testing.T) {
	const n = 3000
	mq := brokertest.New(t, brokertest.Durable())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		{Name: "long", Durable: true, Args: map[string]any{"x-queue-mode": "lazy"}},
	}})
	for range n {
		mq.Publish("", "long", make([]byte, 100), brokertest.Persistent())
	}
	c := mq.Consume("long")
	for range n {
		require.NoError(t, c.Next().Ack())
	}
	assert.Len(t, mq.Published(brokertest.InState(brokertest.Acked)), n)
}
