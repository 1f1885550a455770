package broker

import (
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// This file is what a broker does now and then by itself, up to its end.

// A checkKind names what is checked.
type checkKind uint8

const (
	ackCheck      checkKind = iota // deliveries that are held for too long
	resourceCheck                  // memory and disk
)

// checks are the timers of checks that repeat themselves.
type checks struct {
	mu     sync.Mutex
	timers map[checkKind]delay.Timer
}

// begin has check called after the interval on a clock, unless that is going to
// happen anyway.
func (cs *checks) begin(b *Broker, kind checkKind, clock delay.Clock, interval time.Duration, check func()) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.timers[kind] == nil {
		cs.arm(b, kind, clock, interval, check)
	}
}

// again has check called once more after the interval if need says so. It is for
// the check itself.
func (cs *checks) again(b *Broker, kind checkKind, clock delay.Clock, interval time.Duration, check func(), need func() bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.timers, kind)
	if need() {
		cs.arm(b, kind, clock, interval, check)
	}
}

func (cs *checks) arm(b *Broker, kind checkKind, clock delay.Clock, interval time.Duration, check func()) {
	if b.life.Err() != nil {
		return
	}
	if cs.timers == nil {
		cs.timers = make(map[checkKind]delay.Timer)
	}
	cs.timers[kind] = clock.AfterFunc(interval, check)
}

// stop ends the checks; the broker's life has ended before.
func (cs *checks) stop() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, t := range cs.timers {
		t.Stop()
	}
}
