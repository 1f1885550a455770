package patterns

import (
	"fmt"
	"io"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// DelayByExchange publishes messages to an exchange of type x-delayed-message, one for each
// delay. The exchange keeps each until it is due, so that a short delay passes a long one.
// It needs the delayed message plugin, which Rabbet has built in.
func DelayByExchange(ch *amqp.Channel, exchange, queue string, delays []time.Duration) error {
	args := amqp.Table{"x-delayed-type": "direct"}
	if err := ch.ExchangeDeclare(exchange, "x-delayed-message", true, false, false, false, args); err != nil {
		return err
	}
	if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		return err
	}
	if err := ch.QueueBind(queue, queue, exchange, false, nil); err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil {
		return err
	}
	for _, delay := range delays {
		msg := amqp.Publishing{Headers: amqp.Table{"x-delay": delay.Milliseconds()}, Body: []byte(delay.String())}
		confirm, err := ch.PublishWithDeferredConfirm(exchange, queue, false, false, msg)
		if err != nil {
			return err
		}
		confirm.Wait() // the broker keeps it, on disk
	}
	return nil
}

// DelayByTTL publishes messages that expire after their delay in a waiting queue and are
// dead-lettered to the right one. It needs no plugin. Only the first message of a queue
// expires, so a waiting queue serves one delay; with a single queue for all, each message
// waits for those before it.
func DelayByTTL(ch *amqp.Channel, queue string, delays []time.Duration, single bool, out io.Writer) (waiting []string, err error) {
	if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		return nil, err
	}
	for _, delay := range delays {
		name := fmt.Sprint(queue, ".wait.", delay)
		if single {
			name = queue + ".wait"
		}
		args := amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue}
		if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
			return waiting, err
		}
		waiting = append(waiting, name)
		msg := amqp.Publishing{Expiration: strconv.FormatInt(delay.Milliseconds(), 10), Body: []byte(delay.String())}
		if err := ch.Publish("", name, false, false, msg); err != nil {
			return waiting, err
		}
		fmt.Fprintf(out, "%s waits in %s\n", msg.Body, name)
	}
	return waiting, nil
}
