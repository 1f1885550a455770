package brokertest_test

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

func TestNewOverTCP(t *testing.T) {
	mq := brokertest.New(t)
	conn, err := amqp091.Dial(mq.URL())
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclare("q", false, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func TestNewInMemory(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithUser("app", "secret"), brokertest.WithVHost("orders"))
	ch := channel(t, mq)
	_, err := ch.QueueDeclare("q", false, false, false, false, nil)
	require.NoError(t, err)
	assert.Equal(t, "amqp://app:secret@memory/orders", mq.MemoryURL())
}

func TestClosedTwice(t *testing.T) {
	mq := brokertest.New(t)
	mq.Close()
	mq.Close()
	_, err := mq.Dial()
	assert.ErrorIs(t, err, broker.ErrClosed)
}

// A disk of the test's machine that is nearly full is no alarm, unless the test
// says that it is to be one.
func TestDiskOfTheMachine(t *testing.T) {
	var given int64
	brokertest.New(t, brokertest.WithConfig(func(cfg *broker.Config) { given = cfg.DiskFreeLimit }))
	assert.Negative(t, given)
}

// What is done to a broker that is closed or stopped fails the test, rather than
// being lost; a closed one does not start again.
func TestNothingWithoutABroker(t *testing.T) {
	acts := func(mq *brokertest.Broker) map[string]func() {
		return map[string]func(){
			"Declare": func() { mq.Declare(brokertest.Topology{}) }, "Publish": func() { mq.Publish("", "q", nil) },
			"Get": func() { mq.Get("q") }, "Consume": func() { mq.Consume("q") }, "Purge": func() { mq.Purge("q") },
			"SetAlarm": func() { mq.SetAlarm(broker.MemoryAlarm, true) }, "Stop": mq.Stop, "Restart": mq.Restart, "Crash": mq.Crash,
		}
	}
	mq, f := newFake(t, brokertest.Durable())
	queues(mq, "q")
	mq.Stop()
	for name, act := range acts(mq) {
		assert.Equal(t, "brokertest: "+name+": the broker is stopped", f.fails(act))
	}
	mq.Close()
	closed := acts(mq)
	closed["Start"], closed["Reset"] = mq.Start, mq.Reset
	for name, act := range closed {
		assert.Equal(t, "brokertest: "+name+": the broker is closed", f.fails(act))
	}
}
