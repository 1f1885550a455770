package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// What a broker does now and then by itself, up to its end: looks
// at the machine's memory and disk, and at deliveries that are held for too long.

// A check is the timer of a look that is taken again and again, as long as there
// is something to look at. Its lock is a leaf.
type check struct {
	clock    delay.Clock
	interval time.Duration
	look     func()

	armed atomic.Bool // the timer is set, or never will be

	mu    sync.Mutex
	timer delay.Timer
	ended bool
}

// arm has the look taken after the interval, unless that is going to happen
// anyway. The goroutine that looks calls rest first, and arm if there is more to see: what
// comes meanwhile arms the check itself.
func (c *check) arm() {
	if c.armed.Load() || c.armed.Swap(true) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
	case c.timer == nil:
		c.timer = c.clock.AfterFunc(c.interval, c.look)
	default:
		c.timer.Reset(c.interval)
	}
}

// rest is the word of the look that it has begun.
func (c *check) rest() { c.armed.Store(false) }

// never makes a check that is not wanted.
func (c *check) never() { c.armed.Store(true) }

// end ends the check. A look that has begun goes on.
func (c *check) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.timer != nil {
		c.timer.Stop()
	}
}
