package perf

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp/link"
	"github.com/rabbetmq/rabbet/broker"
)

func startBroker(t *testing.T) *broker.Broker {
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	_, err = b.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return b
}

// RabbitMQ's own client delivers and confirms all that it publishes, with and without what
// frameworks add.
func TestOfficialClient(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"plain":             func(c *Config) {},
		"headers":           func(c *Config) { c.Headers = 5 },
		"confirms":          func(c *Config) { c.Confirm, c.AckEvery = 10, 1 },
		"rate, 2 producers": func(c *Config) { c.Producers, c.Rate, c.Messages = 2, 2000, 100 },
		"mandatory":         func(c *Config) { c.Mandatory, c.AutoAck = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			b := startBroker(t)
			c := Defaults()
			c.URL, c.Time, c.Messages, c.Official = b.URL(), 0, 1000, true
			change(&c)
			result, err := Run(t.Context(), c, silent)
			require.NoError(t, err)
			sent := int64(c.Messages * c.Producers)
			assert.Equal(t, sent, result.Sent)
			assert.Equal(t, sent, result.Received)
			if c.Confirm > 0 {
				assert.Equal(t, sent, result.Confirmed)
			}
			assert.Positive(t, result.Latency.Max)
			assert.Empty(t, b.Snapshot().VHosts[0].Queues, "the run removes its queues")
		})
	}
}

func TestOfficialClientThatIsRefused(t *testing.T) {
	b := startBroker(t)
	c := Defaults()
	c.URL, c.Official, c.Time = b.URL(), true, time.Minute
	c.Predeclared, c.Queue, c.Consumers = true, "none", 0
	c.Exchange = "no such exchange"
	_, err := Run(t.Context(), c, silent)
	var closed *link.CloseError
	require.ErrorAs(t, err, &closed)
	assert.EqualValues(t, 404, closed.Code)
	assert.False(t, closed.Connection, "it is the channel")
}
