package delay_test

import (
	"context"
	"fmt"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// Virtual time: an hour passes at once, and what falls due runs in order.
func Example() {
	clock := delay.NewManual(time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC))
	say := func(what string) func() {
		return func() { fmt.Println(clock.Now().Format(time.TimeOnly), what) }
	}
	clock.AfterFunc(30*time.Minute, say("expire"))
	clock.AfterFunc(5*time.Minute, say("heartbeat"))
	cancelled := clock.AfterFunc(10*time.Minute, say("never"))
	cancelled.Stop()

	clock.Advance(time.Hour)
	fmt.Println(clock.Now().Format(time.TimeOnly), "now")
	// Output:
	// 12:05:00 heartbeat
	// 12:30:00 expire
	// 13:00:00 now
}

func ExampleManual_NextDue() {
	clock := delay.NewManual(time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC))
	clock.AfterFunc(90*time.Second, func() { fmt.Println("fired") })
	if due, ok := clock.NextDue(); ok {
		clock.SetTime(due) // straight to the next event
	}
	// Output: fired
}

// Wait is a sleep that a context can end.
func ExampleWait() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(delay.Wait(ctx, delay.Real{}, time.Hour))
	fmt.Println(delay.Wait(context.Background(), delay.Real{}, time.Millisecond))
	// Output:
	// context canceled
	// <nil>
}

// Poll waits for a condition that nothing announces.
func ExamplePoll() {
	tries := 0
	err := delay.Poll(context.Background(), delay.Real{}, time.Millisecond, func() bool {
		tries++
		return tries == 3
	})
	fmt.Println(tries, err)
	// Output: 3 <nil>
}
