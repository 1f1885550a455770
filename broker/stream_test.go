package broker_test

// Streams as a program that embeds the broker sees them.

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// A streamHost is a broker with a stream "log", which can be restarted.
type streamHost struct {
	*broker.VHost
	t     *testing.T
	b     *broker.Broker
	dir   string
	clock *delay.Manual
}

func newStreamHost(t *testing.T, dir string) *streamHost {
	h := &streamHost{t: t, dir: dir, clock: delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))}
	h.start()
	t.Cleanup(func() { require.NoError(t, h.b.Close()) })
	h.declare("log", amqp.Table{
		{Key: "x-queue-type", Value: "stream"}, {Key: "x-stream-max-segment-size-bytes", Value: int32(2000)}, {Key: "x-max-age", Value: "1h"},
	})
	return h
}

func (h *streamHost) declare(name string, args amqp.Table) {
	h.t.Helper()
	_, err := h.DeclareQueue(broker.Queue{Name: name, Durable: true, Args: args.Map()})
	require.NoError(h.t, err)
}

func (h *streamHost) start() {
	cfg := broker.Config{Clock: h.clock, PeerClock: delay.Real{}}
	if h.dir != "" {
		st, err := store.Open(h.dir, store.Options{Sync: store.SyncNone})
		require.NoError(h.t, err)
		cfg.Store = st
	}
	var err error
	h.b, err = broker.New(cfg)
	require.NoError(h.t, err)
	h.VHost, err = h.b.VHost("/")
	require.NoError(h.t, err)
}

func (h *streamHost) restart() {
	require.NoError(h.t, h.b.Close())
	h.start()
}

func (h *streamHost) publish(from, to int) {
	for i := from; i < to; i++ {
		n, err := h.Publish("", "log", broker.Message{Body: []byte(fmt.Sprint(i))})
		require.NoError(h.t, err)
		require.Equal(h.t, 1, n)
	}
}

// expect reads messages from an offset on, and checks that they follow each other.
func (h *streamHost) expect(offset any, from, to int) {
	h.t.Helper()
	c, err := h.Consume("log", broker.ConsumeOptions{Prefetch: 10, Offset: offset})
	require.NoError(h.t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for i := from; i < to; i++ {
		d, err := c.Next(ctx)
		require.NoError(h.t, err)
		require.Equal(h.t, fmt.Sprint(i), string(d.Body))
		v, _ := d.Properties.Headers.Get("x-stream-offset")
		require.Equal(h.t, int64(i), v)
		require.NoError(h.t, d.Ack())
	}
}

func onDiskAndInMemory(t *testing.T, test func(t *testing.T, h *streamHost)) {
	t.Run("disk", func(t *testing.T) { test(t, newStreamHost(t, t.TempDir())) })
	t.Run("memory", func(t *testing.T) { test(t, newStreamHost(t, "")) })
}

func TestStreamFromGo(t *testing.T) {
	onDiskAndInMemory(t, func(t *testing.T, h *streamHost) {
		h.publish(0, 100)
		h.expect("first", 0, 100)
		h.expect(42, 42, 100)
		h.expect(h.clock.Now().Add(-time.Minute), 0, 100)
		h.expect("5m", 0, 100)
		list, err := h.PeekStream("log", 98, 10)
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, "98", string(list[0].Body))
		list, err = h.Peek("log", 3)
		require.NoError(t, err)
		assert.Len(t, list, 3)
		n, err := h.Counts("log")
		require.NoError(t, err)
		assert.Equal(t, 100, n.Ready)
	})
}

func TestStreamRefusesFromGo(t *testing.T) {
	onDiskAndInMemory(t, func(t *testing.T, h *streamHost) {
		for _, tc := range []struct {
			o    broker.ConsumeOptions
			code amqp.ReplyCode
		}{
			{broker.ConsumeOptions{}, amqp.PreconditionFailed},
			{broker.ConsumeOptions{Prefetch: 1, NoAck: true}, amqp.NotImplemented},
			{broker.ConsumeOptions{Prefetch: 1, Offset: "5x"}, amqp.PreconditionFailed},
		} {
			_, err := h.Consume("log", tc.o)
			require.Error(t, err)
			assert.Equal(t, tc.code, amqp.AsError(err).Code, err)
		}
		_, err := h.Purge("log")
		assert.ErrorContains(t, err, "queue.purge not supported by stream queues queue 'log' in vhost '/'")
		_, _, err = h.Get("log", true)
		assert.ErrorContains(t, err, "basic.get not supported by stream queues queue 'log' in vhost '/'")
		h.declare("plain", nil)
		_, err = h.Consume("plain", broker.ConsumeOptions{Offset: "first"})
		assert.ErrorContains(t, err, "invalid arg 'x-stream-offset' for queue 'plain' in vhost '/' of queue type rabbit_classic_queue")
		_, err = h.PeekStream("plain", nil, 1)
		assert.Error(t, err)
	})
}

// Retention by age happens on the broker's clock.
func TestStreamRetentionOnVirtualTime(t *testing.T) {
	onDiskAndInMemory(t, func(t *testing.T, h *streamHost) {
		h.publish(0, 200)
		h.clock.Advance(30 * time.Minute)
		h.publish(200, 400)
		h.expect("first", 0, 400)
		h.clock.Advance(31 * time.Minute)
		list, err := h.Peek("log", 1)
		require.NoError(t, err)
		require.Len(t, list, 1)
		v, _ := list[0].Properties.Headers.Get("x-stream-offset")
		first, _ := v.(int64)
		assert.Greater(t, first, int64(100))
		assert.LessOrEqual(t, first, int64(200), "what is not an hour old is there")
		h.expect("first", int(first), 400)
	})
}

func TestStreamOverRestarts(t *testing.T) {
	h := newStreamHost(t, t.TempDir())
	for round := range 5 {
		h.publish(100*round, 100*round+100)
		h.restart()
		h.expect("first", 0, 100*round+100)
		h.expect(100*round+50, 100*round+50, 100*round+100)
	}
	_, err := h.DeleteQueueIf("log", true, true)
	require.NoError(t, err)
	h.restart()
	_, ok := h.VHost.Queue("log")
	assert.False(t, ok)
	h.declare("log", amqp.Table{{Key: "x-queue-type", Value: "stream"}})
	h.publish(0, 3)
	h.expect("first", 0, 3)
}

// A dead letter that a stream takes over is in one of both after any restart.
func TestStreamTakesDeadLetters(t *testing.T) {
	h := newStreamHost(t, t.TempDir())
	h.declare("work", amqp.Table{
		{Key: "x-dead-letter-exchange", Value: ""}, {Key: "x-dead-letter-routing-key", Value: "log"}, {Key: "x-message-ttl", Value: int32(1000)},
	})
	for range 50 {
		m := broker.Message{Properties: amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 2}, Body: []byte("m")}
		_, err := h.Publish("", "work", m)
		require.NoError(t, err)
	}
	h.clock.Advance(2 * time.Second)
	h.restart()
	n, err := h.Counts("log")
	require.NoError(t, err)
	assert.Equal(t, 50, n.Ready)
}

// Ten readers lose a stream that is deleted under them.
func TestStreamDeletedWithReaders(t *testing.T) {
	onDiskAndInMemory(t, func(t *testing.T, h *streamHost) {
		h.publish(0, 2000)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		started := make(chan struct{}, 10)
		for range 10 {
			c, err := h.Consume("log", broker.ConsumeOptions{Prefetch: 5, Offset: "first"})
			require.NoError(t, err)
			wg.Go(func() {
				defer c.Close()
				for n := 0; ; n++ {
					d, err := c.Next(ctx)
					if err != nil {
						assert.Equal(t, amqp.NotFound, amqp.AsError(err).Code)
						return
					}
					if n == 20 {
						started <- struct{}{}
					}
					if err := d.Ack(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 10 {
			<-started
		}
		_, err := h.DeleteQueue("log")
		require.NoError(t, err)
		wg.Wait()
	})
}

func TestDisabledExchangeTypes(t *testing.T) {
	b, err := broker.New(broker.Config{DisabledExchangeTypes: []string{"x-random"}})
	require.NoError(t, err)
	defer b.Close()
	v, err := b.VHost("/")
	require.NoError(t, err)
	err = v.DeclareExchange(broker.Exchange{Name: "r", Type: "x-random"})
	assert.ErrorContains(t, err, "unknown exchange type 'x-random'")
	assert.NoError(t, v.DeclareExchange(broker.Exchange{Name: "c", Type: "x-consistent-hash"}))
	assert.Equal(t, []string{
		"direct", "fanout", "headers", "topic", "x-consistent-hash", "x-delayed-message", "x-message-deduplication", "x-modulus-hash", "x-recent-history",
	}, typeNames(b))
	newer, err := broker.New(broker.Config{Profile: "4.3"})
	require.NoError(t, err)
	defer newer.Close()
	assert.Contains(t, typeNames(newer), "x-local-random")
	assert.NotContains(t, typeNames(newer), "x-delayed-message", "it has no plugin for it")
}

func typeNames(b *broker.Broker) (names []string) {
	for _, t := range b.ExchangeTypes() {
		names = append(names, t.Name)
	}
	return names
}
