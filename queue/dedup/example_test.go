package dedup_test

import (
	"fmt"
	"time"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue/dedup"
)

// A value counts as seen for ten minutes.
func Example() {
	clock := delay.NewManual(time.Unix(0, 0))
	seen := dedup.New(dedup.Config{Clock: clock, Size: 1000, TTL: 10 * time.Minute})
	note := func(id dedup.Key) {
		_, isNew := seen.Add(id, 0)
		fmt.Println(id, isNew)
	}
	note("order 1")
	note("order 1")
	clock.Advance(10 * time.Minute)
	note("order 1")
	// Output:
	// order 1 true
	// order 1 false
	// order 1 true
}
