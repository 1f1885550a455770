package patterns

import (
	"fmt"
	"io"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// DeclareRetry declares a queue and, for each of the waits, a queue that nobody consumes
// from: what is published to it expires after the wait and is dead-lettered back. It
// returns the names of these queues. Each wait has its own queue, since only the first
// message of a queue expires.
func DeclareRetry(ch *amqp.Channel, queue string, waits []time.Duration) (names []string, err error) {
	if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		return nil, err
	}
	for _, wait := range waits {
		name := fmt.Sprint(queue, ".retry.", wait)
		_, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{
			"x-message-ttl": wait.Milliseconds(), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue,
		})
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// Retry works on messages until one succeeds or the waits are used up, and returns the
// number of attempts that it took. A failed message goes to the next of the retry queues,
// whose waits grow, and comes back by itself. Naively it is requeued: it comes back at
// once, and the consumer and the broker are busy with nothing else.
func Retry(ch *amqp.Channel, queue string, waits []string, naive bool, work func(attempt int) error, out io.Writer) (attempts int, err error) {
	deliveries, err := ch.Consume(queue, "retrying", false, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	defer ch.Cancel("retrying", false)
	for d := range deliveries {
		attempts++
		failure := work(attempts)
		fmt.Fprintf(out, "attempt %d: %v\n", attempts, failure)
		switch {
		case failure == nil:
			return attempts, d.Ack(false)
		case naive:
			if err := d.Nack(false, true); err != nil {
				return attempts, err
			}
			continue
		case attempts > len(waits):
			return attempts, d.Nack(false, false) // to the dead-letter exchange, if there is one
		}
		again := amqp.Publishing{Headers: d.Headers, DeliveryMode: d.DeliveryMode, MessageId: d.MessageId, Body: d.Body}
		if err := ch.Publish("", waits[attempts-1], false, false, again); err != nil {
			return attempts, err
		}
		if err := d.Ack(false); err != nil { // after the publish: a crash repeats, and loses nothing
			return attempts, err
		}
	}
	return attempts, amqp.ErrClosed
}
