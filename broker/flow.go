package broker

import (
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// Flow control of what a client sends (CONN-82): pauses between reads.

// pressures says how long a publisher pauses that has left a backlog, when those of all
// publishers come to so many messages or bytes; the first row that fits counts. The pause is that of a publisher
// that has sent largeBuffer bytes since its last one; for less it is shorter in
// proportion.
var pressures = []struct {
	messages int64
	bytes    int64
	pause    time.Duration
}{
	{128 << 10, 128 << 20, time.Millisecond},
	{16 << 10, 16 << 20, 200 * time.Microsecond},
	{2 << 10, 2 << 20, 50 * time.Microsecond},
}

// shortestPause is about the shortest that an operating system keeps to.
const shortestPause = 50 * time.Microsecond

// throttle pauses the reader if its publishes left a backlog behind: a publisher
// faster than the consumers of its queues is slowed a little, so that their
// acknowledgements are read in time. It is never stopped: the pause is bounded,
// whatever the backlog.
//
// Publishers pause in turn. Side by side their pauses would end together, and with
// one processor it would never be idle: Go's scheduler then looks at the network only
// every ten milliseconds, and acknowledgements wait there. Who has sent too little for
// a pause of its own waits for nobody.
func (c *conn) throttle() {
	received := c.received.Load()
	sent := time.Duration(min(received-c.throttled, largeBuffer))
	c.throttled = received
	messages, bytes := c.fx.TakeBacklog()
	c.backlog.is(int64(messages), bytes)
	if messages == 0 {
		return
	}
	all, allBytes := c.backlog.of.messages.Load(), c.backlog.of.bytes.Load()
	for _, p := range pressures {
		if all < p.messages && allBytes < p.bytes {
			continue
		}
		pause := p.pause * sent / largeBuffer
		if pause < shortestPause {
			delay.Throttle(shortestPause)
			return
		}
		c.b.throttling.Lock()
		defer c.b.throttling.Unlock()
		delay.Throttle(pause)
		return
	}
}

// awaitWriter pauses the reader while the client leaves its answers unread: a
// client that only ever asks must not fill the memory.
func (c *conn) awaitWriter() {
	if !c.out.unread.Load() {
		return
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for c.out.unreadPast(c.b.cfg.MaxUnreadReturns) {
		c.out.drained.Wait()
	}
}
