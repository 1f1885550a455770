package patterns

import (
	"context"
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Blocked publishes messages while the broker may block its publishers, for want of memory
// or disk. It stops when connection.blocked comes and goes on after connection.unblocked,
// so the program can meanwhile do something else, or refuse work. A publisher that does
// not listen goes on writing, until the socket is full and publish blocks.
func Blocked(ctx context.Context, conn *amqp.Connection, queue string, bodies <-chan string, out io.Writer) error {
	blockings := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	source := bodies
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-blockings:
			source = bodies
			if b.Active {
				fmt.Fprintf(out, "blocked: %s\n", b.Reason)
				source = nil // nothing is taken from it
			} else {
				fmt.Fprintln(out, "unblocked")
			}
		case body, ok := <-source:
			if !ok {
				return nil
			}
			if err := ch.Publish("", queue, false, false, amqp.Publishing{Body: []byte(body)}); err != nil {
				return err
			}
			fmt.Fprintf(out, "published %s\n", body)
		}
	}
}
