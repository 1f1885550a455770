package broker

import (
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
)

// A gate is what blocks a connection that publishes: a resource alarm (CONN-77 to CONN-81),
// or a Tap.
type gate struct {
	alarms *alarms
	out    *outbound
	fx     *queue.Effects // the reader's
	notify bool           // the client understands connection.blocked; set before it is open

	blocking bool // a publish has met an alarm; the reader's own

	// guarded by the connection's lock
	blocked bool // by an alarm: the reader waits
	held    int  // by how many verdicts
	over    bool // the connection is about to end: nothing is waited for
}

// checkAlarms is called for each frame of a content. It blocks the connection if an
// alarm is on: the client is told at once, and nothing after the frame is read. A
// message that is complete by then is handled (CONN-79).
func (g *gate) checkAlarms() {
	reason := Alarm(g.alarms.set.Load())
	if reason == 0 || g.blocking {
		return
	}
	g.blocking = true
	g.out.mu.Lock()
	defer g.out.mu.Unlock()
	// An alarm that was cleared meanwhile finds no connection to unblock.
	if g.blocked = g.alarms.set.Load() != 0; g.blocked && g.notify {
		g.out.appendMethod(0, &amqp.ConnectionBlocked{Reason: reason.String()}, g.fx)
	}
}

// awaitAlarms holds the reader while the connection is blocked. It reports
// whether it did: what is in the buffer comes first then.
func (g *gate) awaitAlarms() bool {
	if !g.blocking {
		return false
	}
	g.out.mu.Lock()
	defer g.out.mu.Unlock()
	for (g.blocked || g.held > 0) && !g.over && !g.out.broken {
		g.out.drained.Wait()
	}
	g.blocking, g.blocked = false, false
	return true
}

// unblock lets the reader go on and tells the client (CONN-80).
func (g *gate) unblock() {
	var fx queue.Effects
	g.out.mu.Lock()
	if g.blocked {
		g.blocked = false
		g.letGo(&fx)
	}
	g.out.mu.Unlock()
	fx.Flush()
}

// letGo lets the reader go on if nothing blocks the connection any more. Called
// with the lock held.
func (g *gate) letGo(fx *queue.Effects) {
	if g.blocked || g.held > 0 {
		return
	}
	if g.notify {
		g.out.appendMethod(0, &amqp.ConnectionUnblocked{}, fx)
	}
	g.out.drained.Signal()
}

// block blocks the connection by a verdict, as an alarm does.
func (g *gate) block(v tap.Verdict) {
	g.blocking = true
	g.out.mu.Lock()
	g.held++
	if g.held == 1 && !g.blocked && g.notify {
		g.out.appendMethod(0, &amqp.ConnectionBlocked{Reason: v.Text}, g.fx)
	}
	g.out.mu.Unlock()
	if v.Blocked != nil {
		v.Blocked(sync.OnceFunc(g.release))
	}
}

// release ends a hold.
func (g *gate) release() {
	var fx queue.Effects
	g.out.mu.Lock()
	g.held--
	g.letGo(&fx)
	g.out.mu.Unlock()
	fx.Flush()
}
