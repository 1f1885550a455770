package patterns

import (
	"context"
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Subscribe consumes events from a queue of its own, and after each loss of the connection
// connects again, declares queue and binding again, since an exclusive queue ends with its
// connection, and consumes again. It ends when handle returns false. A consumer that only
// ranges over its deliveries ends in silence when the connection is lost.
func Subscribe(ctx context.Context, url, exchange string, wait Wait, subscribed func(), handle func(string) bool, out io.Writer) error {
	for {
		conn, err := Dial(ctx, url, wait, out)
		if err != nil {
			return err
		}
		deliveries, err := declareAndConsume(conn, exchange)
		if err == nil {
			subscribed()
			for d := range deliveries {
				if !handle(string(d.Body)) {
					return conn.Close()
				}
			}
			err = amqp.ErrClosed
		}
		fmt.Fprintf(out, "subscribing again: %v\n", err)
		_ = conn.Close() // it may be open still if only the channel has failed
	}
}

func declareAndConsume(conn *amqp.Connection, exchange string) (<-chan amqp.Delivery, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.ExchangeDeclare(exchange, "fanout", true, false, false, false, nil); err != nil {
		return nil, err
	}
	queue, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return nil, err
	}
	if err := ch.QueueBind(queue.Name, "", exchange, false, nil); err != nil {
		return nil, err
	}
	return ch.Consume(queue.Name, "", true, true, false, false, nil)
}
