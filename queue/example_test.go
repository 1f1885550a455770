package queue_test

import (
	"fmt"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// A queue without a broker: two messages go in, and come back in their order.
func Example() {
	q := queue.New(queue.Config{Name: "orders", Env: &queue.Env{Clock: delay.Real{}}})
	var fx queue.Effects
	q.Publish([]*queue.Message{{Body: []byte("one")}, {Body: []byte("two")}}, &fx)

	item, left, ok := q.Get(false, &fx)
	fmt.Printf("%s, %d left, %v\n", item.Msg.Body, left, ok)
	q.Requeue([]queue.Item{item}, &fx)
	for _, item := range q.Peek(0, 10) {
		fmt.Printf("%d: %s, redelivered %v\n", item.Seq, item.Msg.Body, item.Redelivered)
	}
	// Output:
	// one, 1 left, true
	// 1: one, redelivered true
	// 2: two, redelivered false
}
