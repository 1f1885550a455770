package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A Shop is a producer's database. Orders and Outbox change in one transaction.
type Shop struct {
	Orders []string
	Outbox []string // messages that are not known to be with the broker
}

// Place stores an order, and the message about it, in one transaction: either both are
// there or neither.
func (s *Shop) Place(order string) {
	s.Orders = append(s.Orders, order)
	s.Outbox = append(s.Outbox, order)
}

// Relay publishes what is in the outbox and removes each message when it is confirmed. A
// crash between the two publishes the message again at the next start, under the same id:
// the inbox of the consumer recognizes it. The function crash reports whether the relay
// dies after a message was confirmed.
func (s *Shop) Relay(ch *amqp.Channel, queue string, crash func(order string) bool, out io.Writer) error {
	if err := ch.Confirm(false); err != nil {
		return err
	}
	for len(s.Outbox) > 0 {
		order := s.Outbox[0]
		msg := amqp.Publishing{DeliveryMode: amqp.Persistent, MessageId: order, Body: []byte(order)}
		confirm, err := ch.PublishWithDeferredConfirm("", queue, true, false, msg)
		if err != nil {
			return err
		}
		if !confirm.Wait() {
			return fmt.Errorf("the broker did not take %q", order)
		}
		fmt.Fprintf(out, "published %s\n", order)
		if crash(order) {
			return fmt.Errorf("crashed after %q", order)
		}
		s.Outbox = s.Outbox[1:]
	}
	return nil
}

// Inbox takes all messages of a queue and returns each once: what is in seen already is
// acknowledged and left out. Seen belongs to the consumer's database, and to the
// transaction of its work.
func Inbox(ch *amqp.Channel, queue string, seen map[string]bool, out io.Writer) (orders []string, err error) {
	for {
		d, ok, err := ch.Get(queue, false)
		if err != nil || !ok {
			return orders, err
		}
		if !seen[d.MessageId] {
			seen[d.MessageId] = true
			orders = append(orders, string(d.Body))
		}
		fmt.Fprintf(out, "received %s\n", d.Body)
		if err := d.Ack(false); err != nil {
			return orders, err
		}
	}
}
