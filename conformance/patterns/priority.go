package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Priority publishes bulk messages and then an urgent one, and returns the order in which
// they are consumed. A queue with x-max-priority delivers the highest priority first; one
// without it ignores priorities. Priorities order what waits in the queue: what a consumer
// has prefetched is past them, so keep its prefetch low.
func Priority(ch *amqp.Channel, maxPriority, prefetch int, out io.Writer) (order []string, err error) {
	args := amqp.Table{}
	if maxPriority > 0 {
		args["x-max-priority"] = maxPriority
	}
	queue, err := ch.QueueDeclare("", false, false, true, false, args)
	if err != nil {
		return nil, err
	}
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	publish := func(body string, priority uint8) error {
		confirm, err := ch.PublishWithDeferredConfirm("", queue.Name, false, false, amqp.Publishing{Priority: priority, Body: []byte(body)})
		if err == nil {
			confirm.Wait()
		}
		return err
	}
	for i := range 4 {
		if err := publish(fmt.Sprint("bulk ", i), 1); err != nil {
			return nil, err
		}
	}
	deliveries, err := ch.Consume(queue.Name, "", false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	first := <-deliveries // whatever the prefetch allows is on its way to the consumer by now
	if err := publish("urgent", 9); err != nil {
		return nil, err
	}
	for d := first; ; d = <-deliveries {
		fmt.Fprintln(out, string(d.Body))
		order = append(order, string(d.Body))
		if err := d.Ack(false); err != nil || len(order) == 5 {
			return order, err
		}
	}
}
