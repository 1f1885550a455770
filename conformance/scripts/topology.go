// The queues, exchanges and bindings of scripts: declared under names of their
// own, looked at, and deleted at the end.

package scripts

import (
	"context"
	"net"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/delay"
)

// NewQueue declares a queue for the script's connection alone (exclusive).
func (ch *Channel) NewQueue() string { return ch.NewQueueWith(nil) }

// NewQueueWith is NewQueue with arguments.
func (ch *Channel) NewQueueWith(args amqp.Table) string {
	name := ch.t.Name("q")
	_, err := ch.QueueDeclare(name, false, false, true, false, args)
	ch.t.OK(err, "declare a queue")
	return name
}

// NewSharedQueue declares a queue that every connection may use (durable, as
// a transient one would be refused by later brokers: QUEUE-29).
func (ch *Channel) NewSharedQueue() string { return ch.NewSharedQueueWith(nil) }

// NewSharedQueueWith is NewSharedQueue with arguments.
func (ch *Channel) NewSharedQueueWith(args amqp.Table) string {
	name := ch.t.QueueName()
	_, err := ch.QueueDeclare(name, true, false, false, false, args)
	ch.t.OK(err, "declare a queue")
	return name
}

// NewExchange declares a durable exchange.
func (ch *Channel) NewExchange(kind string) string { return ch.NewExchangeWith(kind, nil) }

// NewExchangeWith is NewExchange with arguments.
func (ch *Channel) NewExchangeWith(kind string, args amqp.Table) string {
	name := ch.t.ExchangeName()
	ch.t.OK(ch.ExchangeDeclare(name, kind, true, false, false, false, args), "declare an exchange")
	return name
}

// QueueName is a name for a queue that is deleted at the end, should it exist.
func (t *T) QueueName() string {
	name := t.Name("q")
	t.queues = append(t.queues, name)
	return name
}

// ExchangeName is a name for an exchange that is deleted at the end, should it
// exist.
func (t *T) ExchangeName() string {
	name := t.Name("x")
	t.exchanges = append(t.exchanges, name)
	return name
}

// Bind binds a queue to an exchange by each of the keys.
func (ch *Channel) Bind(queue, exchange string, keys ...string) {
	for _, key := range keys {
		ch.t.OK(ch.QueueBind(queue, key, exchange, false, nil), "bind a queue")
	}
}

// BindWith binds a queue to an exchange with arguments and an empty key.
func (ch *Channel) BindWith(queue, exchange string, args amqp.Table) {
	ch.t.OK(ch.QueueBind(queue, "", exchange, false, args), "bind a queue")
}

// BindExchange binds the exchange destination to the exchange source.
func (ch *Channel) BindExchange(destination, source, key string) {
	ch.t.OK(ch.ExchangeBind(destination, key, source, false, nil), "bind an exchange")
}

// Inspect asks for a queue's ready messages and consumers, by a passive
// declare. The queue must be there.
func (ch *Channel) Inspect(queue string) amqp.Queue {
	q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
	ch.t.OK(err, "look at a queue")
	return q
}

// await waits until the queue has n ready messages. RabbitMQ returns what a
// closed channel got, and all that it had from a quorum queue, some time after
// close-ok; only what it consumed from a classic queue is back by then. A quorum
// queue that restarts answers no get before it has its messages.
func (ch *Channel) await(queue string, n int) {
	ready := 0
	if !ch.t.comes(func() bool {
		ready = ch.Inspect(queue).Messages
		return ready == n
	}) {
		ch.t.Fatalf("waited in vain for %d ready messages, there are %d", n, ready)
	}
}

// QueueExists reports whether a passive declare on a fresh channel finds the
// queue. One that is exclusive to another connection exists.
func (c *Conn) QueueExists(name string) bool {
	return c.exists(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(name, false, false, false, false, nil)
		return err
	})
}

// ExchangeExists reports whether a passive declare on a fresh channel finds the
// exchange.
func (c *Conn) ExchangeExists(name string) bool {
	return c.exists(func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(name, "direct", false, false, false, false, nil)
	})
}

func (c *Conn) exists(ask func(*amqp.Channel) error) bool {
	ch, err := c.Connection.Channel()
	c.t.OK(err, "open a channel")
	err = ask(ch)
	refusal, refused := err.(*amqp.Error)
	switch {
	case err == nil:
		c.t.OK(ch.Close(), "close a channel")
	case refused && refusal.Code == amqp.NotFound:
		return false
	case refused && refusal.Code == amqp.ResourceLocked:
	default:
		c.t.Fatalf("passive declare: %v", err)
	}
	return true
}

// deleteTopology deletes what the script left, over a connection of its own,
// as the script's may be closed or its time may be up.
func (t *T) deleteTopology() {
	if len(t.queues) == 0 && len(t.exchanges) == 0 {
		return
	}
	var late delay.Timer
	conn, err := amqp.DialConfig(t.URL(), amqp.Config{Dial: func(network, addr string) (net.Conn, error) {
		socket, err := t.runner.dialer(context.WithoutCancel(t.ctx))(network, addr)
		if err == nil {
			late = t.runner.clock.AfterFunc(t.runner.patience, func() { socket.Close() })
		}
		return socket, err
	}})
	t.OK(err, "open a connection to clean up")
	defer late.Stop()
	defer conn.Close()
	ch, err := conn.Channel()
	t.OK(err, "open a channel to clean up")
	for _, name := range t.queues {
		_, err := ch.QueueDelete(name, false, false, false)
		t.OK(err, "clean up a queue")
	}
	for _, name := range t.exchanges {
		t.OK(ch.ExchangeDelete(name, false, false), "clean up an exchange")
	}
}
