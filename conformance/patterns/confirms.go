package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A Publisher publishes messages to a queue and returns those that the broker is not known
// to have.
type Publisher func(ch *amqp.Channel, queue string, bodies []string, out io.Writer) (failed []string, err error)

// ConfirmEach waits for the confirm of each message before it publishes the next: simple,
// and as slow as a round trip for each.
func ConfirmEach(ch *amqp.Channel, queue string, bodies []string, out io.Writer) ([]string, error) {
	return ConfirmBatches(1)(ch, queue, bodies, out)
}

// ConfirmBatches publishes so many messages at a time and waits for the confirms of all.
func ConfirmBatches(size int) Publisher {
	return func(ch *amqp.Channel, queue string, bodies []string, out io.Writer) (failed []string, err error) {
		if err := ch.Confirm(false); err != nil {
			return nil, err
		}
		for len(bodies) > 0 {
			batch := bodies[:min(size, len(bodies))]
			bodies = bodies[len(batch):]
			confirms := make([]*amqp.DeferredConfirmation, len(batch))
			for i, body := range batch {
				if confirms[i], err = ch.PublishWithDeferredConfirm("", queue, false, false, amqp.Publishing{Body: []byte(body)}); err != nil {
					return nil, err
				}
			}
			for i, confirm := range confirms {
				if !confirm.Wait() { // false for a nack, and for a connection that is lost
					failed = append(failed, batch[i])
				}
			}
			fmt.Fprintf(out, "published %d, %d failed so far\n", len(batch), len(failed))
		}
		return failed, nil
	}
}

// ConfirmLater publishes everything and handles confirms as they come, the fastest way.
func ConfirmLater(ch *amqp.Channel, queue string, bodies []string, out io.Writer) (failed []string, err error) {
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, len(bodies)))
	for _, body := range bodies {
		if err := ch.Publish("", queue, false, false, amqp.Publishing{Body: []byte(body)}); err != nil {
			return nil, err
		}
	}
	for range bodies {
		if c := <-confirms; !c.Ack {
			failed = append(failed, bodies[c.DeliveryTag-1])
			fmt.Fprintf(out, "%s failed\n", failed[len(failed)-1])
		}
	}
	return failed, nil
}
