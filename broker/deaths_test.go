package broker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

func TestDeathsOfAMessage(t *testing.T) {
	clock := delay.NewManual(time.Unix(1_900_000_000, 0))
	b, err := broker.New(broker.Config{Clock: clock})
	require.NoError(t, err)
	defer b.Close()
	v, err := b.VHost("")
	require.NoError(t, err)
	dead := func(to string) map[string]any {
		return map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": to}
	}
	for name, args := range map[string]map[string]any{"work": dead("retry"), "retry": dead("work")} {
		if name == "retry" {
			args["x-message-ttl"] = 1000
		}
		_, err := v.DeclareQueue(broker.Queue{Name: name, Args: args})
		require.NoError(t, err)
	}
	_, err = v.Publish("", "work", broker.Message{
		Properties: amqp.Properties{Expiration: "500000", Flags: amqp.HasExpiration}, Body: []byte("m"),
	})
	require.NoError(t, err)
	for range 3 {
		d, ok, err := v.Get("work", false)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, d.Nack(false))
		clock.Advance(time.Second)
	}
	list, err := v.Peek("work", 1)
	require.NoError(t, err)
	at := time.Unix(1_900_000_000, 0)
	assert.Equal(t, []broker.Death{
		{Queue: "retry", Reason: "expired", Count: 3, Time: at.Add(time.Second), Keys: []string{"retry"}},
		{Queue: "work", Reason: "rejected", Count: 3, Time: at, Keys: []string{"work"}, OriginalExpiration: "500000"},
	}, list[0].Deaths())
}

// A client may send anything as x-death.
func TestDeathsThatAreNone(t *testing.T) {
	for _, header := range []any{nil, "x", amqp.Array{"x", int32(1)}} {
		m := broker.Message{Properties: amqp.Properties{Headers: amqp.Table{{Key: "x-death", Value: header}}}}
		assert.Empty(t, m.Deaths())
	}
	m := broker.Message{Properties: amqp.Properties{Headers: amqp.Table{{Key: "x-death", Value: amqp.Array{
		amqp.Table{{Key: "queue", Value: int32(1)}, {Key: "routing-keys", Value: amqp.Array{int32(1), "k"}}, {Key: "time", Value: "now"}},
	}}}}}
	assert.Equal(t, []broker.Death{{Keys: []string{"k"}}}, m.Deaths())
	assert.Empty(t, (&broker.Message{}).Deaths())
}
