package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// ConsumerCancel consumes until the broker ends the consumer, which it does when the queue
// is deleted, and returns the consumer's tag and how many messages it got. A program that
// listens to NotifyCancel learns that nothing comes any more, and can declare the queue
// again. One that does not sees a channel of deliveries that is closed, which it takes for
// the end of its work.
func ConsumerCancel(ch *amqp.Channel, queue string, consuming func(), out io.Writer) (tag string, got int, err error) {
	cancelled := ch.NotifyCancel(make(chan string, 1))
	deliveries, err := ch.Consume(queue, "reader", true, false, false, false, nil)
	if err != nil {
		return "", 0, err
	}
	consuming()
	for d := range deliveries {
		got++
		fmt.Fprintf(out, "received %s\n", d.Body)
	}
	tag, ok := <-cancelled
	if !ok {
		return "", got, amqp.ErrClosed // the channel has ended, not the consumer
	}
	fmt.Fprintf(out, "consumer %s was cancelled by the broker\n", tag)
	return tag, got, nil
}
