package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// DurablePublish declares a durable exchange, queue and binding, publishes messages and
// waits until they are confirmed. What survives the broker is the persistent message in a
// durable queue, and it does so from its confirm on. With transient set the delivery mode
// is 1: the queue survives a restart, and the messages do not.
func DurablePublish(conn *amqp.Connection, exchange, queue string, bodies []string, transient bool, out io.Writer) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	if err := ch.ExchangeDeclare(exchange, "direct", true, false, false, false, nil); err != nil {
		return err
	}
	if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		return err
	}
	if err := ch.QueueBind(queue, "key", exchange, false, nil); err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil {
		return err
	}
	mode := amqp.Persistent
	if transient {
		mode = amqp.Transient
	}
	for _, body := range bodies {
		confirm, err := ch.PublishWithDeferredConfirm(exchange, "key", true, false, amqp.Publishing{DeliveryMode: mode, Body: []byte(body)})
		if err != nil {
			return err
		}
		if !confirm.Wait() {
			return fmt.Errorf("the broker did not take %q", body)
		}
		fmt.Fprintf(out, "confirmed: %s\n", body)
	}
	return nil
}
