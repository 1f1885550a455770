// An alarm: a call at an instant of the clock, rather than after a while of it.

package delay

import (
	"sync"
	"time"
)

// An Alarm calls a function at an instant, never before the clock shows it. What
// counts is what the clock shows: if it is set back the call comes later, if it
// is set forward, or the machine was suspended, the call is made up for within a
// minute. A Manual clock's alarms ring to the nanosecond.
type Alarm struct {
	clock  Clock
	ring   func()
	steady bool // time passes on the clock as its timers count it

	mu    sync.Mutex
	timer Timer
	at    time.Time // zero while nothing is to ring
}

// recheck is the longest that an alarm relies on a timer: those of the system
// count the time that passes, not what the clock shows.
const recheck = time.Minute

// NewAlarm makes an alarm that is not set. The clock calls ring, on a goroutine
// of its own choice.
func NewAlarm(clock Clock, ring func()) *Alarm {
	_, manual := clock.(*Manual)
	return &Alarm{clock: clock, ring: ring, steady: manual}
}

// Set makes the alarm ring once, at that instant; one that is past is at once.
// What it was set to before does not count any more.
func (a *Alarm) Set(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.at.Equal(at) {
		a.at = at
		a.arm()
	}
}

// Stop keeps the alarm from ringing until it is set again. A call that has begun
// goes on.
func (a *Alarm) Stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = time.Time{}
	if a.timer != nil {
		a.timer.Stop()
	}
}

// arm sets the timer. Called with the lock held.
func (a *Alarm) arm() {
	at := a.at
	if soonest := a.clock.Now().Add(recheck); !a.steady && soonest.Before(at) {
		at = soonest
	}
	a.timer = At(a.clock, at, a.timer, a.fire)
}

// fire is the timer's call: it rings if it is time.
func (a *Alarm) fire() {
	a.mu.Lock()
	due := !a.at.IsZero() && !a.clock.Now().Before(a.at)
	if due {
		a.at = time.Time{}
	} else if !a.at.IsZero() {
		a.arm()
	}
	a.mu.Unlock()
	if due {
		a.ring()
	}
}

// At has a timer call f when the clock shows an instant: the one that there is, reset, or a
// new one if that is nil. A Manual clock that is moved meanwhile does not make it late.
func At(clock Clock, at time.Time, timer Timer, f func()) Timer {
	_, manual := clock.(*Manual)
	for {
		now := clock.Now()
		if timer == nil {
			timer = clock.AfterFunc(at.Sub(now), f)
		} else {
			timer.Reset(at.Sub(now))
		}
		if !manual || clock.Now().Equal(now) {
			return timer
		}
	}
}
