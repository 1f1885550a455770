package amqp091test_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/brokertest/amqp091test"
	"github.com/rabbetmq/rabbet/delay"
)

func TestRoundTrip(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "orders"}}})
	ch := amqp091test.Channel(t, mq)
	orders := amqp091test.Consume(t, ch, "orders")
	amqp091test.Publish(t, ch, "", "orders", amqp091.Publishing{Body: []byte("42")})
	d := amqp091test.Receive(t, orders)
	assert.Equal(t, "42", string(d.Body))
	require.NoError(t, d.Ack(false))
	mq.RequireEmpty("orders")
}

// A bubble's hour of heartbeats goes by.
func TestInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		props := amqp091.NewConnectionProperties()
		props.SetClientConnectionName("shop")
		conn := amqp091test.Dial(t, mq, amqp091.Config{Properties: props})
		require.NoError(t, delay.Wait(t.Context(), delay.Real{}, time.Hour))
		assert.False(t, conn.IsClosed())
		assert.Equal(t, "shop", mq.Connections()[0].Name)
	})
}

// failing is a test that is seen to fail.
type failing struct {
	testing.TB
	text string
}

func (f *failing) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestFailures(t *testing.T) {
	mq := brokertest.New(t)
	ch := amqp091test.Channel(t, mq)
	fails := func(do func(tb brokertest.TB)) string {
		f := &failing{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			do(f)
		}()
		<-done
		return f.text
	}
	closed := make(chan amqp091.Delivery)
	close(closed)
	assert.Equal(t, "amqp091test: Receive: the channel of amqp091.Delivery is closed",
		fails(func(tb brokertest.TB) { amqp091test.Receive(tb, closed) }))
	nack := mq.Fault(brokertest.On("basic.publish"), brokertest.Nack())
	assert.Equal(t, `amqp091test: Publish to exchange "" by "q": nacked`,
		fails(func(tb brokertest.TB) { amqp091test.Publish(tb, ch, "", "q", amqp091.Publishing{}) }))
	nack.Remove()
	plain, err := amqp091test.Dial(t, mq).Channel()
	require.NoError(t, err)
	assert.Contains(t, fails(func(tb brokertest.TB) { amqp091test.Publish(tb, plain, "", "q", amqp091.Publishing{}) }),
		"not in confirm mode")
	assert.Contains(t, fails(func(tb brokertest.TB) { amqp091test.Consume(tb, ch, "nope") }), "NOT_FOUND - no queue 'nope'")
	mq.Close()
	assert.Contains(t, fails(func(tb brokertest.TB) { amqp091test.Dial(tb, mq) }), "amqp091test: Dial: ")
	assert.Contains(t, fails(func(tb brokertest.TB) { amqp091test.Channel(tb, mq) }), "amqp091test: Dial: ")
}
