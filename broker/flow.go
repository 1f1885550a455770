package broker

import (
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// This file is flow control within the broker (CONN-82): a publisher faster
// than the consumers of its queues is slowed a little, after each read, so
// that the consumers' acknowledgements are read in time. It is never stopped:
// the pause is bounded, whatever the backlog.

// pressures lists, largest first, from which backlog on a publisher pauses for
// how long.
var pressures = []struct {
	messages int
	bytes    int64
	pause    time.Duration
}{
	{128 << 10, 128 << 20, time.Millisecond},
	{16 << 10, 16 << 20, 200 * time.Microsecond},
	{2 << 10, 2 << 20, 50 * time.Microsecond},
}

// breathe pauses the reader if its publishes left a backlog behind.
func (c *conn) breathe() {
	messages, bytes := c.fx.TakeBacklog()
	for _, p := range pressures {
		if messages >= p.messages || bytes >= p.bytes {
			delay.Breathe(p.pause)
			return
		}
	}
}
