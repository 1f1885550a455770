package patterns_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/conformance/patterns"
)

type (
	amqpDelivery = amqp.Delivery
	amqpTable    = amqp.Table
)

func TestConfirms(t *testing.T) {
	b := newBench(t)
	// A quorum queue would take some more than its limit; a classic one refuses the third.
	limited := amqp.Table{"x-max-length": 2, "x-overflow": "reject-publish"}
	for name, publish := range map[string]patterns.Publisher{
		"each": patterns.ConfirmEach, "batches": patterns.ConfirmBatches(3), "later": patterns.ConfirmLater,
	} {
		queue := b.queue(name, limited)
		failed, err := publish(b.channel(), queue, bodies(5), b)
		require.NoError(t, err)
		assert.Equal(t, bodies(5)[2:], failed, name)
	}
	queue := b.queue("naive", limited)
	for _, body := range bodies(5) {
		require.NoError(t, b.ch.Publish("", queue, false, false, amqp.Publishing{Body: []byte(body)}), "no error at all")
	}
	assert.Equal(t, bodies(5)[:2], b.drain(queue), "three are lost, and the publisher does not know")
}

func TestProducerThatReconnects(t *testing.T) {
	b := newBench(t)
	queue := b.queue("q", nil)
	network, url := newProxy(t, b.url)
	network.leave(true)
	w := &waiter{}
	w.during = func() { network.leave(len(w.waited) < 4) } // the broker is back at the fourth attempt
	cuts := 0
	connected := func(*amqp.Connection) {
		if cuts++; cuts == 1 {
			network.cut() // before anything was confirmed
		}
	}
	require.NoError(t, patterns.Produce(context.Background(), url, queue, bodies(3), w.wait, connected, b))
	ms := time.Millisecond
	assert.Equal(t, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms}, w.waited)
	assert.Equal(t, bodies(3), slices.Compact(b.drain(queue)), "all are there, perhaps twice")

	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	network.cut()
	<-conn.NotifyClose(make(chan *amqp.Error, 1))
	assert.Error(t, ch.Publish("", queue, false, false, amqp.Publishing{}), "naively everything from here on fails")
}

func TestConsumerThatReconnects(t *testing.T) {
	b := newBench(t)
	exchange := b.name("events")
	network, url := newProxy(t, b.url)
	var received []string
	n := 0
	subscribed := func() {
		n++
		event := []string{"", "before", "after"}[n]
		require.NoError(t, b.ch.Publish(exchange, "", false, false, amqp.Publishing{Body: []byte(event)}))
	}
	handle := func(event string) bool {
		received = append(received, event)
		if event == "before" {
			network.cut()
		}
		return event != "after"
	}
	w := &waiter{}
	require.NoError(t, patterns.Subscribe(context.Background(), url, exchange, w.wait, subscribed, handle, b))
	assert.Equal(t, []string{"before", "after"}, received)

	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	deliveries, err := ch.Consume(b.queue("naive", nil), "", true, false, false, false, nil)
	require.NoError(t, err)
	network.cut()
	_, open := <-deliveries
	assert.False(t, open, "naively the loop over the deliveries ends in silence")
}

func TestDurable(t *testing.T) {
	t.Run("restart", func(t *testing.T) { testDurable(t, (*bench).restart) })
	t.Run("crash", func(t *testing.T) { testDurable(t, (*bench).crash) })
}

func testDurable(t *testing.T, end func(*bench)) {
	b := newBench(t, brokertest.Durable())
	exchange, persistent, transient := b.name("x"), b.name("persistent"), b.name("transient")
	require.NoError(t, patterns.DurablePublish(b.conn, exchange, persistent, bodies(3), false, b))
	require.NoError(t, patterns.DurablePublish(b.conn, exchange, transient, bodies(3), true, b))
	b.drain(persistent) // both queues have the key: what the second call published here is of no interest
	require.NoError(t, patterns.DurablePublish(b.conn, exchange, persistent, bodies(2), false, b))
	end(b)
	assert.Equal(t, bodies(2), b.drain(persistent))
	assert.Equal(t, bodies(2), b.drain(transient), "of the transient ones none is left")
}

func TestManualAck(t *testing.T) {
	b := newBench(t)
	queue := b.queue("manual", nil)
	b.publish(queue, bodies(2)...)
	require.NoError(t, patterns.DyingConsumer(b.dial(), queue, false, b))
	done, err := patterns.CarefulConsumer(b.conn, queue, 2, b)
	require.NoError(t, err)
	assert.Equal(t, []string{"message a (again)", "message b"}, done)

	queue = b.queue("auto", nil)
	b.publish(queue, bodies(2)...)
	require.NoError(t, patterns.DyingConsumer(b.dial(), queue, true, b))
	assert.Empty(t, b.drain(queue), "with auto-ack both are lost, the one that was only on its way too")
}

func TestPrefetch(t *testing.T) {
	b := newBench(t)
	queue := b.queue("q", nil)
	b.publish(queue, bodies(10)...)
	ready, err := patterns.Prefetch(b.conn, queue, 3, b)
	require.NoError(t, err)
	assert.Equal(t, 7, ready)
	ready, err = patterns.Prefetch(b.conn, queue, 0, b)
	require.NoError(t, err)
	assert.Zero(t, ready, "without a prefetch the consumer holds them all")
}

func TestIdempotentConsumer(t *testing.T) {
	b := newBench(t)
	crashOnce := func(d amqp.Delivery) bool { return !d.Redelivered && d.MessageId == "message a" }
	for naive, balance := range map[bool]int{false: 20, true: 30} {
		queue := b.queue(map[bool]string{false: "q", true: "naive"}[naive], nil)
		b.publish(queue, bodies(2)...)
		account := &patterns.Account{Seen: map[string]bool{}}
		require.NoError(t, patterns.Pay(b.channel(), queue, account, naive, crashOnce, b))
		require.NoError(t, patterns.Pay(b.channel(), queue, account, naive, nil, b))
		assert.Equal(t, balance, account.Balance, "naive %v", naive)
	}
}

func TestBrokerDeduplicates(t *testing.T) {
	b := newOwnBench(t, "the exchange x-message-deduplication is a plugin")
	exchange, queue := b.name("x"), b.name("payments")
	require.NoError(t, patterns.DeclareDeduplicated(b.ch, exchange, queue))
	require.NoError(t, patterns.PublishTwice(b.channel(), exchange, bodies(2), b))
	assert.Equal(t, bodies(2), b.drain(queue), "each counts once")

	fanout, naive := b.name("fanout"), b.queue("naive", nil)
	require.NoError(t, b.ch.ExchangeDeclare(fanout, "fanout", true, false, false, false, nil))
	require.NoError(t, b.ch.QueueBind(naive, "", fanout, false, nil))
	require.NoError(t, patterns.PublishTwice(b.channel(), fanout, bodies(2), b))
	assert.Equal(t, slices.Concat(bodies(2), bodies(2)), b.drain(naive), "an id alone stops nothing")
}

func TestOutboxAndInbox(t *testing.T) {
	b := newBench(t)
	queue := b.queue("orders", nil)
	var shop patterns.Shop
	shop.Place("order 1")
	shop.Place("order 2")
	crash := func(order string) bool { return order == "order 1" }
	require.Error(t, shop.Relay(b.channel(), queue, crash, b))
	require.NoError(t, shop.Relay(b.channel(), queue, func(string) bool { return false }, b), "after the crash")
	orders, err := patterns.Inbox(b.ch, queue, map[string]bool{}, b)
	require.NoError(t, err)
	assert.Equal(t, []string{"order 1", "order 2"}, orders, "order 1 has come twice, and counts once")

	// Naively the shop stores the order and then publishes, and crashes between the two.
	naive := patterns.Shop{Orders: []string{"order 3"}}
	require.NoError(t, naive.Relay(b.channel(), queue, crash, b))
	assert.Empty(t, b.drain(queue), "the order is stored, and nobody is ever told")
}

func TestRetry(t *testing.T) {
	b := newBench(t)
	ms := time.Millisecond
	queue := b.name("work")
	b.name("work.retry.10ms") // deleted at the end
	b.name("work.retry.20ms")
	b.name("work.retry.40ms")
	waits, err := patterns.DeclareRetry(b.ch, queue, []time.Duration{10 * ms, 20 * ms, 40 * ms})
	require.NoError(t, err)
	failing := errors.New("the database is away")
	work := func(attempt int) error {
		if attempt < 4 {
			return failing
		}
		return nil
	}
	b.publish(queue, "task")
	attempts, err := patterns.Retry(b.ch, queue, waits, false, work, b)
	require.NoError(t, err)
	assert.Equal(t, 4, attempts)
	b.publish(queue, "task")
	naive, err := patterns.Retry(b.ch, queue, waits, true, func(attempt int) error {
		if attempt < 1000 {
			return failing
		}
		return nil
	}, discard{})
	require.NoError(t, err)
	assert.Equal(t, 1000, naive, "requeued at once it is tried as fast as the network goes")
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestDeadLetters(t *testing.T) {
	b := newBench(t)
	queue, dead := b.name("work"), b.name("dead")
	require.NoError(t, patterns.DeclareWithDeadLetters(b.ch, queue, dead))
	b.publish(queue, bodies(2)...)
	require.NoError(t, patterns.RejectAll(b.channel(), queue))
	require.Eventually(t, func() bool {
		q, err := b.ch.QueueDeclarePassive(dead, true, false, false, false, nil)
		return err == nil && q.Messages == 2
	}, 10*time.Second, 5*time.Millisecond)
	found, err := patterns.RetryDeadLetters(b.channel(), dead, b)
	require.NoError(t, err)
	assert.Equal(t, []string{
		"message a: rejected in " + queue + ", 1 times", "message b: rejected in " + queue + ", 1 times",
	}, found)
	assert.Equal(t, bodies(2), b.drain(queue), "they are back where they came from")

	naive := b.queue("naive", nil)
	b.publish(naive, bodies(2)...)
	require.NoError(t, patterns.RejectAll(b.channel(), naive))
	assert.Empty(t, b.drain(naive), "without a dead-letter exchange a rejected message is gone")
}

func TestPoison(t *testing.T) {
	b := newBench(t)
	deliveries, err := patterns.Poison(b.conn, b.name("quorum"), b.name("dead"), "quorum", 100, b)
	require.NoError(t, err)
	assert.Equal(t, 4, deliveries, "the limit of 3 is the number of redeliveries")
	naive, err := patterns.Poison(b.conn, b.name("classic"), b.name("dead"), "classic", 100, discard{})
	require.NoError(t, err)
	assert.Equal(t, 100, naive, "a classic queue never gives up")
}

func TestDelayByTTL(t *testing.T) {
	b := newBench(t)
	ms := time.Millisecond
	delays := []time.Duration{1200 * ms, 10 * ms} // a machine may be slow to publish the second
	for single, order := range map[bool][]string{false: {"10ms", "1.2s"}, true: {"1.2s", "10ms"}} {
		queue := b.name(map[bool]string{false: "q", true: "single"}[single])
		waiting, err := patterns.DelayByTTL(b.channel(), queue, delays, single, b)
		require.NoError(t, err)
		deliveries, err := b.ch.Consume(queue, "", true, false, false, false, nil)
		require.NoError(t, err)
		got := []string{string((<-deliveries).Body), string((<-deliveries).Body)}
		assert.Equal(t, order, got, "a single waiting queue: %v", single)
		for _, name := range waiting {
			_, err := b.ch.QueueDelete(name, false, false, false)
			require.NoError(t, err)
		}
	}
}

func TestDelayByExchange(t *testing.T) {
	b := newOwnBench(t, "the delayed exchange is a plugin", brokertest.WithManualClock())
	queue := b.name("q")
	delays := []time.Duration{time.Hour, time.Minute, time.Second}
	require.NoError(t, patterns.DelayByExchange(b.ch, b.name("x"), queue, delays))
	b.mq.Advance(time.Hour)
	assert.Equal(t, []string{"1s", "1m0s", "1h0m0s"}, b.drain(queue))
}

func TestUnpaidOrder(t *testing.T) {
	b := newOwnBench(t, "half an hour of virtual time", brokertest.WithManualClock())
	exchange, queue := b.name("x"), b.name("reminders")
	require.NoError(t, patterns.DelayByExchange(b.ch, exchange, queue, nil))
	orders := &patterns.Orders{Paid: map[string]bool{}}
	for order, after := range map[string]time.Duration{"book": 30 * time.Minute, "lamp": 30 * time.Minute, "ticket": 5 * time.Minute} {
		require.NoError(t, orders.Place(b.ch, exchange, queue, order, after, b))
	}
	reminders, err := b.channel().Consume(queue, "", false, false, false, false, nil)
	require.NoError(t, err)
	b.mq.Advance(5 * time.Minute)
	require.NoError(t, orders.Remind(reminders, 1, b))
	assert.Equal(t, []string{"ticket"}, orders.Cancelled)
	orders.Paid["lamp"] = true
	b.mq.Advance(25*time.Minute - time.Millisecond)
	b.mq.RequireLen(queue, 0)
	b.mq.Advance(time.Second)
	require.NoError(t, orders.Remind(reminders, 2, b))
	assert.Equal(t, []string{"ticket", "book"}, orders.Cancelled)

	// Naively all orders wait in one queue, where the first to expire is the one in front.
	naive := b.name("naive")
	delays := []time.Duration{30 * time.Minute, 5 * time.Minute}
	waiting, err := patterns.DelayByTTL(b.channel(), naive, delays, true, b)
	require.NoError(t, err)
	b.mq.RequireLen(waiting[0], 2)
	b.mq.Advance(5 * time.Minute)
	b.mq.RequireLen(waiting[0], 2)
	b.mq.Advance(25 * time.Minute)
	assert.Equal(t, []string{"30m0s", "5m0s"}, b.drain(naive), "the five minutes were thirty")
}

func TestConsumerCancel(t *testing.T) {
	b := newBench(t)
	queue := b.queue("q", nil)
	var once sync.Once
	tag, got, err := patterns.ConsumerCancel(b.channel(), queue, func() {
		once.Do(func() {
			_, err := b.ch.QueueDelete(queue, false, false, false)
			require.NoError(t, err)
		})
	}, b)
	require.NoError(t, err)
	assert.Equal(t, "reader", tag)
	assert.Zero(t, got)

	naive := b.queue("naive", nil)
	ch := b.channel()
	deliveries, err := ch.Consume(naive, "", true, false, false, false, nil)
	require.NoError(t, err)
	_, err = b.ch.QueueDelete(naive, false, false, false)
	require.NoError(t, err)
	_, open := <-deliveries
	assert.False(t, open, "naively the loop over the deliveries ends, as if all work was done")
	assert.False(t, ch.IsClosed(), "and no error says why")
}

func TestBlocked(t *testing.T) {
	b := newBench(t)
	queue := b.queue("q", nil)
	source := make(chan string)
	ended := make(chan error, 1)
	lines := make(lines, 100)
	go func() { ended <- patterns.Blocked(context.Background(), b.dial(), queue, source, lines) }()
	source <- "one"
	assert.Equal(t, "published one\n", <-lines)
	require.Eventually(t, func() bool {
		q, err := b.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		return err == nil && q.Messages == 1
	}, 10*time.Second, 5*time.Millisecond)
	b.memoryAlarm(true)
	source <- "two" // RabbitMQ blocks a connection when it publishes
	assert.Equal(t, "published two\n", <-lines)
	assert.Equal(t, "blocked: low on memory\n", <-lines)
	select {
	case source <- "three":
		t.Error("a blocked publisher takes nothing more")
	default:
	}

	// Naively a publisher does not listen, and waits for a confirm that does not come.
	naive := b.channel()
	require.NoError(t, naive.Confirm(false))
	confirm, err := naive.PublishWithDeferredConfirm("", queue, false, false, amqp.Publishing{Body: []byte("naive")})
	require.NoError(t, err)
	ready, err := b.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	require.NoError(t, err)
	assert.False(t, confirm.Acked(), "it waits for as long as the alarm lasts")
	assert.Equal(t, 1, ready.Messages, "the broker has read none of it")

	b.memoryAlarm(false)
	assert.Equal(t, "unblocked\n", <-lines)
	assert.True(t, confirm.Wait())
	source <- "three"
	close(source)
	require.NoError(t, <-ended)
}

type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestGracefulShutdown(t *testing.T) {
	b := newBench(t)
	queue := b.queue("q", nil)
	b.publish(queue, bodies(5)...)
	ctx, stop := context.WithCancel(context.Background())
	worked := map[string]int{}
	done, err := patterns.Consumer(ctx, b.dial(), queue, func(d amqp.Delivery) {
		worked[string(d.Body)]++
		stop()
	}, b)
	require.NoError(t, err)
	assert.Len(t, worked, done, "nothing was worked on twice")
	assert.Len(t, b.drain(queue), 5-done, "and nothing is lost")

	// Naively the process ends in the middle of its work: the message comes again.
	naive := b.queue("naive", nil)
	b.publish(naive, "task")
	conn := b.dial()
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, _, err = ch.Get(naive, false) // the work is done, and the acknowledgement was never sent
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	again, ok, err := b.ch.Get(naive, true)
	require.NoError(t, err)
	assert.True(t, ok && again.Redelivered, "somebody does the work a second time")
}
