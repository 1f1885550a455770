package broker_test

// What a crash leaves after any one of the commits: a message on its way from
// one queue to another is in one of them at least.

import (
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/store"
)

// The committer takes what is there while the move goes on, so that commits are
// cut anywhere in it; more rounds, more places.
func TestEveryCommitHasAMovingMessageSomewhere(t *testing.T) {
	const rounds, batch = 12, 50
	reject := func(t *testing.T, ch *amqp091.Channel, out []amqp091.Delivery) {
		require.NoError(t, out[len(out)-1].Nack(true, false))
	}
	for name, tc := range map[string]struct {
		args map[string]any // of the queue that is left
		tx   bool
		move func(t *testing.T, ch *amqp091.Channel, out []amqp091.Delivery)
	}{
		"rejected":     {map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "to"}, false, reject},
		"rejected, tx": {map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "to"}, true, reject},
		"moved, tx": {nil, true, func(t *testing.T, ch *amqp091.Channel, out []amqp091.Delivery) {
			for _, d := range out {
				require.NoError(t, d.Ack(false))
				require.NoError(t, ch.Publish("", "to", false, false, amqp091.Publishing{DeliveryMode: 2, Body: d.Body}))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{t: t, dir: t.TempDir()}
			var watching atomic.Bool
			commits := 0
			var err error
			h.store, err = store.Open(h.dir, store.Options{Sync: store.SyncNone, OnCommit: func(error) {
				if watching.Load() {
					commits++
					assertAllThere(t, h.dir, rounds*batch)
				}
			}})
			require.NoError(t, err)
			h.Broker = start(t, broker.Config{Store: h.store})
			v := vhost(t, h.Broker)
			declareDurable(t, v, "from", tc.args)
			declareDurable(t, v, "to", nil)
			for i := range rounds * batch {
				publishPersistent(t, v, "from", strconv.Itoa(i))
			}
			h.commit()
			watching.Store(true)
			for round := range rounds {
				ch := channel(t, h.Broker)
				if tc.tx {
					require.NoError(t, ch.Tx())
				}
				tc.move(t, ch, get(t, ch, "from", batch))
				if tc.tx {
					require.NoError(t, ch.TxCommit())
				}
				eventually(t, "all have moved", func() bool {
					n, err := v.Counts("to")
					return err == nil && n.Ready == (round+1)*batch
				})
				h.commit()
			}
			watching.Store(false)
			assert.GreaterOrEqual(t, commits, rounds)
		})
	}
}

// A transaction is handled without a pause, so that a commit hardly ever cuts it.
// Here one does, before each of its acks: what it publishes is there by then
// (BASIC-83, BASIC-84).
func TestATransactionPublishesBeforeItAcks(t *testing.T) {
	const messages = 5
	h := &house{t: t, dir: t.TempDir()}
	var err error
	h.store, err = store.Open(h.dir, store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	acks := 0
	h.Broker = start(t, broker.Config{Store: h.store, Tap: &tap.Tap{Record: func(e tap.Event) uint64 {
		if e.Kind == tap.EventAcked { // about to be
			acks++
			done := make(onDisk, 1)
			h.store.Notify(done)
			assert.NoError(t, <-done)
			assertAllThere(t, h.dir, messages)
		}
		return 1
	}}})
	v := vhost(t, h.Broker)
	declareDurable(t, v, "from", nil)
	declareDurable(t, v, "to", nil)
	for i := range messages {
		publishPersistent(t, v, "from", strconv.Itoa(i))
	}
	ch := channel(t, h.Broker)
	require.NoError(t, ch.Tx())
	for _, d := range get(t, ch, "from", messages) {
		require.NoError(t, d.Ack(false))
		require.NoError(t, ch.Publish("", "to", false, false, amqp091.Publishing{DeliveryMode: 2, Body: d.Body}))
	}
	require.NoError(t, ch.TxCommit())
	assert.Equal(t, messages, acks)
	h.commit()
	assertAllThere(t, h.dir, messages)
}

// assertAllThere starts a broker on a copy of the folder and looks for every
// message.
func assertAllThere(t *testing.T, dir string, n int) {
	twin := t.TempDir()
	require.NoError(t, os.CopyFS(twin, os.DirFS(dir)))
	st, err := store.Open(twin, store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	b, err := broker.New(broker.Config{Store: st})
	require.NoError(t, err)
	defer b.Close()
	there := make(map[string]bool)
	for _, queue := range []string{"from", "to"} {
		messages, err := vhost(t, b).Peek(queue, n)
		require.NoError(t, err)
		for _, m := range messages {
			there[string(m.Body)] = true
		}
	}
	assert.Equal(t, n, len(there), "a crash at this commit would lose messages")
}
