package broker_test

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

func publishTo(t *testing.T, ch *amqp091.Channel, queue, body string) {
	t.Helper()
	require.NoError(t, ch.PublishWithContext(context.Background(), "", queue, false, false,
		amqp091.Publishing{Body: []byte(body)}))
}

// A publisher is told, the message whose header came is taken if it has no body,
// and nothing after it until the alarm is cleared; a consumer notices nothing
// (CONN-77 to CONN-80).
func TestAlarmBlocksPublishers(t *testing.T) {
	b := start(t, broker.Config{})
	declare(t, vhost(t, b), "q")
	conn, other := connect(t, b), connect(t, b)
	blocked := conn.NotifyBlocked(make(chan amqp091.Blocking, 4))
	untold := other.NotifyBlocked(make(chan amqp091.Blocking, 4))
	ch, err := conn.Channel()
	require.NoError(t, err)
	consumer, err := other.Channel()
	require.NoError(t, err)
	deliveries, err := consumer.Consume("q", "", true, false, false, false, nil)
	require.NoError(t, err)

	b.SetAlarm(broker.MemoryAlarm, true)
	publishTo(t, ch, "q", "")
	assert.Equal(t, amqp091.Blocking{Active: true, Reason: "low on memory"}, receive(t, blocked))
	assert.Empty(t, receive(t, deliveries).Body)

	b.SetAlarm(broker.DiskAlarm, true) // CONN-81: it is told once
	publishTo(t, ch, "q", "two")
	_, err = consumer.QueueDeclarePassive("q", false, false, false, false, nil)
	require.NoError(t, err, "a connection that does not publish goes on")
	assert.Empty(t, deliveries)

	b.SetAlarm(broker.MemoryAlarm, false)
	assert.Empty(t, blocked, "one alarm is left")
	b.SetAlarm(broker.DiskAlarm, false)
	assert.Equal(t, amqp091.Blocking{Active: false}, receive(t, blocked))
	assert.Equal(t, "two", string(receive(t, deliveries).Body))
	assert.Empty(t, untold)

	b.SetAlarm(broker.MemoryAlarm, true)
	publishTo(t, ch, "q", "three")
	assert.True(t, receive(t, blocked).Active)
	_, err = consumer.QueueDeclarePassive("q", false, false, false, false, nil)
	require.NoError(t, err)
	assert.Empty(t, deliveries, "a message whose body is still to be read")
	b.SetAlarm(broker.MemoryAlarm, false)
	assert.Equal(t, "three", string(receive(t, deliveries).Body))
}

// A blocked connection can still be ended from both sides.
func TestBlockedConnectionsEnd(t *testing.T) {
	b := start(t, broker.Config{})
	conn := connect(t, b)
	blocked := conn.NotifyBlocked(make(chan amqp091.Blocking, 1))
	closed := conn.NotifyClose(make(chan *amqp091.Error, 1))
	ch, err := conn.Channel()
	require.NoError(t, err)
	b.SetAlarm(broker.DiskAlarm, true)
	publishTo(t, ch, "nowhere", "x")
	assert.Equal(t, "low on disk", receive(t, blocked).Reason)
	require.NoError(t, b.Close())
	assert.Equal(t, 320, receive(t, closed).Code)
}

// The receive side of heartbeats rests while the broker does not read
// (CONN-35).
func TestBlockedConnectionsAreNotMissed(t *testing.T) {
	clock := delay.NewManual(time.Unix(1_000_000_000, 0))
	b := start(t, broker.Config{Clock: clock, Heartbeat: 10 * time.Second})
	conn := connect(t, b)
	blocked := conn.NotifyBlocked(make(chan amqp091.Blocking, 2))
	ch, err := conn.Channel()
	require.NoError(t, err)
	b.SetAlarm(broker.MemoryAlarm, true)
	publishTo(t, ch, "nowhere", "x")
	assert.True(t, receive(t, blocked).Active)
	clock.Advance(time.Hour)
	b.SetAlarm(broker.MemoryAlarm, false)
	assert.False(t, receive(t, blocked).Active)
	_, err = ch.QueueDeclare("q", false, true, false, false, nil)
	assert.NoError(t, err)
}

// The broker watches its limits by itself.
func TestResourceLimits(t *testing.T) {
	st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	for name, cfg := range map[string]broker.Config{
		"low on memory": {MemoryLimit: 1},
		"low on disk":   {Store: st, DiskFreeLimit: 1 << 62},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			b := start(t, cfg)
			log.line(t, "level=WARN", "resource alarm: publishers are blocked", name, "limit=")
			conn := connect(t, b)
			blocked := conn.NotifyBlocked(make(chan amqp091.Blocking, 1))
			ch, err := conn.Channel()
			require.NoError(t, err)
			publishTo(t, ch, "nowhere", "x")
			assert.Equal(t, name, receive(t, blocked).Reason)
			require.NoError(t, b.Close()) // the client could not: nobody reads what it says
		})
	}
}

// The watch tells news of its limits; it does not clear what it has not set.
func TestAlarmByHandStays(t *testing.T) {
	st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	clock := delay.NewManual(time.Unix(1_000_000_000, 0))
	b := start(t, broker.Config{Clock: clock, Store: st})
	conn := connect(t, b)
	blocked := conn.NotifyBlocked(make(chan amqp091.Blocking, 2))
	ch, err := conn.Channel()
	require.NoError(t, err)
	b.SetAlarm(broker.DiskAlarm, true)
	clock.Advance(15 * time.Second) // less than makes a silent client lost
	publishTo(t, ch, "nowhere", "x")
	assert.True(t, receive(t, blocked).Active)
	b.SetAlarm(broker.DiskAlarm, false)
	assert.False(t, receive(t, blocked).Active)
}

// What nobody needs any more does not keep the alarm on, although there is nothing
// to set the collector off.
func TestGarbageIsNoMemoryInUse(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	debug.FreeOSMemory()
	m := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(m)
	limit := int64(m[0].Value.Uint64()-m[1].Value.Uint64()) + 128<<20
	held := make([]byte, 256<<20)
	for i := 0; i < len(held); i += 4096 {
		held[i] = 1
	}
	var log logBuffer
	start(t, broker.Config{MemoryLimit: limit, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	log.line(t, "publishers are blocked", "low on memory")
	runtime.KeepAlive(held)
	held = nil
	log.line(t, "publishers go on", "low on memory")
}
