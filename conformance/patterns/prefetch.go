package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Prefetch has a consumer that acknowledges nothing and returns how many of the messages
// in a queue the broker keeps ready for others. A prefetch count is the number of
// deliveries that a consumer may hold unacknowledged. Without one the broker sends all that
// it has: the consumer's memory takes the whole queue, and other consumers get nothing.
func Prefetch(conn *amqp.Connection, queue string, prefetch int, out io.Writer) (ready int, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return 0, err
	}
	defer ch.Close()
	before, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return 0, err
	}
	deliveries, err := ch.Consume(queue, "slow", false, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	held := before.Messages
	if prefetch > 0 {
		held = min(held, prefetch)
	}
	for range held {
		<-deliveries
	}
	after, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(out, "prefetch %d: the consumer holds %d of %d messages, %d are ready\n", prefetch, held, before.Messages, after.Messages)
	return after.Messages, nil
}
