package delayed_test

import (
	"fmt"
	"time"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/delayed"
)

// A short delay passes a long one.
func Example() {
	clock := delay.NewManual(time.Unix(0, 0))
	q := delayed.New(delayed.Config{Clock: clock, Dispatch: func(due []*queue.Message) func(int) {
		for _, m := range due {
			fmt.Printf("%s: %s\n", clock.Now().UTC().Format(time.TimeOnly), m.Body)
		}
		return func(left int) { fmt.Println(left, "left") }
	}})
	var fx queue.Effects
	q.Add(&queue.Message{Body: []byte("in an hour")}, time.Hour.Milliseconds(), &fx)
	q.Add(&queue.Message{Body: []byte("in a minute")}, time.Minute.Milliseconds(), &fx)
	clock.Advance(time.Hour)
	// Output:
	// 00:01:00: in a minute
	// 1 left
	// 01:00:00: in an hour
	// 0 left
}
