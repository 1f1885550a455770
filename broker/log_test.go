package broker_test

// What is logged, and that one connection's crash is its own.

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
)

// A logBuffer is a log that tests read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// line waits for a line with all of these in it.
func (l *logBuffer) line(t testing.TB, parts ...string) {
	t.Helper()
	eventually(t, "a log line with "+strings.Join(parts, ", "), func() bool {
	lines:
		for line := range strings.Lines(l.String()) {
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue lines
				}
			}
			return true
		}
		return false
	})
}

// misbehave gives a broker everything to log that it has.
func misbehave(t *testing.T, b *broker.Broker) {
	listen(t, b)
	c := rawDial(t, b)
	c.write([]byte(amqp.ProtocolHeader))
	expect[*amqp.ConnectionStart](c)
	c.send(0, startOk("guest", "wrong", "authentication_failure_close"))
	expect[*amqp.ConnectionClose](c)

	c = rawOpen(t, b, 0)
	c.channel(7)
	c.send(7, &amqp.QueueDelete{Queue: "q", IfEmpty: true})
	expect[*amqp.QueueDeleteOk](c)
	c.send(7, &amqp.QueuePurge{Queue: "nope"})
	expect[*amqp.ChannelClose](c)
	c.send(8, &amqp.QueuePurge{Queue: "nope"})
	expect[*amqp.ConnectionClose](c)

	c = rawOpen(t, b, 0)
	require.NoError(t, c.nc.Close())
}

func TestLog(t *testing.T) {
	var log logBuffer
	b := start(t, broker.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	misbehave(t, b)
	log.line(t, "level=INFO", "started TCP listener", "127.0.0.1:")
	log.line(t, "level=ERROR", "login refused", "user=guest", "mechanism=PLAIN", "client=")
	log.line(t, "level=INFO", "connection open", "user=guest", "vhost=/")
	log.line(t, "level=ERROR", "closing channel", "channel=7", "NOT_FOUND - no queue 'nope' in vhost '/'", "queue.purge")
	log.line(t, "level=ERROR", "closing connection", "CHANNEL_ERROR - expected 'channel.open'")
	log.line(t, "level=WARN", "client unexpectedly closed TCP connection") // CONN-72: the socket ends without a close
	assert.NotContains(t, log.String(), "wrong", "no password in the log")
}

// Without a logger nothing is said, not even through the program's own.
func TestSilentByDefault(t *testing.T) {
	var log logBuffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(old)
	stderr := os.Stderr
	r, w, err := os.Pipe()
	require.NoError(t, err)
	os.Stderr = w
	defer func() { os.Stderr = stderr }()

	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	misbehave(t, b)
	require.NoError(t, b.Close())
	require.NoError(t, w.Close())
	var said bytes.Buffer
	_, err = said.ReadFrom(r)
	require.NoError(t, err)
	assert.Empty(t, log.String())
	assert.Empty(t, said.String())
}

// A crash while a connection is served ends that connection: what was unacked is
// back in its queue, the log has the stack, and other connections go on.
func TestCrashOfOneConnection(t *testing.T) {
	var log logBuffer
	b := start(t, broker.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	v := vhost(t, b)
	declare(t, v, "q")
	other := rawOpen(t, b, 0)
	other.channel(1)
	for range 3 {
		_, err := v.Publish("", "q", broker.Message{})
		require.NoError(t, err)
	}

	near, far := broker.Pipe()
	served := make(chan error, 1)
	conn := &crashingConn{Conn: far}
	go func() { served <- b.ServeConn(conn) }()
	c := newRawClient(t, near)
	c.open(0)
	c.channel(1)
	c.send(1, &amqp.QueueDeclare{Queue: "mine", Exclusive: true}, &amqp.BasicConsume{Queue: "q"})
	expect[*amqp.QueueDeclareOk](c)
	expect[*amqp.BasicConsumeOk](c)
	for range 3 {
		expect[*amqp.BasicDeliver](c)
		assert.EqualValues(t, amqp.FrameHeader, c.next().kind)
	}
	conn.crash.Store(true)
	c.send(1, &amqp.BasicQos{})
	assert.NoError(t, receive(t, served))
	for {
		if _, err := c.read(); err != nil {
			break
		}
	}
	log.line(t, "connection crashed", "panic=", "crashing at the test's wish", "stack=", "crashingConn")

	n, err := v.Counts("q")
	require.NoError(t, err)
	assert.Equal(t, queue.Counts{Ready: 3}, n)
	_, err = v.Counts("mine")
	assert.Error(t, err, "its exclusive queue is gone") // QUEUE-17: an exclusive queue is never durable
	other.send(1, &amqp.BasicGet{Queue: "q"})
	assert.True(t, expect[*amqp.BasicGetOk](other).Redelivered)
}

// The same for a panic in the middle of a method, under whatever lock.
func TestCrashWhileAMethodIsHandled(t *testing.T) {
	b := start(t, broker.Config{Tap: &tap.Tap{Decide: func(c *tap.Call) tap.Verdict {
		if c.Method == "queue.purge" {
			panic("crashing at the test's wish")
		}
		return tap.Verdict{}
	}}})
	v := vhost(t, b)
	declare(t, v, "q")
	c := rawOpen(t, b, 0)
	c.channel(1)
	_, err := v.Publish("", "q", broker.Message{})
	require.NoError(t, err)
	c.send(1, &amqp.BasicGet{Queue: "q"})
	expect[*amqp.BasicGetOk](c)
	c.next()
	c.send(1, &amqp.QueuePurge{Queue: "nope"})
	c.expectEnd()
	n, err := v.Counts("q")
	require.NoError(t, err)
	assert.Equal(t, queue.Counts{Ready: 1}, n)
	rawOpen(t, b, 0).channel(1)
}

// A crashingConn panics in Read once it is told to.
type crashingConn struct {
	net.Conn
	crash atomic.Bool
}

func (c *crashingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.crash.Load() {
		panic("crashing at the test's wish")
	}
	return n, err
}
