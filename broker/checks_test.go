package broker_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// A countingClock is a manual clock that counts the calls of its timers.
type countingClock struct {
	*delay.Manual
	calls atomic.Int64
}

func (c *countingClock) AfterFunc(d time.Duration, f func()) delay.Timer {
	return c.Manual.AfterFunc(d, func() {
		c.calls.Add(1)
		f()
	})
}

// Virtual time in which nothing falls due costs nothing, however long it is:
// neither the watch of the machine nor that of deliveries wakes up for it.
func TestIdleYears(t *testing.T) {
	const decade = 10 * 365 * 24 * time.Hour
	st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	clock := &countingClock{Manual: delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))}
	b := start(t, broker.Config{Clock: clock, PeerClock: delay.Real{}, Store: st, MemoryLimit: 1 << 40})
	v := vhost(t, b)
	for _, q := range []broker.Queue{{Name: "q", Durable: true}, {Name: "expires", Args: map[string]any{"x-expires": 60000}}} {
		_, err := v.DeclareQueue(q)
		require.NoError(t, err)
	}
	conn := connect(t, b)
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.Consume("expires", "", false, false, false, false, nil) // keeps it from expiring
	require.NoError(t, err)
	clock.Advance(time.Minute)

	clock.calls.Store(0)
	clock.Advance(decade)
	assert.Zero(t, clock.calls.Load(), "nobody holds anything")

	fill(t, v, "q", 1)
	d, ok, err := ch.Get("q", false)
	require.NoError(t, err)
	require.True(t, ok)
	clock.Advance(2 * time.Minute)
	assert.NotZero(t, clock.calls.Load(), "a delivery is held")
	require.NoError(t, d.Ack(false))
	eventually(t, "it is acknowledged", func() bool {
		n, err := v.Counts("q")
		return err == nil && n.Unacked == 0
	})
	clock.calls.Store(0)
	clock.Advance(decade)
	assert.LessOrEqual(t, clock.calls.Load(), int64(1), "one look finds that nobody holds anything any more")
}

// What no timeout concerns is looked at once (BASIC-66).
func TestIdleYearsWithADelivery(t *testing.T) {
	clock := &countingClock{Manual: delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))}
	b := start(t, broker.Config{Profile: "4.3", Clock: clock, PeerClock: delay.Real{}})
	v := vhost(t, b)
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: true})
	require.NoError(t, err)
	fill(t, v, "q", 1)
	conn := connect(t, b)
	ch, err := conn.Channel()
	require.NoError(t, err)
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	_, ok, err := ch.Get("q", false)
	require.NoError(t, err)
	require.True(t, ok)
	clock.Advance(365 * 24 * time.Hour)
	assert.LessOrEqual(t, clock.calls.Load(), int64(61), "the marks of a minute, and a look")
	assert.Empty(t, closed)
}
