package brokertest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// A durable queue that stands still does so after a crash too, until it is said anew.
func TestStandStillSurvivesACrash(t *testing.T) {
	mq := brokertest.New(t, brokertest.Durable())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		{Name: "c", Durable: true}, {Name: "q", Durable: true, Args: map[string]any{"x-queue-type": "quorum"}}, {Name: "gone", Durable: true},
	}})
	here := func() *broker.VHost {
		v, err := mq.Broker().VHost("/")
		require.NoError(t, err)
		return v
	}
	persistent := broker.Message{Body: []byte("x"), Properties: amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 2}}
	for _, name := range []string{"gone", "c", "q"} { // the first is deleted, and the others are waited for
		_, err := here().Publish("", name, persistent)
		require.NoError(t, err)
		require.NoError(t, here().StandStill(name, false, false))
		if name == "gone" {
			_, err := here().DeleteQueue(name)
			require.NoError(t, err)
		}
	}
	mq.Crash()
	_, there := here().Queue("gone")
	assert.False(t, there)
	for _, name := range []string{"c", "q"} {
		d, _, err := here().Get(name, false)
		require.NoError(t, err)
		assert.Nil(t, d, "%s delivers nothing", name)
		_, _ = here().Publish("", name, persistent) // rejected, which the count shows
		n, err := here().Counts(name)
		require.NoError(t, err)
		assert.Equal(t, 1, n.Ready, name)
		require.NoError(t, here().StandStill(name, true, true))
	}
	mq.Crash()
	for _, name := range []string{"c", "q"} {
		d, _, err := here().Get(name, false)
		require.NoError(t, err)
		assert.NotNil(t, d, name)
	}
}
