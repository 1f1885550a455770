package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Unroutable publishes a message whose key no queue is bound with, and returns what has
// become of it: "returned" to a publisher that asked for that with mandatory, or
// "kept" by the queue behind the exchange's alternate exchange. Without either it is "lost",
// although it is confirmed.
func Unroutable(conn *amqp.Connection, mandatory, alternate bool, out io.Writer) (fate string, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return "", err
	}
	defer ch.Close()
	const orders, unrouted = "patterns.orders", "patterns.unrouted"
	args := amqp.Table{}
	if alternate {
		args["alternate-exchange"] = unrouted
	}
	if err := ch.ExchangeDeclare(unrouted, "fanout", true, false, false, false, nil); err != nil {
		return "", err
	}
	defer ch.ExchangeDelete(unrouted, false, false)
	if err := ch.ExchangeDeclare(orders, "direct", true, false, false, false, args); err != nil {
		return "", err
	}
	defer ch.ExchangeDelete(orders, false, false)
	queue, err := ch.QueueDeclare("", false, false, true, false, nil)
	if err != nil {
		return "", err
	}
	if err := ch.QueueBind(queue.Name, "", unrouted, false, nil); err != nil {
		return "", err
	}
	if err := ch.Confirm(false); err != nil {
		return "", err
	}
	returns := ch.NotifyReturn(make(chan amqp.Return, 1))
	confirm, err := ch.PublishWithDeferredConfirm(orders, "mistyped", mandatory, false, amqp.Publishing{Body: []byte("order")})
	if err != nil {
		return "", err
	}
	fmt.Fprintf(out, "confirmed: %v\n", confirm.Wait())
	fate = "lost"
	select { // a return comes before the confirm
	case r := <-returns:
		fmt.Fprintf(out, "returned: %d %s\n", r.ReplyCode, r.ReplyText)
		fate = "returned"
	default:
	}
	if d, ok, err := ch.Get(queue.Name, true); err != nil {
		return "", err
	} else if ok {
		fmt.Fprintf(out, "kept by the alternate exchange's queue: %s\n", d.Body)
		fate = "kept"
	}
	return fate, nil
}
