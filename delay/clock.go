// Package delay owns time. Clock is the one source of it: no other package of
// this module reads the wall clock, sleeps or starts a timer of its own.
package delay

import "time"

// Clock tells the time and starts timers. Real is the wall clock; Manual
// stands still until it is told to move.
type Clock interface {
	// Now is the current time.
	Now() time.Time
	// AfterFunc calls f once, d from now, on a goroutine that f must not block
	// for long. A d of zero or less is due at once.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is one call that AfterFunc has scheduled.
type Timer interface {
	// Stop prevents the call and reports whether it did: false means that the
	// call has been made, is being made, or was stopped before.
	Stop() bool
	// Reset schedules the call anew, d from now, and reports whether it was
	// still pending.
	Reset(d time.Duration) bool
}

// Real is the wall clock. Its zero value is ready to use.
type Real struct{}

// Now is time.Now.
func (Real) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (Real) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
