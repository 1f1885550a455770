package broker_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// Case declare-ok-not-synced: what was answered is there after a crash, without anything
// that was published after it. (PERSIST-1: durable queues and exchanges, PERSIST-4: their
// bindings.)
func TestAnswersWaitForTheDisk(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(dir, store.Options{})
	require.NoError(t, err)
	b, err := broker.New(broker.Config{Store: st})
	require.NoError(t, err)
	c := rawOpen(t, b, 0)
	c.channel(1)
	c.send(1, &amqp.QueueDeclare{Queue: "kept", Durable: true}, &amqp.QueueDeclare{Queue: "deleted", Durable: true},
		&amqp.ExchangeDeclare{Exchange: "x", Type: "direct", Durable: true},
		&amqp.QueueBind{Queue: "kept", Exchange: "x", RoutingKey: "k"}, &amqp.QueueDelete{Queue: "deleted"})
	expect[*amqp.QueueDeclareOk](c)
	expect[*amqp.QueueDeclareOk](c)
	expect[*amqp.ExchangeDeclareOk](c)
	expect[*amqp.QueueBindOk](c)
	expect[*amqp.QueueDeleteOk](c)
	require.NoError(t, st.Abandon()) // a crash: what is pending is lost
	require.Error(t, b.Close(), "its store is gone")

	st, err = store.Open(dir, store.Options{})
	require.NoError(t, err)
	b = start(t, broker.Config{Store: st})
	vh, err := b.VHost("")
	require.NoError(t, err)
	n, err := vh.Publish("x", "k", broker.Message{})
	require.NoError(t, err)
	assert.Equal(t, 1, n, "queue, exchange and binding are there")
	_, err = vh.Counts("deleted")
	assert.Error(t, err, "and what was deleted is not")
}
