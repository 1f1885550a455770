package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]byteSize{
		"0": 0, "7": 7, "7B": 7, "50MB": 50_000_000, "50 MB": 50_000_000, "3kB": 3000, "3KB": 3000, "2GB": 2e9, "1TB": 1e12,
		"1KiB": 1024, "1kiB": 1024, "2MiB": 2 << 20, "1GiB": 1 << 30, "1TiB": 1 << 40, "4k": 4096, "4K": 4096, "2M": 2 << 20, "2G": 2 << 30,
	} {
		var s byteSize
		require.NoError(t, s.Set(text), text)
		assert.Equal(t, want, s, text)
	}
	for _, text := range []string{"", "MB", "-1", "1.5GB", "5XB", "1 2MB", "9999999TB", "9223372036854775807k", "40%"} {
		var s byteSize
		assert.ErrorContains(t, s.Set(text), "is no size such as 500MB", text)
	}
	there := memoryThere("/")
	require.Positive(t, there)
	var n int64
	require.NoError(t, memorySize{&n}.Set("50%"))
	assert.InDelta(t, there/2, n, 1)
	require.NoError(t, memorySize{&n}.Set("7kB"))
	assert.EqualValues(t, 7000, n)
	for _, text := range []string{"%", "0%", "101%", "-5%", "NaN%", "x%"} {
		assert.ErrorContains(t, memorySize{&n}.Set(text), "is no percentage such as 40%", text)
	}
}

// In a container the memory there is is what the container may have.
func TestMemoryThere(t *testing.T) {
	const v1, v2 = "sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory.max"
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"machine":                {map[string]string{}, 8 << 30},
		"version 2":              {map[string]string{v2: "536870912\n"}, 512 << 20},
		"version 2, no limit":    {map[string]string{v2: "max\n"}, 8 << 30},
		"version 1":              {map[string]string{v1: "536870912\n"}, 512 << 20},
		"version 1, no limit":    {map[string]string{v1: "9223372036854771712\n"}, 8 << 30},
		"more than there is":     {map[string]string{v2: "68719476736\n"}, 8 << 30},
		"something else in them": {map[string]string{v2: "", v1: "-1"}, 8 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			test.files["proc/meminfo"] = "MemFree: 5 kB\nMemTotal:        8388608 kB\n"
			for path, text := range test.files {
				path = filepath.Join(root, path)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			}
			assert.Equal(t, test.want, memoryThere(root))
		})
	}
	assert.Zero(t, memoryThere(t.TempDir()), "not known")
}

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
	h := writeHealth{log: slog.New(slog.NewTextHandler(&log, nil)), folder: "data"}
	lines := func() int { return bytes.Count(log.Bytes(), []byte("\n")) }
	h.committed(nil)
	require.Zero(t, lines())
	for range 50 {
		h.committed(errors.New("no space left"))
	}
	require.Equal(t, 1, lines())
	assert.Contains(t, log.String(), `level=ERROR msg="cannot write to the data folder, trying again: publishers are told no, and blocked" folder=data error="no space left" failures=1`)
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
