package ledger

import (
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/tap"
)

// noteMove notes that a broker which is starting has moved something: what is due
// by then goes at once, before anybody could look where it was.
func (l *Ledger) noteMove(p *posting, e *tap.Event) {
	if l.moved == nil {
		return
	}
	for _, queues := range [][]string{e.Queues, {e.Queue}} {
		for _, q := range queues {
			l.moved[place{id: p.ID, vhost: p.VHost, queue: q}] = true
		}
	}
	for _, exchanges := range [][]string{e.Later, {e.Exchange}} {
		for _, x := range exchanges {
			l.moved[place{id: p.ID, vhost: p.VHost, exchange: x}] = true
		}
	}
}

// Restarted compares with what a broker has that was started anew: what was in
// a queue and is there no more is lost, what is there again was not acknowledged.
func (l *Ledger) Restarted(b *broker.Broker) {
	there := l.recovered(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	moved := l.moved
	l.moved = nil
	for _, e := range l.entries {
		for i := range e.routes {
			r := &e.routes[i]
			switch {
			case moved[place{id: e.ID, vhost: e.VHost, queue: r.Queue}]:
			case there[place{id: e.ID, vhost: e.VHost, queue: r.Queue}]:
				r.back()
			case r.State == Waiting || r.State == Out:
				r.State = Lost
			}
		}
		for i := range e.delays {
			d := &e.delays[i]
			switch {
			case moved[place{id: e.ID, vhost: e.VHost, exchange: d.Exchange}]:
			case there[place{id: e.ID, vhost: e.VHost, exchange: d.Exchange}]:
				d.State = Waiting
			case d.State == Waiting:
				d.State = Lost
			}
		}
	}
}

// A place is a publication in a queue or a delayed exchange.
type place struct {
	id                     uint64
	vhost, queue, exchange string
}

// recovered is what a broker has that has just been started.
func (l *Ledger) recovered(b *broker.Broker) map[place]bool {
	there := make(map[place]bool)
	for _, vh := range b.Snapshot().VHosts {
		h, err := b.VHost(vh.Name)
		if err != nil {
			continue
		}
		for _, q := range vh.Queues {
			list, _ := h.Recorded(q.Name) // it was there a moment ago
			for _, id := range list {
				there[place{id: id - l.base, vhost: vh.Name, queue: q.Name}] = true
			}
		}
		for x, list := range h.RecordedDelayed() {
			for _, id := range list {
				there[place{id: id - l.base, vhost: vh.Name, exchange: x}] = true
			}
		}
	}
	return there
}

// back notes that a message is in its queue again.
func (r *Route) back() {
	r.State = Waiting
	for i := range r.Deliveries {
		if r.Deliveries[i].State == Out {
			r.Deliveries[i].State = Waiting
		}
	}
}
