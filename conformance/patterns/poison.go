package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Poison consumes from a queue in which one message makes the consumer fail each time, and
// returns how often it was delivered before it was gone. A quorum queue with a delivery
// limit gives the message up, to the dead-letter queue. A classic queue delivers it for
// ever; Poison itself gives up after the given number of deliveries, and returns that.
func Poison(conn *amqp.Connection, queue, dead, kind string, patience int, out io.Writer) (deliveries int, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return 0, err
	}
	defer ch.Close()
	if _, err := ch.QueueDeclare(dead, true, false, false, false, nil); err != nil {
		return 0, err
	}
	args := amqp.Table{"x-queue-type": kind, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
	if kind == "quorum" {
		args["x-delivery-limit"] = 3
	}
	if _, err := ch.QueueDeclare(queue, true, false, false, false, args); err != nil {
		return 0, err
	}
	if err := ch.Publish("", queue, false, false, amqp.Publishing{Body: []byte("poison")}); err != nil {
		return 0, err
	}
	poison, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	given, err := ch.Consume(dead, "", true, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	for deliveries < patience {
		select {
		case d := <-poison:
			deliveries++
			fmt.Fprintf(out, "delivery %d fails, count %v\n", deliveries, d.Headers["x-delivery-count"])
			if err := d.Reject(true); err != nil { // from RabbitMQ 4.3 on a nack is no failure, and not counted
				return deliveries, err
			}
		case d := <-given:
			fmt.Fprintf(out, "given up after %d deliveries: %v\n", deliveries, d.Headers["x-first-death-reason"])
			return deliveries, nil
		}
	}
	return deliveries, nil
}
