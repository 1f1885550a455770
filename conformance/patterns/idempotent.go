package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// An Account is a consumer's database: a balance, and the ids of the payments in it. Both
// change in one transaction.
type Account struct {
	Balance int
	Seen    map[string]bool
}

// Pay books payments of 10 from a queue until it is empty. At-least-once delivery brings a
// message again when its acknowledgement was lost. A consumer that keeps the message ids
// with its data recognizes what it has done already; a naive one pays twice. The function
// crash, unless nil, reports whether the consumer dies between its work and the
// acknowledgement of a message.
func Pay(ch *amqp.Channel, queue string, account *Account, naive bool, crash func(amqp.Delivery) bool, out io.Writer) error {
	for {
		d, ok, err := ch.Get(queue, false)
		if err != nil || !ok {
			return err
		}
		switch {
		case naive || !account.Seen[d.MessageId]:
			account.Seen[d.MessageId] = true
			account.Balance += 10
			fmt.Fprintf(out, "booked %s, balance %d\n", d.MessageId, account.Balance)
		default:
			fmt.Fprintf(out, "%s is booked already\n", d.MessageId)
		}
		if crash != nil && crash(d) {
			return ch.Close() // nothing was acknowledged: the message comes again
		}
		if err := d.Ack(false); err != nil {
			return err
		}
	}
}
