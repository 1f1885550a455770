package patterns

import (
	"fmt"
	"io"

	amqp "github.com/rabbitmq/amqp091-go"
)

// WorkQueue gives ten tasks to two workers, of which one is busy with its first task until
// the others are done. With a prefetch of 1 the broker gives a worker its next task when
// the last one is acknowledged. With a prefetch of 0, which is no limit, it deals the tasks
// out in turn, and half of them wait for the busy worker. It returns the number of tasks
// that each worker was given.
func WorkQueue(conn *amqp.Connection, prefetch int, out io.Writer) (map[string]int, error) {
	const tasks = 10
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	defer ch.Close()
	queue, err := ch.QueueDeclare("", false, false, true, false, nil)
	if err != nil {
		return nil, err
	}
	type task struct {
		worker string
		amqp.Delivery
	}
	given := make(chan task)
	for _, worker := range []string{"busy", "idle"} {
		own, err := conn.Channel()
		if err != nil {
			return nil, err
		}
		defer own.Close()
		if err := own.Qos(prefetch, 0, false); err != nil {
			return nil, err
		}
		deliveries, err := own.Consume(queue.Name, worker, false, false, false, false, nil)
		if err != nil {
			return nil, err
		}
		go func() {
			for d := range deliveries {
				given <- task{worker, d}
			}
		}()
	}
	for i := range tasks {
		if err := ch.Publish("", queue.Name, false, false, amqp.Publishing{Body: fmt.Appendf(nil, "task %d", i)}); err != nil {
			return nil, err
		}
	}
	count := make(map[string]int)
	for range tasks {
		t := <-given
		count[t.worker]++
		fmt.Fprintf(out, "%s worker: %s\n", t.worker, t.Body)
		if t.worker == "idle" { // the busy one has not finished, so it does not acknowledge
			if err := t.Ack(false); err != nil {
				return nil, err
			}
		}
	}
	return count, nil
}
