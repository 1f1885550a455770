package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// DeclareDeduplicated declares a queue behind an exchange of type x-message-deduplication,
// which passes each value of the header x-deduplication-header on once in the time to live
// of its cache. It needs a plugin in RabbitMQ and is built into Rabbet.
func DeclareDeduplicated(ch *amqp.Channel, exchange, queue string) error {
	args := amqp.Table{"x-cache-size": 100_000, "x-cache-ttl": 600_000} // entries, milliseconds
	if err := ch.ExchangeDeclare(exchange, "x-message-deduplication", true, false, false, false, args); err != nil {
		return err
	}
	if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		return err
	}
	return ch.QueueBind(queue, "", exchange, false, nil)
}

// PublishTwice publishes payments to an exchange, and all of them again, as a producer does
// that has lost its connection before the confirms. Both publishes bear the same id. The
// exchange drops the second; any other exchange passes on both, with the id in vain.
//
// The exchange sees what is published twice. It does not see what is delivered twice, after
// a lost acknowledgement: for that the consumer has to be idempotent, as Pay is.
func PublishTwice(ch *amqp.Channel, exchange string, payments []string, out io.Writer) error {
	if err := ch.Confirm(false); err != nil {
		return err
	}
	for range 2 {
		for _, payment := range payments {
			confirm, err := ch.PublishWithDeferredConfirm(exchange, "", false, false, amqp.Publishing{
				Headers:      amqp.Table{"x-deduplication-header": payment},
				DeliveryMode: amqp.Persistent, MessageId: payment, Body: []byte(payment),
			})
			if err != nil {
				return err
			}
			if !confirm.Wait() { // a duplicate is confirmed as well: the broker has it
				return fmt.Errorf("the broker did not take %q", payment)
			}
			fmt.Fprintf(out, "published %s\n", payment)
		}
	}
	return nil
}
