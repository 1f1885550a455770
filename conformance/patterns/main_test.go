package patterns_test

import (
	"context"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// A bench is a broker for one pattern, and what the pattern prints.
type bench struct {
	t    *testing.T
	mq   *brokertest.Broker // nil if the broker is not Rabbet
	url  string
	conn *amqp.Connection
	ch   *amqp.Channel
}

// newBench takes the broker that RABBITMQ_URL names, or a Rabbet of its own.
func newBench(t *testing.T, opts ...brokertest.Option) *bench {
	b := &bench{t: t, url: os.Getenv("RABBITMQ_URL")}
	if b.url == "" {
		b.mq = brokertest.New(t, opts...)
		b.url = b.mq.URL()
	}
	b.conn = b.dial()
	b.ch = b.channel()
	return b
}

// newOwnBench is for patterns that RabbitMQ alone has not all that they need for.
func newOwnBench(t *testing.T, why string, opts ...brokertest.Option) *bench {
	if os.Getenv("RABBITMQ_URL") != "" {
		t.Skip("against Rabbet alone: " + why)
	}
	return newBench(t, opts...)
}

func (b *bench) dial() *amqp.Connection {
	conn, err := amqp.Dial(b.url)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (b *bench) channel() *amqp.Channel {
	ch, err := b.dial().Channel()
	require.NoError(b.t, err)
	return ch
}

// name is a queue or exchange of the test's, which is deleted before and after.
func (b *bench) name(part string) string {
	name := "patterns." + b.t.Name() + "." + part
	name = strings.ReplaceAll(name, "/", ".")
	remove := func() {
		conn, err := amqp.Dial(b.url)
		if err != nil {
			return // the broker is gone with its test
		}
		defer conn.Close()
		if ch, err := conn.Channel(); err == nil {
			_, _ = ch.QueueDelete(name, false, false, false)
			_ = ch.ExchangeDelete(name, false, false)
		}
	}
	remove()
	b.t.Cleanup(remove)
	return name
}

// queue declares a durable queue.
func (b *bench) queue(part string, args amqp.Table) string {
	name := b.name(part)
	_, err := b.ch.QueueDeclare(name, true, false, false, false, args)
	require.NoError(b.t, err)
	return name
}

// publish publishes to a queue, and returns when the broker has it all.
func (b *bench) publish(queue string, bodies ...string) {
	ch, err := b.conn.Channel()
	require.NoError(b.t, err)
	defer ch.Close()
	require.NoError(b.t, ch.Confirm(false))
	for _, body := range bodies {
		c, err := ch.PublishWithDeferredConfirm("", queue, true, false, amqp.Publishing{
			DeliveryMode: amqp.Persistent, MessageId: body, Body: []byte(body),
		})
		require.NoError(b.t, err)
		require.True(b.t, c.Wait())
	}
}

// drain takes all that is in a queue.
func (b *bench) drain(queue string) (bodies []string) {
	for {
		d, ok, err := b.ch.Get(queue, true)
		require.NoError(b.t, err)
		if !ok {
			return bodies
		}
		bodies = append(bodies, string(d.Body))
	}
}

// restart restarts the broker in order.
func (b *bench) restart() {
	if b.mq != nil {
		b.mq.Restart()
	} else {
		b.command("RABBITMQ_RESTART", "restarts the broker")
	}
	b.conn = b.dial()
	b.ch = b.channel()
}

// crash kills the broker's process, or what amounts to that, and starts it again.
func (b *bench) crash() {
	if b.mq != nil {
		b.mq.Crash()
	} else {
		b.command("RABBITMQ_KILL", "kills the broker and starts it again")
	}
	b.conn = b.dial()
	b.ch = b.channel()
}

// memoryAlarm raises the memory alarm, or clears it.
func (b *bench) memoryAlarm(on bool) {
	if b.mq != nil {
		b.mq.SetAlarm(broker.MemoryAlarm, on)
	} else {
		b.command("RABBITMQ_ALARM", "raises an alarm", "memory", map[bool]string{true: "on", false: "off"}[on])
	}
}

// command runs the command that a variable names, for a broker that is not Rabbet. Without
// one the test is skipped.
func (b *bench) command(variable, what string, args ...string) {
	command := os.Getenv(variable)
	if command == "" {
		b.t.Skip(variable + " names no command that " + what)
	}
	out, err := exec.Command(command, args...).CombinedOutput()
	require.NoError(b.t, err, string(out))
}

// Write prints what a pattern prints as the test's output.
func (b *bench) Write(p []byte) (int, error) {
	b.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// bodies are n different ones.
func bodies(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = "message " + string(rune('a'+i))
	}
	return list
}

// A waiter waits in no time, and keeps how long it should have.
type waiter struct {
	mu     sync.Mutex
	waited []time.Duration
	during func()
}

func (w *waiter) wait(_ context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waited = append(w.waited, d)
	if w.during != nil {
		w.during()
	}
	return nil
}

// Each pattern is a page to be read at once.
func TestPatternsAreShort(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		set := token.NewFileSet()
		var s scanner.Scanner
		file := set.AddFile(name, -1, len(source))
		s.Init(file, source, nil, 0)
		lines := map[int]bool{}
		for pos, tok, _ := s.Scan(); tok != token.EOF; pos, tok, _ = s.Scan() {
			lines[file.Line(pos)] = true
		}
		assert.Less(t, len(lines), 60, "lines of code in %s", name)
	}
}
