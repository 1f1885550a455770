package patterns

import (
	"fmt"
	"io"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
)

// ReplyTo is the pseudo-queue that direct replies come from.
const ReplyTo = "amq.rabbitmq.reply-to"

// RPCServer answers the requests in a queue with the square of the number in them, in the
// order that the next function picks, until its channel is closed.
func RPCServer(ch *amqp.Channel, queue string, next func([]amqp.Delivery) int) error {
	requests, err := ch.Consume(queue, "", true, true, false, false, nil)
	if err != nil {
		return err
	}
	var open []amqp.Delivery
	for request := range requests {
		for open = append(open, request); len(open) > 0; {
			i := next(open)
			if i < 0 {
				break // it waits for more requests
			}
			n, _ := strconv.Atoi(string(open[i].Body))
			answer := amqp.Publishing{CorrelationId: open[i].CorrelationId, Body: strconv.AppendInt(nil, int64(n*n), 10)}
			if err := ch.Publish("", open[i].ReplyTo, false, false, answer); err != nil {
				return err
			}
			open = append(open[:i], open[i+1:]...)
		}
	}
	return nil
}

// RPC asks a server for the squares of numbers, all at once, and returns the answers by
// number. It consumes from the reply-to pseudo-queue before it publishes, and finds the
// question of an answer by its correlation id. Without correlation it believes that answers
// come in the order of the questions.
func RPC(ch *amqp.Channel, queue string, numbers []int, correlate bool, out io.Writer) (map[int]int, error) {
	replies, err := ch.Consume(ReplyTo, "", true, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		text := strconv.Itoa(n)
		question := amqp.Publishing{ReplyTo: ReplyTo, CorrelationId: text, Body: []byte(text)}
		if err := ch.Publish("", queue, false, false, question); err != nil {
			return nil, err
		}
	}
	squares := make(map[int]int)
	for _, n := range numbers {
		reply := <-replies
		if correlate {
			n, _ = strconv.Atoi(reply.CorrelationId)
		}
		squares[n], _ = strconv.Atoi(string(reply.Body))
		fmt.Fprintf(out, "%d squared is %d\n", n, squares[n])
	}
	return squares, nil
}
