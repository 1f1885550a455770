package broker_test

// What a connection that waits for the store owes others.

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// A transaction with a persistent message waits for the disk (BASIC-86); the
// consumers of its other messages do not.
func TestCommitThatWaitsHoldsNobodyUp(t *testing.T) {
	gate := make(chan struct{})
	st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone, OnCommit: func(error) { <-gate }})
	require.NoError(t, err)
	b := start(t, broker.Config{Store: st})
	v := vhost(t, b)
	declare(t, v, "transient")
	_, err = v.DeclareQueue(broker.Queue{Name: "durable", Durable: true})
	require.NoError(t, err)
	consumer := rawOpen(t, b, 0)
	consumer.channel(1)
	consumer.send(1, &amqp.BasicConsume{Queue: "transient", NoAck: true})
	expect[*amqp.BasicConsumeOk](consumer)

	ch := channel(t, b)
	require.NoError(t, ch.Tx())
	for _, q := range []string{"transient", "durable"} {
		require.NoError(t, ch.Publish("", q, false, false, amqp091.Publishing{DeliveryMode: 2, Body: []byte(q)}))
	}
	committed := make(chan error, 1)
	go func() { committed <- ch.TxCommit() }()
	assert.Equal(t, "transient", expect[*amqp.BasicDeliver](consumer).RoutingKey)
	assert.Empty(t, committed)
	close(gate)
	assert.NoError(t, receive(t, committed))
}
