package broker

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
)

// clients are a broker's connections.
type clients struct {
	n     *node
	conns map[*conn]struct{} // guarded by the node's lock
	ticks atomic.Int64       // of the watch for overdue deliveries, since it has looked
}

func (cs *clients) openConns() []*conn {
	cs.n.mu.Lock()
	defer cs.n.mu.Unlock()
	return slices.Collect(maps.Keys(cs.conns))
}

// closeConnections closes the open connections that are chosen.
func (cs *clients) closeConnections(chosen func(*conn) bool, reason string) int {
	closed := 0
	for _, c := range cs.openConns() {
		c.out.mu.Lock()
		open := c.channels != nil
		c.out.mu.Unlock()
		if open && chosen(c) {
			cs.n.log.Info("closing connection", "client", c.nc.RemoteAddr().String(), "reason", reason)
			c.force(refusal.WithoutMethod(amqp.ConnectionForced, "%s", reason))
			closed++
		}
	}
	return closed
}

// unblock lets all connections go on that an alarm has blocked.
func (cs *clients) unblock() {
	cs.n.mu.Lock()
	defer cs.n.mu.Unlock()
	for c := range cs.conns {
		c.unblock()
	}
}

// checkAcks looks for overdue deliveries on all connections, again and again as
// long as any is held that may become so.
func (cs *clients) checkAcks() {
	cs.n.acks.rest()
	now, conns := cs.n.clock.Now(), cs.openConns()
	if time.Duration(cs.ticks.Add(1)) < cs.n.markTicks() {
		if markAcks(conns, now) {
			cs.n.acks.arm()
			return
		}
	}
	cs.ticks.Store(0)
	for _, c := range conns {
		if c.checkAcks(now) {
			cs.n.acks.arm()
		}
	}
}

// markAcks notes the newest tags of those channels that wait for an acknowledgement, and
// reports whether there is one.
func markAcks(conns []*conn, now time.Time) (held bool) {
	for _, c := range conns {
		c.out.mu.Lock()
		for _, ch := range c.channels {
			if ch.unacked.Len() > 0 {
				held = true
				ch.mark(now)
			}
		}
		c.out.mu.Unlock()
	}
	return held
}
