package broker_test

// What the tests of this package share: a broker that ends with its test, the
// official client on it, and waiting for a condition.

import (
	"context"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// No test leaves a goroutine behind.
func TestMain(m *testing.M) {
	// The clock of the backtracking engine outlives a match by a second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

// patience bounds every wait of a test: only a failure takes that long.
const patience = 20 * time.Second

// start starts a broker that is closed at the end of the test.
func start(t testing.TB, cfg broker.Config) *broker.Broker {
	t.Helper()
	b, err := broker.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	return b
}

// listen lets a broker listen on a free port of loopback.
func listen(t testing.TB, b *broker.Broker) string {
	t.Helper()
	addr, err := b.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return addr.String()
}

// connect opens a connection of the official client, in memory.
func connect(t testing.TB, b *broker.Broker) *amqp091.Connection {
	t.Helper()
	return connectTo(t, b, "/")
}

// connectTo is connect to a virtual host.
func connectTo(t testing.TB, b *broker.Broker, vhost string) *amqp091.Connection {
	t.Helper()
	conn, err := amqp091.DialConfig("amqp://guest:guest@memory/", amqp091.Config{Vhost: vhost, Dial: b.DialFunc})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // closed by the test itself, perhaps
	return conn
}

// channel opens a channel on a connection of its own.
func channel(t testing.TB, b *broker.Broker) *amqp091.Channel {
	t.Helper()
	ch, err := connect(t, b).Channel()
	require.NoError(t, err)
	return ch
}

// vhost is the default virtual host, seen from Go.
func vhost(t testing.TB, b *broker.Broker) *broker.VHost {
	t.Helper()
	v, err := b.VHost("")
	require.NoError(t, err)
	return v
}

// declare declares a plain queue from Go.
func declare(t testing.TB, v *broker.VHost, name string) string {
	t.Helper()
	name, err := v.DeclareQueue(broker.Queue{Name: name})
	require.NoError(t, err)
	return name
}

// eventually waits for a condition that nothing announces.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, delay.Poll(ctx, delay.Real{}, time.Millisecond, cond), what)
}

// receive takes one value out of a channel.
func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case v, ok := <-from:
		require.True(t, ok, "the channel was closed")
		return v
	case <-ctx.Done():
		require.Fail(t, "nothing came")
		panic("unreachable")
	}
}
