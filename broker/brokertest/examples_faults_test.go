package brokertest_test

// The examples of docs/testing.md that are about faults and the ledger.

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/delay"
)

// publishSafely publishes until the broker has confirmed it, and waits a second
// before it tries again.
func publishSafely(ctx context.Context, ch *amqp091.Channel, queue, body string) error {
	for {
		confirm, err := ch.PublishWithDeferredConfirm("", queue, false, false, amqp091.Publishing{Body: []byte(body)})
		if err != nil {
			return err
		}
		acked, err := confirm.WaitContext(ctx)
		if acked || err != nil {
			return err
		}
		if err := delay.Wait(ctx, delay.Real{}, time.Second); err != nil {
			return err
		}
	}
}

// confirming is a channel with publisher confirms.
func confirming(t testing.TB, mq *brokertest.Broker) *amqp091.Channel {
	t.Helper()
	ch := channel(t, mq)
	require.NoError(t, ch.Confirm(false))
	return ch
}

func TestPublisherTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "orders"}}})
		nacked := mq.Fault(brokertest.On("basic.publish").Queue("orders").Nth(1, 2), brokertest.Nack())
		ch := confirming(t, mq)

		begin := mq.Now()
		require.NoError(t, publishSafely(t.Context(), ch, "orders", "42"))
		assert.Equal(t, 2*time.Second, mq.Now().Sub(begin)) // two pauses
		assert.Equal(t, 2, nacked.Hits())
		mq.RequireLen("orders", 1)
	})
}

// startShipping consumes orders and ships each once, whatever comes twice.
func startShipping(t testing.TB, mq *brokertest.Broker, shipped *atomic.Int32) {
	t.Helper()
	deliveries, err := channel(t, mq).Consume("orders", "", false, false, false, false, nil)
	require.NoError(t, err)
	go func() {
		known := map[string]bool{}
		for d := range deliveries {
			if !known[d.MessageId] {
				known[d.MessageId] = true
				shipped.Add(1)
			}
			_ = d.Ack(false) // a connection that is gone needs none
		}
	}()
}

func TestShipsOnce(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "orders"}}})
	twice := mq.Fault(brokertest.On("deliver").Queue("orders"), brokertest.DeliverTwice())
	var shipped atomic.Int32
	startShipping(t, mq, &shipped)

	mq.Publish("", "orders", []byte("42"), brokertest.Properties(amqp.Properties{MessageID: "order-42"}))
	require.NoError(t, twice.Wait(t.Context(), 1))
	mq.RequireEmpty("orders")
	assert.EqualValues(t, 1, shipped.Load())
}

func TestEveryTenthConnectionFails(t *testing.T) {
	mq := brokertest.New(t)
	flaky := mq.Fault(brokertest.On("connection.open").Every(10), brokertest.ResetTCP())
	slow := mq.Fault(brokertest.On("queue.*").User("guest").Chance(0.5, 1), brokertest.Delay(time.Millisecond))
	refused := mq.Fault(brokertest.On("basic.consume").Queue("orders").Times(1),
		brokertest.CloseChannel(403, "ACCESS_REFUSED - queue 'orders' in vhost '/' in exclusive use"))

	runTheService(mq)
	mq.RequireHits(flaky, slow, refused) // a fault that never happens tests nothing
}

func TestAuditTrail(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{
		Queues:   []broker.Queue{{Name: "audit"}},
		Bindings: []broker.Binding{{Source: "amq.topic", Destination: "audit", Key: "user.#"}},
	})
	ch := confirming(t, mq)
	for _, key := range []string{"user.created", "user.deleted"} {
		confirm, err := ch.PublishWithDeferredConfirm("amq.topic", key, false, false, amqp091.Publishing{Body: []byte("alice")})
		require.NoError(t, err)
		require.True(t, confirm.Wait())
	}

	mq.RequirePublished(brokertest.ToExchange("amq.topic"), brokertest.WithKey("user.deleted"), brokertest.WithBody("alice"))
	mq.RequireNoUnroutable()
	mq.Get("audit")
	read := mq.Published(brokertest.ToQueue("audit"), brokertest.InState(brokertest.Acked))
	require.Len(t, read, 1)
	assert.Equal(t, "user.created", read[0].Key)
	assert.Equal(t, brokertest.Confirmed, read[0].Confirm)
}

// runTheService connects ten times, declares, consumes.
func runTheService(mq *brokertest.Broker) {
	for range 10 {
		conn, err := amqp091.Dial(mq.URL())
		if err != nil {
			continue
		}
		if ch, err := conn.Channel(); err == nil {
			_, _ = ch.QueueDeclare("orders", false, false, false, false, nil)
			_, _ = ch.Consume("orders", "", true, false, false, false, nil)
		}
		_ = conn.Close()
	}
}

// In a test, t is the *testing.T and ends by itself.
func ExampleBroker_Fault() {
	t := new(exampleTB)
	defer t.end()

	mq := brokertest.New(t)
	mq.Fault(brokertest.On("queue.declare").Queue("jobs"), brokertest.CloseChannel(405, "RESOURCE_LOCKED - not today"))

	conn, _ := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})
	ch, _ := conn.Channel()
	_, err := ch.QueueDeclare("jobs", false, false, false, false, nil)
	fmt.Println(err)
	_ = conn.Close()
	// Output: Exception (405) Reason: "RESOURCE_LOCKED - not today"
}

func ExampleFault_Wait() {
	t := new(exampleTB)
	defer t.end()

	mq := brokertest.New(t)
	lost := mq.Fault(brokertest.On("basic.publish").Exchange("").Nth(2), brokertest.Swallow())

	conn, _ := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})
	ch, _ := conn.Channel()
	for range 2 {
		_ = ch.Publish("", "jobs", false, false, amqp091.Publishing{})
	}
	fmt.Println(lost.Wait(context.Background(), 1), lost.Hits())
	_ = conn.Close()
	// Output: <nil> 1
}

func ExampleVHost_Published() {
	t := new(exampleTB)
	defer t.end()

	mq := brokertest.New(t, brokertest.WithManualClock())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		{Name: "late"},
		{Name: "wait", Args: map[string]any{
			"x-message-ttl": 1000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "late",
		}},
	}})
	mq.Publish("", "wait", []byte("hello"))
	mq.Advance(time.Second)
	mq.Get("late")

	for _, p := range mq.Published() {
		r := p.Routes[0]
		fmt.Printf("#%d in %s: %s; dead letter of #%d, went on as #%d\n", p.ID, r.Queue, r.State, p.Of, r.DeadLetter)
	}
	// Output:
	// #1 in wait: expired; dead letter of #0, went on as #2
	// #2 in late: acked; dead letter of #1, went on as #0
}
