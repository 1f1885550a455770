package ledger

import (
	"bytes"
	"strings"

	"github.com/rabbetmq/rabbet/queue"
)

// About how many bytes are kept for a publication, a route and a delivery.
const (
	postingBytes = 700
	routeBytes   = 120
	attemptBytes = 200
)

// copied is a message that keeps nothing of the broker's alive, with the first bytes of
// its body.
func copied(m *queue.Message, body int) *queue.Message {
	return &queue.Message{
		Exchange: strings.Clone(m.Exchange), Key: strings.Clone(m.Key), Props: bytes.Clone(m.Props),
		Body: bytes.Clone(m.Body[:min(len(m.Body), body)]),
	}
}

// touch notes a change of an entry, and what it holds by now.
func (l *Ledger) touch(p *posting) {
	l.changes++
	p.changed = l.changes
	size := postingBytes + len(p.Msg.Exchange) + len(p.Msg.Key) + len(p.Msg.Props) + len(p.Msg.Body) + routeBytes*(len(p.routes)+len(p.delays))
	for i := range p.routes {
		r := &p.routes[i]
		if extra := len(r.Deliveries) - l.cfg.Deliveries; l.cfg.Deliveries > 0 && extra > 0 {
			r.Deliveries = append(r.Deliveries[:0], r.Deliveries[extra:]...)
			r.Earlier += extra
		}
		size += attemptBytes * len(r.Deliveries)
	}
	l.bytes += size - p.size
	p.size = size
}

// shrink forgets the oldest entries, until the rest is within the bounds.
func (l *Ledger) shrink() {
	for len(l.entries) > 1 {
		tooMany := l.cfg.Publications > 0 && len(l.entries) > l.cfg.Publications
		if !tooMany && (l.cfg.Bytes <= 0 || l.bytes <= l.cfg.Bytes) {
			return
		}
		l.forget()
	}
}

// forget forgets the oldest entry.
func (l *Ledger) forget() {
	p := l.entries[0]
	l.entries[0] = nil
	l.entries = l.entries[1:]
	l.first++
	l.bytes -= p.size
	delete(l.foreign, p.number)
	if p.confirm != Awaited {
		return
	}
	key := channelID{p.Peer.ID, p.Channel}
	c := l.pending[key]
	if c == nil {
		return
	}
	if i := p.Seq - c.first; i < uint64(len(c.ids)) && c.ids[i] == p.ID {
		c.ids[i] = 0
		l.trim(key, c)
	}
}
