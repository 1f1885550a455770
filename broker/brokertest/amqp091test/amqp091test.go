// Package amqp091test connects tests to a broker of package brokertest with
// RabbitMQ's own client, amqp091-go:
//
//	mq := brokertest.New(t)
//	ch := amqp091test.Channel(t, mq)
//	orders := amqp091test.Consume(t, ch, "orders")
//	amqp091test.Publish(t, ch, "", "orders", amqp091.Publishing{Body: []byte("42")})
//	d := amqp091test.Receive(t, orders)
//
// What fails ends the test. All connections are in memory, so that they work in a
// testing/synctest bubble too, and close when the test ends.
package amqp091test

import (
	"context"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/delay"
)

// Patience is how long Publish and Receive wait.
const Patience = 5 * time.Second

// closePatience is how long a connection may take to close at the end of a test.
const closePatience = 2 * time.Second

// Dial opens a connection, with the configuration if there is one, whose Dial is
// set here. It is closed when the test ends.
func Dial(tb brokertest.TB, mq *brokertest.Broker, config ...amqp091.Config) *amqp091.Connection {
	tb.Helper()
	var c amqp091.Config
	if len(config) > 0 {
		c = config[0]
	}
	c.Dial = mq.DialFunc
	conn, err := amqp091.DialConfig(mq.MemoryURL(), c)
	if err != nil {
		tb.Fatalf("amqp091test: Dial: %v", err)
	}
	tb.Cleanup(func() { // it may have ended before
		_ = conn.CloseDeadline(delay.Real{}.Now().Add(closePatience))
	})
	return conn
}

// Channel opens a channel in confirm mode on a connection of its own.
func Channel(tb brokertest.TB, mq *brokertest.Broker) *amqp091.Channel {
	tb.Helper()
	ch, err := Dial(tb, mq).Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		tb.Fatalf("amqp091test: Channel: %v", err)
	}
	return ch
}

// Publish publishes a message on a channel in confirm mode and waits for its
// confirm: it is in its queues when Publish returns. A nack fails the test. An
// unroutable message is confirmed too; to see that it is, use mq.RequireNoUnroutable.
func Publish(tb brokertest.TB, ch *amqp091.Channel, exchange, key string, m amqp091.Publishing) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	confirm, err := ch.PublishWithDeferredConfirmWithContext(ctx, exchange, key, false, false, m)
	switch {
	case err != nil:
		tb.Fatalf("amqp091test: Publish to exchange %q by %q: %v", exchange, key, err)
		return
	case confirm == nil:
		tb.Fatalf("amqp091test: Publish: the channel is not in confirm mode")
		return
	}
	acked, err := confirm.WaitContext(ctx)
	switch {
	case err != nil:
		tb.Fatalf("amqp091test: Publish to exchange %q by %q: no confirm: %v", exchange, key, err)
	case !acked:
		tb.Fatalf("amqp091test: Publish to exchange %q by %q: nacked", exchange, key)
	}
}

// Consume starts a consumer with a tag of the client's making. The test acknowledges
// its deliveries.
func Consume(tb brokertest.TB, ch *amqp091.Channel, queue string) <-chan amqp091.Delivery {
	tb.Helper()
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		tb.Fatalf("amqp091test: Consume: %v", err)
	}
	return deliveries
}

// Receive takes the next value of a channel: a delivery, a return, a close. It fails
// the test if none comes in time or if the channel is closed.
func Receive[V any](tb brokertest.TB, from <-chan V) V {
	tb.Helper()
	late := make(chan struct{})
	timer := delay.Real{}.AfterFunc(Patience, func() { close(late) })
	defer timer.Stop()
	var v V
	select {
	case got, ok := <-from:
		if ok {
			return got
		}
		tb.Fatalf("amqp091test: Receive: the channel of %T is closed", v)
	case <-late:
		tb.Fatalf("amqp091test: Receive: no %T came in %v", v, Patience)
	}
	return v
}
