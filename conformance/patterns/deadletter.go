package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// DeclareWithDeadLetters declares a queue, and a dead-letter queue that takes what the
// first rejects.
func DeclareWithDeadLetters(ch *amqp.Channel, queue, dead string) error {
	if _, err := ch.QueueDeclare(dead, true, false, false, false, nil); err != nil {
		return err
	}
	_, err := ch.QueueDeclare(queue, true, false, false, false, amqp.Table{
		"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead,
	})
	return err
}

// RejectAll rejects all messages of a queue without requeueing them: they are
// dead-lettered, or lost where the queue has no dead-letter exchange.
func RejectAll(ch *amqp.Channel, queue string) error {
	for {
		d, ok, err := ch.Get(queue, false)
		if err != nil || !ok {
			return err
		}
		if err := d.Reject(false); err != nil {
			return err
		}
	}
}

// RetryDeadLetters publishes the messages of a dead-letter queue to where they died, and
// returns what it has found out about them. The header x-death has a table for each queue
// and reason, the newest first, with the exchange and the keys of the original publish.
func RetryDeadLetters(ch *amqp.Channel, dead string, out io.Writer) (found []string, err error) {
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	for {
		d, ok, err := ch.Get(dead, false)
		if err != nil || !ok {
			return found, err
		}
		deaths, _ := d.Headers["x-death"].([]any)
		if len(deaths) == 0 {
			return found, fmt.Errorf("%q has never died", d.Body)
		}
		death := deaths[0].(amqp.Table)
		found = append(found, fmt.Sprintf("%s: %v in %v, %v times", d.Body, death["reason"], death["queue"], death["count"]))
		fmt.Fprintln(out, found[len(found)-1])
		key, _ := death["routing-keys"].([]any)[0].(string)
		again := amqp.Publishing{Headers: d.Headers, DeliveryMode: d.DeliveryMode, MessageId: d.MessageId, Body: d.Body}
		confirm, err := ch.PublishWithDeferredConfirm(death["exchange"].(string), key, true, false, again)
		if err != nil {
			return found, err
		}
		if !confirm.Wait() {
			return found, fmt.Errorf("the broker did not take %q", d.Body)
		}
		if err := d.Ack(false); err != nil { // only now: it is elsewhere
			return found, err
		}
	}
}
