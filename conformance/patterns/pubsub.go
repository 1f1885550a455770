package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// PublishSubscribe publishes three events to two subscribers and returns what each has
// received. Each subscriber binds a queue of its own to a fanout exchange, so each sees
// every event. With shared set both consume from one queue, which makes them workers: each
// event goes to one of them.
func PublishSubscribe(conn *amqp.Connection, shared bool, out io.Writer) (map[string]int, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	defer ch.Close()
	const exchange, events = "patterns.events", 3
	if err := ch.ExchangeDeclare(exchange, "fanout", true, false, false, false, nil); err != nil {
		return nil, err
	}
	type event struct{ subscriber, text string }
	received := make(chan event)
	for _, subscriber := range []string{"mailer", "billing"} {
		name := "patterns.events." + subscriber
		if shared {
			name = "patterns.events.shared"
		}
		queue, err := ch.QueueDeclare(name, false, false, true, false, nil)
		if err != nil {
			return nil, err
		}
		if err := ch.QueueBind(queue.Name, "", exchange, false, nil); err != nil {
			return nil, err
		}
		deliveries, err := ch.Consume(queue.Name, subscriber, true, false, false, false, nil)
		if err != nil {
			return nil, err
		}
		go func() {
			for d := range deliveries {
				received <- event{subscriber, string(d.Body)}
			}
		}()
	}
	expected := 2 * events
	if shared {
		expected = events
	}
	for i := range events {
		if err := ch.Publish(exchange, "", false, false, amqp.Publishing{Body: fmt.Appendf(nil, "order %d placed", i)}); err != nil {
			return nil, err
		}
	}
	count := make(map[string]int)
	for range expected {
		e := <-received
		count[e.subscriber]++
		fmt.Fprintf(out, "%s: %s\n", e.subscriber, e.text)
	}
	return count, ch.ExchangeDelete(exchange, false, false)
}
