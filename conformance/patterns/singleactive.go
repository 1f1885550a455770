package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// SingleActive publishes ten messages to a queue with two consumers and returns who got
// each. With x-single-active-consumer one consumer gets all, in order, and the other takes
// over when it ends, which the first does after half of the messages. Without it the
// consumers take turns, and what they do with the messages happens in any order.
func SingleActive(conn *amqp.Connection, single bool, out io.Writer) (by []string, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	defer ch.Close()
	args := amqp.Table{"x-single-active-consumer": single}
	queue, err := ch.QueueDeclare("", false, false, true, false, args)
	if err != nil {
		return nil, err
	}
	var deliveries [2]<-chan amqp.Delivery
	var consumers [2]*amqp.Channel
	for i, name := range []string{"first", "second"} {
		if consumers[i], err = conn.Channel(); err != nil {
			return nil, err
		}
		defer consumers[i].Close()
		if err := consumers[i].Qos(1, 0, false); err != nil {
			return nil, err
		}
		if deliveries[i], err = consumers[i].Consume(queue.Name, name, false, false, false, false, nil); err != nil {
			return nil, err
		}
	}
	for i := range 10 {
		if err := ch.Publish("", queue.Name, false, false, amqp.Publishing{Body: fmt.Append(nil, i)}); err != nil {
			return nil, err
		}
	}
	for len(by) < 10 {
		var d amqp.Delivery
		select {
		case d = <-deliveries[0]:
		case d = <-deliveries[1]:
		}
		fmt.Fprintf(out, "%s: %s\n", d.ConsumerTag, d.Body)
		by = append(by, d.ConsumerTag)
		if err := d.Ack(false); err != nil {
			return by, err
		}
		if single && len(by) == 5 { // with its channel a consumer ends, and what it holds goes back
			if err := consumers[0].Close(); err != nil {
				return by, err
			}
			deliveries[0] = nil
		}
	}
	return by, nil
}
