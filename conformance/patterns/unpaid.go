package patterns

import (
	"fmt"
	"io"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Orders are a shop's orders: whether each is paid, and which were cancelled.
type Orders struct {
	Paid      map[string]bool
	Cancelled []string
}

// Place has the broker remind the shop of an order after a delay. The message is published
// when the order is placed, and confirmed, so that no timer of the shop's is lost in a
// crash. A payment does not look for the message: the reminder finds the order paid.
func (o *Orders) Place(ch *amqp.Channel, exchange, key, order string, after time.Duration, out io.Writer) error {
	o.Paid[order] = false
	confirm, err := ch.PublishWithDeferredConfirm(exchange, key, false, false, amqp.Publishing{
		Headers: amqp.Table{"x-delay": after.Milliseconds()}, DeliveryMode: amqp.Persistent, Body: []byte(order),
	})
	if err != nil {
		return err
	}
	if !confirm.Wait() {
		return fmt.Errorf("no reminder for %q", order)
	}
	fmt.Fprintf(out, "%s placed, to be paid within %s\n", order, after)
	return nil
}

// Remind handles so many reminders: an order that is not paid is cancelled.
func (o *Orders) Remind(reminders <-chan amqp.Delivery, n int, out io.Writer) error {
	for range n {
		d, ok := <-reminders
		if !ok {
			return amqp.ErrClosed
		}
		order := string(d.Body)
		if o.Paid[order] {
			fmt.Fprintf(out, "%s is paid\n", order)
		} else {
			o.Cancelled = append(o.Cancelled, order)
			fmt.Fprintf(out, "%s is cancelled\n", order)
		}
		if err := d.Ack(false); err != nil {
			return err
		}
	}
	return nil
}
