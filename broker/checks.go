package broker

import (
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// This file is what a broker does now and then by itself, from New to its end.

// checks are the timers of checks that repeat themselves.
type checks struct {
	mu     sync.Mutex
	timers map[time.Duration]delay.Timer // by interval, one check each
}

// again calls check once more after the interval, unless the broker has ended.
func (cs *checks) again(b *Broker, interval time.Duration, check func()) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if b.life.Err() != nil {
		return
	}
	if cs.timers == nil {
		cs.timers = make(map[time.Duration]delay.Timer)
	}
	cs.timers[interval] = b.clock.AfterFunc(interval, check)
}

// stop ends the checks; the broker's life has ended before.
func (cs *checks) stop() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, t := range cs.timers {
		t.Stop()
	}
}
