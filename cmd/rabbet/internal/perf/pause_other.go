//go:build !linux

// Waiting for the time of the next message, where Go's timers must do.

package perf

import (
	"context"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// pause waits for d, to the precision of Go's timers.
func pause(c delay.Clock, d time.Duration) {
	_ = delay.Wait(context.Background(), c, d) // That context never ends.
}
