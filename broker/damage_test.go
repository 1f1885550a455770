package broker_test

// What a disk that has changed what it was given costs: the messages that cannot be
// read, a line in the log, and nothing else.

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// damage changes a byte of the one message that has a text in its body, wherever the
// disk has it: pages that are free may have it still.
func damage(t *testing.T, dir, text string) {
	t.Helper()
	path := filepath.Join(dir, store.FileName)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	damaged := bytes.ReplaceAll(data, []byte(text), append([]byte{text[0] ^ 1}, text[1:]...))
	require.NotEqual(t, data, damaged)
	require.NoError(t, os.WriteFile(path, damaged, 0o600))
}

// startLogged starts the broker of a house with a log.
func (h *house) startLogged(log *logBuffer) {
	h.t.Helper()
	var err error
	h.store, err = store.Open(h.dir, store.Options{Sync: store.SyncNone})
	require.NoError(h.t, err)
	h.Broker, err = broker.New(broker.Config{
		Store: h.store, Clock: h.clock, PeerClock: delay.Real{}, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	require.NoError(h.t, err)
}

func TestDamagedMessagesStopNothing(t *testing.T) {
	for name, args := range map[string]map[string]any{
		"plain": nil, "lazy": {"x-queue-mode": "lazy"}, "with limits": {"x-max-length": 100_000, "x-message-ttl": 100_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			v := vhost(t, h.Broker)
			declareDurable(t, v, "q", args)
			for batch := range 30 {
				for i := range 100 {
					publishPersistent(t, v, "q", fmt.Sprintf("message %d of %d.", i, batch))
				}
				h.commit()
			}
			require.NoError(t, h.Close())
			damage(t, h.dir, "message 50 of 20.")
			var log logBuffer
			h.startLogged(&log)
			assert.Equal(t, 3000, readyIn(t, h))
			ch := channel(t, h.Broker)
			n, last := 0, ""
			for {
				d, ok, err := ch.Get("q", true)
				require.NoError(t, err)
				if !ok {
					break
				}
				n++
				last = string(d.Body)
			}
			assert.Equal(t, "message 99 of 29.", last)
			assert.GreaterOrEqual(t, n, 3000-512, "a chunk is missing")
			assert.Less(t, n, 3000)
			assert.Zero(t, readyIn(t, h), "what is missing is not counted")
			log.line(t, "level=ERROR", "rabbet store check", "queue=q", "checksum")

			require.NoError(t, h.Close())
			content, err := store.Check(h.dir, store.Meaning{Message: queue.CheckStored, Record: func(string, []byte) error { return nil }})
			require.NoError(t, err)
			require.Len(t, content.Faults, 1, "it is kept for who wants to look")
			h.start()
			_, err = vhost(t, h.Broker).DeleteQueue("q")
			require.NoError(t, err)
			require.NoError(t, h.Close())
			content, err = store.Check(h.dir, store.Meaning{Message: queue.CheckStored, Record: func(string, []byte) error { return nil }})
			require.NoError(t, err)
			require.Empty(t, content.Faults, "it goes with its queue")
			h.start()
		})
	}
}

// ready is the number of messages in the queue.
func readyIn(t *testing.T, h *house) int {
	counts, err := vhost(t, h.Broker).Counts("q")
	require.NoError(t, err)
	return counts.Ready
}

func TestDamagedDelayedMessagesStopNothing(t *testing.T) {
	clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	h := newHouse(t, clock)
	v := vhost(t, h.Broker)
	declareDurable(t, v, "q", nil)
	require.NoError(t, v.DeclareExchange(broker.Exchange{
		Name: "x", Type: "x-delayed-message", Durable: true, Args: map[string]any{"x-delayed-type": "fanout"},
	}))
	require.NoError(t, v.Bind(broker.Binding{Source: "x", Destination: "q"}))
	later := persistent(func(p *amqp.Properties) {
		p.Flags |= amqp.HasHeaders
		p.Headers = amqp.Table{{Key: "x-delay", Value: int32(1000)}}
	})
	for batch := range 3 {
		for i := range 10 {
			_, err := v.Publish("x", "", broker.Message{Properties: later, Body: fmt.Appendf(nil, "message %d of %d.", i, batch)})
			require.NoError(t, err)
		}
		h.commit()
	}
	require.NoError(t, h.Close())
	damage(t, h.dir, "message 5 of 1.")
	var log logBuffer
	h.startLogged(&log)
	log.line(t, "level=ERROR", "queue=x", "checksum")
	clock.Advance(time.Second)
	list := told(t, vhost(t, h.Broker), "q")
	require.Len(t, list, 20)
	assert.Equal(t, "message 9 of 2.", list[19])
}
