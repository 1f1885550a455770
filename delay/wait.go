// Waiting on a clock: what a sleep or a polling loop would do, bound to a
// context and to whichever clock is in use.

package delay

import (
	"context"
	"time"
)

// Wait blocks until d has passed on the clock and returns nil, or until ctx is
// done and returns its error. A d of zero or less does not block.
func Wait(ctx context.Context, clock Clock, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	passed := make(chan struct{})
	timer := clock.AfterFunc(d, func() { close(passed) })
	select {
	case <-passed:
		return nil
	case <-ctx.Done():
		timer.Stop()
		return ctx.Err()
	}
}

// Poll calls cond, at once and then whenever interval has passed on the clock,
// until it reports true, and returns nil. If ctx is done first it returns the
// context's error. An interval of zero or less counts as a millisecond.
func Poll(ctx context.Context, clock Clock, interval time.Duration, cond func() bool) error {
	if interval <= 0 {
		interval = time.Millisecond
	}
	for !cond() {
		if err := Wait(ctx, clock, interval); err != nil {
			return err
		}
	}
	return nil
}

// Throttle blocks the calling goroutine for about d of real time, whatever the
// clock: not to wait for anything, but to let others run. A goroutine that
// never blocks keeps Go's scheduler from looking at the network in time.
func Throttle(d time.Duration) { time.Sleep(d) }
