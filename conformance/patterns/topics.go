package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Topics binds a queue with patterns of words and returns the keys of the messages that
// reach it. In the key of a topic exchange's binding "*" stands for one word and "#" for
// any number of them. A direct exchange takes the same characters literally: nothing
// reaches the queue.
func Topics(conn *amqp.Connection, kind string, out io.Writer) (received []string, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	defer ch.Close()
	const exchange = "patterns.sensors"
	if err := ch.ExchangeDeclare(exchange, kind, true, false, false, false, nil); err != nil {
		return nil, err
	}
	defer ch.ExchangeDelete(exchange, false, false)
	queue, err := ch.QueueDeclare("", false, false, true, false, nil)
	if err != nil {
		return nil, err
	}
	for _, pattern := range []string{"*.kitchen.*", "alarm.#"} {
		if err := ch.QueueBind(queue.Name, pattern, exchange, false, nil); err != nil {
			return nil, err
		}
	}
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	for _, key := range []string{"temperature.kitchen.oven", "temperature.hall.door", "alarm", "alarm.kitchen.smoke", "kitchen.oven"} {
		confirm, err := ch.PublishWithDeferredConfirm(exchange, key, false, false, amqp.Publishing{})
		if err != nil {
			return nil, err
		}
		confirm.Wait()
	}
	for {
		d, ok, err := ch.Get(queue.Name, true)
		if err != nil || !ok {
			return received, err
		}
		received = append(received, d.RoutingKey)
		fmt.Fprintf(out, "received: %s\n", d.RoutingKey)
	}
}
