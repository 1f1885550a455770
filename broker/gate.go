package broker

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// A resource alarm, or a Tap, blocks a connection that publishes (CONN-77 to CONN-81).

// checkAlarms is called for each frame of a content. It blocks the connection if an
// alarm is on: the client is told at once, and nothing after the frame is read. A
// message that is complete by then is handled (CONN-79).
func (c *conn) checkAlarms() {
	reason := Alarm(c.b.alarms.set.Load())
	if reason == 0 || c.blocking {
		return
	}
	c.blocking = true
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	// An alarm that was cleared meanwhile finds no connection to unblock.
	if c.blocked = c.b.alarms.set.Load() != 0; c.blocked && c.client.blocked {
		c.out.appendMethod(0, &amqp.ConnectionBlocked{Reason: reason.String()}, &c.fx)
	}
}

// awaitAlarms holds the reader while the connection is blocked. It reports
// whether it did: what is in the buffer comes first then.
func (c *conn) awaitAlarms() bool {
	if !c.blocking {
		return false
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for (c.blocked || c.tapped.blocked()) && c.forced == nil && !c.out.broken {
		c.out.drained.Wait()
	}
	c.blocking, c.blocked = false, false
	return true
}

// unblock lets the reader go on and tells the client (CONN-80).
func (c *conn) unblock() {
	var fx queue.Effects
	c.out.mu.Lock()
	if c.blocked {
		c.blocked = false
		c.letGo(&fx)
	}
	c.out.mu.Unlock()
	fx.Flush()
}

// letGo lets the reader go on if nothing blocks the connection any more. Called
// with the lock held.
func (c *conn) letGo(fx *queue.Effects) {
	if c.blocked || c.tapped.blocked() {
		return
	}
	if c.client.blocked {
		c.out.appendMethod(0, &amqp.ConnectionUnblocked{}, fx)
	}
	c.out.drained.Signal()
}
