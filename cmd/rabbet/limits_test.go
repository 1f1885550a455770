package main

import (
	"bytes"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What RabbitMQ has in its configuration file reaches the clients.
func TestLimitFlags(t *testing.T) {
	s := start(t, nil, "serve", "--memory", "--max-message-size", "1KiB", "--channel-max", "3", "--frame-max", "8192", "--heartbeat", "7s",
		"--consumer-timeout", "100ms")
	conn, err := amqp.DialConfig("amqp://guest:guest@"+s.address+"/", amqp.Config{Heartbeat: 100 * time.Second})
	require.NoError(t, err)
	defer conn.Close()
	assert.EqualValues(t, 3, conn.Config.ChannelMax)
	assert.Equal(t, 8192, conn.Config.FrameSize)
	assert.Equal(t, 7*time.Second, conn.Config.Heartbeat)
	ch, err := conn.Channel()
	require.NoError(t, err)
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	require.NoError(t, ch.Publish("", "q", false, false, amqp.Publishing{Body: make([]byte, 1025)}))
	assert.Contains(t, (<-closed).Reason, "message size 1025 is larger than configured max size 1024")
	ch, err = conn.Channel()
	require.NoError(t, err)
	closed = ch.NotifyClose(make(chan *amqp.Error, 1))
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.Publish("", q.Name, false, false, amqp.Publishing{Body: make([]byte, 1024)}))
	_, err = ch.Consume(q.Name, "", false, false, false, false, nil)
	require.NoError(t, err)
	assert.Contains(t, (<-closed).Reason, "delivery acknowledgement on channel 2 timed out. Timeout value used: 100 ms")
}

// The log of a disk that fails says so at once, now and then, and when it is over.
func TestWriteHealth(t *testing.T) {
	var log bytes.Buffer
	h := writeHealth{log: slog.New(slog.NewTextHandler(&log, nil)), folder: "data", commits: new(atomic.Uint64)}
	lines := func() int { return bytes.Count(log.Bytes(), []byte("\n")) }
	h.committed(nil)
	require.Zero(t, lines())
	for range 50 {
		h.committed(errors.New("no space left"))
	}
	require.Equal(t, 1, lines())
	assert.Contains(t, log.String(), `level=ERROR msg="cannot write to the data folder, trying again: publishes are nacked, publishers blocked" folder=data error="no space left" failures=1`)
	h.again = h.since // the interval is over
	h.committed(errors.New("no space left"))
	require.Equal(t, 2, lines())
	assert.Contains(t, log.String(), "failures=51")
	h.committed(nil)
	h.committed(nil)
	require.Equal(t, 3, lines())
	assert.Contains(t, log.String(), "level=WARN msg=\"the data folder can be written to again")
	h.committed(errors.New("again"))
	require.Equal(t, 4, lines())
}
