package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Routing publishes log entries of three severities and returns what a consumer that is
// interested in errors alone receives. With a direct exchange the broker selects: the queue
// is bound with the key "error". With a fanout exchange everything crosses the network, and
// the consumer throws most of it away.
func Routing(conn *amqp.Connection, kind string, out io.Writer) (received []string, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	defer ch.Close()
	const exchange = "patterns.logs"
	if err := ch.ExchangeDeclare(exchange, kind, true, false, false, false, nil); err != nil {
		return nil, err
	}
	defer ch.ExchangeDelete(exchange, false, false)
	queue, err := ch.QueueDeclare("", false, false, true, false, nil)
	if err != nil {
		return nil, err
	}
	if err := ch.QueueBind(queue.Name, "error", exchange, false, nil); err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	for _, severity := range []string{"debug", "info", "error", "debug", "info"} {
		confirm, err := ch.PublishWithDeferredConfirm(exchange, severity, false, false, amqp.Publishing{Body: []byte(severity + " entry")})
		if err != nil {
			return nil, err
		}
		confirm.Wait() // the queue has it, if it is meant for it
	}
	for {
		d, ok, err := ch.Get(queue.Name, true)
		if err != nil || !ok {
			return received, err
		}
		received = append(received, d.RoutingKey)
		fmt.Fprintf(out, "received: %s\n", d.Body)
	}
}
