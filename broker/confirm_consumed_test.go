package broker_test

// Confirms of messages that were consumed before they were on the disk
// (BASIC-17).

import (
	"sync"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// The disk stands still while a message is consumed: its confirm waits for the
// disk only if something could be lost with it.
func TestConfirmOfTheConsumed(t *testing.T) {
	for name, tc := range map[string]struct {
		consume func(t *testing.T, ch *amqp091.Channel)
		early   bool
	}{
		"acked": {early: true, consume: func(t *testing.T, ch *amqp091.Channel) {
			require.NoError(t, get(t, ch, "q", 1)[0].Ack(false))
		}},
		"taken without ack": {early: true, consume: func(t *testing.T, ch *amqp091.Channel) {
			_, ok, err := ch.Get("q", true)
			require.NoError(t, err)
			require.True(t, ok)
		}},
		"dead-lettered": {consume: func(t *testing.T, ch *amqp091.Channel) {
			require.NoError(t, get(t, ch, "q", 1)[0].Reject(false))
		}},
		"requeued": {consume: func(t *testing.T, ch *amqp091.Channel) {
			require.NoError(t, get(t, ch, "q", 1)[0].Reject(true))
		}},
		"acked in a transaction": {consume: func(t *testing.T, ch *amqp091.Channel) {
			require.NoError(t, ch.Tx()) // what is published with it may yet be lost
			require.NoError(t, get(t, ch, "q", 1)[0].Ack(false))
			require.NoError(t, ch.Publish("", "dead", false, false, amqp091.Publishing{DeliveryMode: 2}))
			go func() { _ = ch.TxCommit() }()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var disk sync.Mutex
			h := &house{t: t}
			var err error
			h.store, err = store.Open(t.TempDir(), store.Options{Sync: store.SyncNone, BeforeCommit: func() error {
				disk.Lock()
				defer disk.Unlock()
				return nil
			}})
			require.NoError(t, err)
			h.Broker = start(t, broker.Config{Store: h.store})
			v := vhost(t, h.Broker)
			declareDurable(t, v, "q", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
			declareDurable(t, v, "dead", nil)
			h.commit()
			publisher, consumer := channel(t, h.Broker), channel(t, h.Broker)
			require.NoError(t, publisher.Confirm(false))
			confirms := publisher.NotifyPublish(make(chan amqp091.Confirmation, 10))

			disk.Lock()
			require.NoError(t, publisher.Publish("", "q", false, false, amqp091.Publishing{DeliveryMode: 2}))
			eventually(t, "it is there", func() bool {
				n, err := v.Counts("q")
				return err == nil && n.Ready == 1
			})
			tc.consume(t, consumer)
			eventually(t, "it has been settled", func() bool {
				n, err := v.Counts("q")
				return err == nil && n.Unacked == 0
			})
			if tc.early {
				assert.Equal(t, amqp091.Confirmation{DeliveryTag: 1, Ack: true}, receive(t, confirms))
			}
			for _, ch := range []*amqp091.Channel{channel(t, h.Broker), publisher} { // whatever is to come has come
				_, err := ch.QueueDeclarePassive("q", true, false, false, false, nil)
				require.NoError(t, err)
			}
			assert.Empty(t, confirms)
			disk.Unlock()
			if !tc.early {
				assert.Equal(t, amqp091.Confirmation{DeliveryTag: 1, Ack: true}, receive(t, confirms))
			}
			h.commit()
			assert.Empty(t, confirms, "confirmed once")
		})
	}
}
