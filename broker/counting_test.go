package broker_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

// A confirm counts as one, also of a publish that no queue has (BASIC-16), and whether it
// is sent by itself or with others.
func TestConfirmsAreCounted(t *testing.T) {
	b := start(t, broker.Config{})
	declare(t, vhost(t, b), "q")
	c := rawOpen(t, b, 0)
	c.channel(1)
	c.send(1, &amqp.ConfirmSelect{})
	expect[*amqp.ConfirmSelectOk](c)
	for i, key := range []string{"q", "nowhere", "nowhere", "q"} {
		c.write(appendPublish(nil, 1, "", key, []byte("x")))
		assert.EqualValues(t, i+1, expect[*amqp.BasicAck](c).DeliveryTag)
	}
	stats := b.Snapshot().Connections[0].Channels[0].Stats
	assert.EqualValues(t, 4, stats.PublishConfirming)
	require.EqualValues(t, 4, stats.Confirm)
}
