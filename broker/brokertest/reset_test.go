package brokertest_test

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// After a reset nothing is left, at the same address.
func TestReset(t *testing.T) {
	for name, opts := range map[string][]brokertest.Option{
		"memory": nil, "durable": {brokertest.Durable()}, "folder": {brokertest.WithDataDir(t.TempDir())},
	} {
		t.Run(name, func(t *testing.T) {
			mq := brokertest.New(t, opts...)
			conn, err := amqp091.Dial(mq.URL())
			require.NoError(t, err)
			closed := conn.NotifyClose(make(chan *amqp091.Error, 1))
			mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q", Durable: true}}})
			mq.In("other").Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q", Durable: true}}})
			mq.Publish("", "q", []byte("a"), brokertest.Persistent())
			f := mq.Fault(brokertest.On("*"), brokertest.Swallow())
			mq.SetAlarm(broker.MemoryAlarm, true)
			if name != "memory" {
				mq.FailNextSync(-1)
			}
			url := mq.URL()
			mq.Reset()
			assert.Equal(t, 320, (<-closed).Code)
			assert.Equal(t, url, mq.URL())
			assert.Empty(t, mq.Topology().Queues)
			assert.Empty(t, mq.Published())
			assert.Empty(t, mq.Faults())
			assert.True(t, f.Removed())
			assert.Len(t, mq.Broker().Snapshot().VHosts, 1)

			conn, err = amqp091.Dial(mq.URL())
			require.NoError(t, err)
			ch, err := conn.Channel()
			require.NoError(t, err)
			require.NoError(t, ch.Confirm(false))
			_, err = ch.QueueDeclare("q", true, false, false, false, nil)
			require.NoError(t, err)
			c, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp091.Publishing{DeliveryMode: amqp091.Persistent})
			require.NoError(t, err)
			assert.True(t, c.Wait())
			assert.EqualValues(t, 1, mq.Published()[0].ID)
			require.NoError(t, conn.Close())
		})
	}
}
