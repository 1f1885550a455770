package brokertest_test

// Time that stands still until the test moves it.

import (
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/delay"
)

var newYear = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// waiting is a queue whose messages go on to another after a time.
func waiting(name string, ttl time.Duration, next string) broker.Queue {
	return broker.Queue{Name: name, Args: map[string]any{
		"x-message-ttl": ttl.Milliseconds(), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": next,
	}}
}

// All that falls due on the way has happened when Advance returns, each at its
// own time: nothing here waits.
func TestAdvance(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock(newYear))
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		waiting("first", 10*time.Minute, "second"), waiting("second", 20*time.Minute, "third"), {Name: "third"},
		{Name: "unused", Args: map[string]any{"x-expires": int64(time.Hour / time.Millisecond)}},
	}})
	mq.Publish("", "first", []byte("a"))
	mq.Publish("", "third", []byte("short"), brokertest.Expiration(time.Minute))

	mq.Advance(time.Minute - time.Millisecond)
	assert.Len(t, mq.Ready("third"), 1)
	mq.Advance(time.Millisecond)
	assert.Empty(t, mq.Ready("third"))
	assert.Len(t, mq.Ready("first"), 1)

	mq.Advance(29 * time.Minute)
	assert.Equal(t, newYear.Add(30*time.Minute), mq.Now())
	require.Len(t, mq.Ready("third"), 1)
	deaths, _ := mq.Ready("third")[0].Properties.Headers.Get("x-death")
	assert.Len(t, deaths, 2)

	mq.SetTime(newYear.Add(time.Hour))
	assert.Len(t, mq.Topology().Queues, 3, "QUEUE-58: the unused queue is gone")
	mq.SetTime(newYear)
	assert.Equal(t, newYear, mq.Now())
	assert.Len(t, mq.Ready("third"), 1)
}

// Delays of a delayed exchange are time as well.
func TestAdvanceDelayedExchange(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock())
	mq.Declare(brokertest.Topology{
		Exchanges: []broker.Exchange{{Name: "later", Type: "x-delayed-message", Args: map[string]any{"x-delayed-type": "direct"}}},
		Queues:    []broker.Queue{{Name: "q"}},
		Bindings:  []broker.Binding{{Source: "later", Destination: "q", Key: "k"}},
	})
	mq.Publish("later", "k", nil, brokertest.Header("x-delay", time.Minute.Milliseconds()))
	mq.Advance(time.Minute - time.Millisecond)
	assert.Empty(t, mq.Ready("q"))
	mq.Advance(time.Millisecond)
	assert.Len(t, mq.Ready("q"), 1)
}

// A client lives in real time: hours of the broker's do not make it silent.
func TestAdvanceLeavesClientsAlone(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock())
	conn, err := amqp091.Dial(mq.URL())
	require.NoError(t, err)
	defer conn.Close()
	for range 10 {
		mq.Advance(time.Hour)
	}
	_, err = conn.Channel()
	assert.NoError(t, err)
}

// BASIC-65: a delivery that is held for too long costs the channel.
func TestAdvanceOverdueDelivery(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock())
	queues(mq, "q")
	mq.Publish("", "q", []byte("slow"))
	ch := channel(t, mq)
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	_, _, err := ch.Get("q", false)
	require.NoError(t, err)
	mq.Advance(32 * time.Minute)
	assert.Equal(t, 406, (<-closed).Code)
	mq.RequireReady("q", 1)
}

// One clock for many brokers.
func TestWithClock(t *testing.T) {
	clock := delay.NewManual(newYear)
	a, b := brokertest.New(t, brokertest.WithClock(clock)), brokertest.New(t, brokertest.WithClock(clock))
	for _, mq := range []*brokertest.Broker{a, b} {
		mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q"}}})
		mq.Publish("", "q", nil, brokertest.Expiration(time.Second))
	}
	clock.Advance(time.Second)
	a.RequireEmpty()
	b.RequireEmpty()
	b.Advance(time.Second)
	assert.Equal(t, newYear.Add(2*time.Second), a.Now())
}

// Time to live goes on where it was when the broker starts again.
func TestAdvanceAcrossRestart(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock(newYear), brokertest.Durable())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q", Durable: true}}})
	mq.Publish("", "q", nil, brokertest.Persistent(), brokertest.Expiration(time.Minute))
	mq.Advance(59 * time.Second)
	mq.Restart()
	assert.Len(t, mq.Ready("q"), 1)
	mq.Advance(time.Second)
	mq.RequireEmpty("q")
}

func TestRealTime(t *testing.T) {
	mq := brokertest.New(t)
	assert.WithinDuration(t, delay.Real{}.Now(), mq.Now(), time.Minute)
	queues(mq, "q")
	mq.Publish("", "q", nil, brokertest.Expiration(time.Millisecond))
	mq.RequireEmpty()
}
