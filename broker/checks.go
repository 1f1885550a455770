package broker

import (
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// This file is what a broker does now and then by itself, up to its end.

// checks are the timers of checks that repeat themselves.
type checks struct {
	mu     sync.Mutex
	timers map[time.Duration]delay.Timer // by interval, one check each
}

// begin has check called after the interval on a clock, unless that is going to
// happen anyway.
func (cs *checks) begin(b *Broker, clock delay.Clock, interval time.Duration, check func()) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.timers[interval] == nil {
		cs.arm(b, clock, interval, check)
	}
}

// again has check called once more after the interval if need says so. It is for
// the check itself.
func (cs *checks) again(b *Broker, clock delay.Clock, interval time.Duration, check func(), need func() bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.timers, interval)
	if need() {
		cs.arm(b, clock, interval, check)
	}
}

func (cs *checks) arm(b *Broker, clock delay.Clock, interval time.Duration, check func()) {
	if b.life.Err() != nil {
		return
	}
	if cs.timers == nil {
		cs.timers = make(map[time.Duration]delay.Timer)
	}
	cs.timers[interval] = clock.AfterFunc(interval, check)
}

// stop ends the checks; the broker's life has ended before.
func (cs *checks) stop() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, t := range cs.timers {
		t.Stop()
	}
}
