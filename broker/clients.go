package broker

import (
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
)

// clients are a broker's connections.
type clients struct {
	n     *node
	conns map[*conn]struct{} // guarded by the node's lock
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
			c.force(refuseFrame(amqp.ConnectionForced, "%s", reason))
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
	now := cs.n.clock.Now()
	for _, c := range cs.openConns() {
		if c.checkAcks(now) {
			cs.n.acks.arm()
		}
	}
}
