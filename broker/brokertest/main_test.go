package brokertest_test

// What the tests of this package share.

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// No test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial connects the official client in memory.
func dial(t testing.TB, mq *brokertest.Broker) *amqp091.Connection {
	t.Helper()
	conn, err := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // closed by the test itself, perhaps
	return conn
}

// channel opens a channel on a connection of its own.
func channel(t testing.TB, mq *brokertest.Broker) *amqp091.Channel {
	t.Helper()
	ch, err := dial(t, mq).Channel()
	require.NoError(t, err)
	return ch
}
