package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// PublishStream publishes messages to a queue of type stream or classic, and waits for
// their confirms.
func PublishStream(ch *amqp.Channel, queue, kind string, n int) error {
	if _, err := ch.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-queue-type": kind}); err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil {
		return err
	}
	for i := range n {
		confirm, err := ch.PublishWithDeferredConfirm("", queue, false, false, amqp.Publishing{Body: fmt.Append(nil, "event ", i)})
		if err != nil {
			return err
		}
		if !confirm.Wait() {
			return fmt.Errorf("the broker did not take event %d", i)
		}
	}
	return nil
}

// ReadStream reads n messages of a stream from an offset on: "first", "next", a number or a
// time. A stream keeps what was read, so every reader sees all of it. Its consumers need a
// prefetch, and an acknowledgement only asks for more. For a classic queue the offset is
// nil, and what was acknowledged is gone.
func ReadStream(conn *amqp.Connection, queue string, offset any, n int, out io.Writer) (read []string, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	defer ch.Close()
	if err := ch.Qos(10, 0, false); err != nil {
		return nil, err
	}
	args := amqp.Table{}
	if offset != nil {
		args["x-stream-offset"] = offset
	}
	deliveries, err := ch.Consume(queue, "", false, false, false, false, args)
	if err != nil {
		return nil, err
	}
	for range n {
		d := <-deliveries
		fmt.Fprintf(out, "%s at %v\n", d.Body, d.Headers["x-stream-offset"])
		read = append(read, string(d.Body))
		if err := d.Ack(false); err != nil {
			return read, err
		}
	}
	return read, nil
}
