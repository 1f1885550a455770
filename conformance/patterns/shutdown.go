package patterns

import (
	"context"
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Consumer works on the messages of a queue until ctx is done, and then stops without
// losing or repeating any: it cancels the consumer, so that nothing new comes, finishes
// what it has been sent, acknowledges that, and closes. It returns the number of messages
// that it has worked on.
func Consumer(ctx context.Context, conn *amqp.Connection, queue string, work func(amqp.Delivery), out io.Writer) (done int, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return 0, err
	}
	defer ch.Close()
	if err := ch.Qos(10, 0, false); err != nil {
		return 0, err
	}
	deliveries, err := ch.Consume(queue, "graceful", false, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	stop := ctx.Done()
	for {
		select {
		case <-stop:
			stop = nil
			fmt.Fprintln(out, "stopping")
			// Deliveries that are here already still come, then the channel is closed.
			if err := ch.Cancel("graceful", false); err != nil {
				return done, err
			}
		case d, ok := <-deliveries:
			if !ok {
				return done, nil
			}
			work(d)
			if err := d.Ack(false); err != nil {
				return done, err
			}
			done++
			fmt.Fprintf(out, "done: %s\n", d.Body)
		}
	}
}
