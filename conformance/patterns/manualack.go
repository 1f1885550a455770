package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// DyingConsumer consumes one message and dies in the middle of its work: its connection is
// gone, and nothing was acknowledged. With auto-ack a message counts as done when it is
// sent, so it is lost with the consumer; with manual acknowledgement the broker puts it
// back, marked as redelivered.
func DyingConsumer(conn *amqp.Connection, queue string, autoAck bool, out io.Writer) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Qos(1, 0, false); err != nil {
		return err
	}
	deliveries, err := ch.Consume(queue, "", autoAck, false, false, false, nil)
	if err != nil {
		return err
	}
	d := <-deliveries
	fmt.Fprintf(out, "working on %s, and dying\n", d.Body)
	return conn.Close()
}

// CarefulConsumer takes so many messages and acknowledges each after its work is done. It
// returns their bodies; those that somebody else may have worked on are marked.
func CarefulConsumer(conn *amqp.Connection, queue string, n int, out io.Writer) (done []string, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	defer ch.Close()
	if err := ch.Qos(10, 0, false); err != nil {
		return nil, err
	}
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	for range n {
		d := <-deliveries
		text := string(d.Body)
		if d.Redelivered {
			text += " (again)"
		}
		fmt.Fprintln(out, "done:", text)
		if err := d.Ack(false); err != nil {
			return nil, err
		}
		done = append(done, text)
	}
	return done, nil
}
