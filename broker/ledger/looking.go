package ledger

import (
	"iter"
	"slices"

	"github.com/rabbetmq/rabbet/broker/tap"
)

// All are the publications that are kept, in their order. The bodies are shared with the
// broker: do not write to them. The ledger stands still meanwhile.
func (l *Ledger) All() iter.Seq[*Publication] {
	return func(yield func(*Publication) bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, p := range l.entries {
			out := p.publication()
			if !yield(&out) {
				return
			}
		}
	}
}

// Get returns the publication of an ID; false if the ledger has none, or not any more.
func (l *Ledger) Get(id uint64) (Publication, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.entry(id)
	if p == nil {
		return Publication{}, false
	}
	return p.publication(), true
}

// Usage is what a ledger holds.
type Usage struct {
	// Publications are those that are kept, Forgotten those that are not any more.
	Publications int
	Forgotten    uint64
	// Bytes is about how much memory they take.
	Bytes int
	// Change is the newest of any publication's.
	Change uint64
}

// Usage tells how much there is.
func (l *Ledger) Usage() Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Usage{Publications: len(l.entries), Forgotten: l.first, Bytes: l.bytes, Change: l.changes}
}

// Clear forgets all publications. IDs go on.
func (l *Ledger) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.entries) > 0 {
		l.forget()
	}
}

// Reset is Clear, and numbers from 1 again.
func (l *Ledger) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries, l.first, l.last, l.bytes = nil, 0, 0, 0
	clear(l.pending)
	clear(l.foreign)
}

// publication is what others see of an entry.
func (p *posting) publication() Publication {
	out := Publication{
		ID: p.ID, Time: p.Time, Channel: p.Channel, VHost: p.VHost, Exchange: p.Msg.Exchange, Key: p.Msg.Key,
		Body: p.Msg.Body, BodySize: p.body, Told: p.told, Change: p.changed, Mandatory: p.Mandatory, Confirm: p.confirm, Tx: p.tx, Err: p.Err, Of: p.Of,
		Fault: ActName(p.Act),
	}
	if p.Of != 0 {
		out.DeadFrom, out.Reason = p.Queue, string(p.Reason)
	}
	if p.Peer != nil {
		out.Connection, out.Peer, out.User = p.Peer.Name, p.Peer.Addr, p.Peer.User
	}
	// A publish that was refused for its properties shows those that are sound.
	_ = out.Properties.Decode(p.Msg.Props)
	out.Delays = slices.Clone(p.delays)
	out.Routes = slices.Clone(p.routes)
	for i := range out.Routes {
		out.Routes[i].Deliveries = slices.Clone(out.Routes[i].Deliveries)
	}
	out.Returned = p.Returned && (p.tx == NoTx || p.tx == Committed)
	return out
}

// Unroutable reports whether a publication was handled and found no queue. What
// was refused, or lost to a fault, did not get so far, nor did what is delayed
// still, was never due, or was dead-lettered then.
func (p *Publication) Unroutable() bool {
	late := slices.ContainsFunc(p.Delays, func(d Postponement) bool { return d.State != Due || d.DeadLetter != 0 })
	return len(p.Routes) == 0 && !late && p.Err == nil && (p.Fault == "" || p.Fault == ActName(tap.ActUnroutable))
}
