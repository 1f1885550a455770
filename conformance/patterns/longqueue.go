package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// LongQueue publishes messages that nobody consumes to a queue with the given arguments,
// and returns how many are in it and how many the broker refused. A lazy queue keeps them
// on disk. A queue with x-max-length and the overflow "reject-publish" tells its publishers
// that it is full. Without a limit a forgotten queue grows until it fills the disk.
func LongQueue(ch *amqp.Channel, queue string, args amqp.Table, n int, out io.Writer) (length, refused int, err error) {
	if _, err := ch.QueueDeclare(queue, true, false, false, false, args); err != nil {
		return 0, 0, err
	}
	if err := ch.Confirm(false); err != nil {
		return 0, 0, err
	}
	confirms := make([]*amqp.DeferredConfirmation, n)
	for i := range confirms {
		msg := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: fmt.Appendf(nil, "message %d", i)}
		if confirms[i], err = ch.PublishWithDeferredConfirm("", queue, false, false, msg); err != nil {
			return 0, 0, err
		}
	}
	for _, confirm := range confirms {
		if !confirm.Wait() {
			refused++
		}
	}
	q, err := ch.QueueDeclarePassive(queue, true, false, false, false, args)
	fmt.Fprintf(out, "%d in the queue, %d refused\n", q.Messages, refused)
	return q.Messages, refused, err
}
