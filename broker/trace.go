package broker

import (
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
)

// A trace is told what happens to messages of one virtual host. While there is none, a
// publish and a delivery pay a comparison with nil each.
type trace struct {
	record func(tap.Event) uint64
}

// traces are the traces of all virtual hosts by name, for those who know no more of a
// virtual host than its name and may take no lock.
type traces struct{ byVHost sync.Map }

func (t *traces) of(vhost string) *trace {
	found, ok := t.byVHost.Load(vhost)
	if !ok {
		return nil
	}
	return found.(*trace)
}

// recordsIn reports whether somebody wants to know what happens to messages of a virtual
// host.
func (b *node) recordsIn(vhost string) bool { return b.tapRecords() || b.traces.of(vhost) != nil }

// recorded is recordsIn for those who have the virtual host.
func (b *node) recorded(v *vhost) bool { return v.tracer.Load() != nil || b.tapRecords() }

// record tells the tap and the trace of the virtual host, and returns the number of a
// publish.
func (b *node) record(e tap.Event) (id uint64) {
	e.Time = b.clock.Now()
	if b.tapRecords() {
		id = b.cfg.Tap.Record(e)
	}
	t := b.traces.of(e.VHost)
	if t == nil {
		return id
	}
	if e.Kind == tap.EventPublished {
		e.ID = id
	}
	if own := t.record(e); id == 0 {
		id = own
	}
	return id
}

// A recording tells a Tap, and traces, what the client of a connection does to messages.
type recording struct {
	n     *node
	peer  *peer
	seat  *seat
	known atomic.Pointer[tap.Peer] // see who
}

// on reports whether somebody wants to know.
func (r *recording) on() bool { return r.n.recorded(r.seat.counted) }

func (r *recording) vhost() string { return r.seat.counted.vh.Name }

// who is how a tap and a trace know the client: by what it has introduced itself as to the
// tap, without one by what is made here when it is first asked for.
func (r *recording) who() *tap.Peer {
	if p := r.known.Load(); p != nil {
		return p
	}
	p := &tap.Peer{
		ID: r.n.peers.Add(1), Addr: r.peer.nc.RemoteAddr().String(), Name: r.peer.name, User: r.peer.identity.User, VHost: r.vhost(),
	}
	if !r.known.CompareAndSwap(nil, p) { // another goroutine was faster
		return r.known.Load()
	}
	return p
}

// tapRecords reports whether a Tap listens.
func (b *node) tapRecords() bool { return b.cfg.Tap != nil && b.cfg.Tap.Record != nil }

// recordOne records what has happened to a message that is known.
func (b *node) recordOne(vhost string, e tap.Event, m *queue.Message) {
	if e.ID = m.Publication(); e.ID != 0 && b.recordsIn(vhost) {
		e.VHost = vhost
		b.record(e)
	}
}
