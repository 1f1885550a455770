package brokertest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

// This file is the ledger: every publish that was ever made, with what became of
// it. The broker tells it; looking at it disturbs nobody.

// A Publication is one publish: a client's, the test's, or that of a dead letter.
type Publication struct {
	// ID numbers the publications of a broker from 1, in their order.
	ID   uint64
	Time time.Time
	// Connection is what the client's connection calls itself, Peer its address;
	// both are "" where no client has published. Channel is the channel on it.
	Connection, Peer, User string
	Channel                uint16

	VHost, Exchange, Key string
	Properties           amqp.Properties
	Body                 []byte
	Mandatory            bool

	// Routes are the queues that it was routed to, the pseudo-queue of a direct
	// reply included, and what became of it in each.
	Routes []Route
	// Delayed are the delayed exchanges that keep it until it is due.
	Delayed []string
	// Returned says that it went back to the publisher (BASIC-3).
	Returned bool
	// Confirm is what the publisher was told of it, Tx the transaction's outcome.
	Confirm ConfirmState
	Tx      TxState
	// Err is what the broker refused the publish for; nil if it did not.
	Err error
	// Fault is what a fault did to it, such as "nack"; usually "".
	Fault string

	// Of is the publication that a dead letter is of, 0 for what is none. It left
	// the queue DeadFrom for the reason Reason: rejected, expired, maxlen or
	// delivery_limit.
	Of               uint64
	DeadFrom, Reason string
}

// ConfirmState is what a publisher was told.
type ConfirmState string

// The states. A publish on a channel without confirms has none.
const (
	NotConfirmed ConfirmState = ""
	Awaited      ConfirmState = "awaited"
	Confirmed    ConfirmState = "confirmed"
	Nacked       ConfirmState = "nacked"
)

// TxState is what became of the transaction that a publish was made in.
type TxState string

// The states. A publish outside of transactions has none.
const (
	NoTx       TxState = ""
	TxOpen     TxState = "open"
	Committed  TxState = "committed"
	RolledBack TxState = "rolled back"
)

// A Route is what became of a publication in one queue.
type Route struct {
	Queue string
	State RouteState
	// Deliveries are those that were made, redeliveries included.
	Deliveries []Attempt
	// DeadLetter is the publication as which it went on from here, or 0.
	DeadLetter uint64
}

// RouteState is where a publication is in a queue, or how it left.
type RouteState string

// The states.
const (
	Waiting    RouteState = "waiting"       // ready, or not in the queue yet
	Out        RouteState = "out"           // delivered, not acknowledged
	Acked      RouteState = "acked"         // or delivered without acknowledgement
	Rejected   RouteState = "rejected"      // for good
	Expired    RouteState = "expired"       // its time to live has passed
	Dropped    RouteState = "dropped"       // for the queue's limit (QUEUE-62)
	Refused    RouteState = "refused"       // for the queue's limit (QUEUE-65)
	GivenUp    RouteState = "given up"      // for the queue's delivery limit (QUEUE-92)
	Purged     RouteState = "purged"        // by queue.purge
	GoneWithIt RouteState = "queue gone"    // the queue was deleted
	Lost       RouteState = "lost"          // the broker was restarted
	Undone     RouteState = "not committed" // its transaction was rolled back
)

// An Attempt is one delivery.
type Attempt struct {
	Time time.Time
	// Connection, Peer and Channel are those of the client, and zero for a consumer
	// of the test's. Consumer is the consumer tag, "" for basic.get.
	Connection, Peer, Consumer string
	Channel                    uint16
	Redelivered                bool
	// State is Out, Acked, Rejected, or Waiting for one that was given back.
	State RouteState
	// Fault is what a fault did to it; usually "".
	Fault string
}

// A ledger keeps publications. Its lock is a leaf.
type ledger struct {
	limit int // of publications that are kept; 0 is none, negative is no limit

	mu      sync.Mutex
	base    uint64     // of the numbers that messages bear: those of other ledgers are others
	first   uint64     // the ID of the first entry, less one
	entries []*posting // in order of ID
	last    uint64
	pending map[channelID]*pendingConfirms
}

// A posting is a publication as the ledger keeps it.
type posting struct {
	broker.Event
	routes  []Route
	delayed []string
	confirm ConfirmState
	tx      TxState
}

// A channelID is a channel of a connection.
type channelID struct {
	peer    uint64
	channel uint16
}

// pendingConfirms are the IDs of the publishes on a channel that await their
// confirm, in order from the number first on; 0 is one that has it.
type pendingConfirms struct {
	first uint64
	ids   []uint64
}

// WithLedger bounds the ledger to the last n publications; 0 is no ledger at all.
// By default it keeps all, with their bodies, until the test ends.
func WithLedger(n int) Option {
	return func(o *options) { o.ledger = &n }
}

func (l *ledger) init(limit *int) {
	l.limit = -1
	if limit != nil {
		l.limit = max(0, *limit)
	}
	l.base = rand.Uint64() &^ (1<<32 - 1)
	l.pending = make(map[channelID]*pendingConfirms)
}

// record is the broker's word of what has happened.
func (l *ledger) record(e broker.Event) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case broker.EventPublished:
		return l.published(e)
	case broker.EventConfirmed:
		l.confirmed(&e, Confirmed)
	case broker.EventNacked:
		l.confirmed(&e, Nacked)
	default:
		if p := l.find(e.ID - l.base); p != nil {
			p.happened(&e)
		}
	}
	return 0
}

// find is the entry of an ID, nil if there is none.
func (l *ledger) find(id uint64) *posting {
	if i := id - l.first - 1; i < uint64(len(l.entries)) {
		return l.entries[i]
	}
	return nil
}

func (l *ledger) published(e broker.Event) uint64 {
	if l.limit >= 0 && len(l.entries) >= l.limit {
		l.entries[0] = nil
		l.entries = l.entries[1:]
		l.first++
	}
	l.last++
	p := &posting{Event: e}
	p.ID = l.last
	if e.Of != 0 {
		p.Of = e.Of - l.base
		l.died(p)
	}
	queues := e.Queues
	if e.Requester != "" {
		queues = append(slices.Clone(queues), e.Requester)
	}
	if e.Err == nil {
		p.routes = make([]Route, len(queues))
		for i, q := range queues {
			p.routes[i] = Route{Queue: q, State: Waiting}
		}
		p.delayed = e.Later
	}
	if e.Tx {
		p.tx = TxOpen
	}
	if e.Seq != 0 {
		p.confirm = Awaited
		l.await(&e, p.ID)
	}
	l.entries = append(l.entries, p)
	return l.base + p.ID
}

// died notes on a publication that a dead letter was made of it.
func (l *ledger) died(letter *posting) {
	of := l.find(letter.Of)
	if of == nil {
		return
	}
	for i := range of.routes {
		if r := &of.routes[i]; r.Queue == letter.Queue && r.DeadLetter == 0 {
			r.DeadLetter = letter.ID
			return
		}
	}
}

// await notes that a publish is going to be confirmed.
func (l *ledger) await(e *broker.Event, id uint64) {
	key := channelID{e.Peer.ID, e.Channel}
	p := l.pending[key]
	if p == nil || e.Seq == 1 { // another channel, of the same number
		p = &pendingConfirms{first: e.Seq}
		l.pending[key] = p
	}
	for p.first+uint64(len(p.ids)) < e.Seq { // numbers of publishes that are not in the ledger
		p.ids = append(p.ids, 0)
	}
	p.ids = append(p.ids, id)
}

func (l *ledger) confirmed(e *broker.Event, state ConfirmState) {
	p := l.pending[channelID{e.Peer.ID, e.Channel}]
	if p == nil {
		return
	}
	for seq := max(e.Seq, p.first); seq <= e.To && seq-p.first < uint64(len(p.ids)); seq++ {
		id := &p.ids[seq-p.first]
		if entry := l.find(*id); entry != nil {
			entry.confirm = state
		}
		*id = 0
	}
	for len(p.ids) > 0 && p.ids[0] == 0 {
		p.ids = p.ids[1:]
		p.first++
	}
}

// happened changes an entry as an event says.
func (p *posting) happened(e *broker.Event) {
	switch e.Kind {
	case broker.EventCommitted:
		p.tx = Committed
	case broker.EventRolledBack:
		p.tx = RolledBack
		for i := range p.routes {
			p.routes[i].State = Undone
		}
	case broker.EventDue:
		if i := slices.Index(p.delayed, e.Exchange); i >= 0 {
			p.delayed = slices.Delete(p.delayed, i, i+1)
		}
		for _, q := range e.Queues {
			p.route(q).State = Waiting
		}
	case broker.EventDelivered:
		p.delivered(e)
	case broker.EventAcked:
		p.settled(e, Acked)
	case broker.EventRequeued:
		p.settled(e, Waiting)
	case broker.EventRejected:
		p.settled(e, Rejected)
	case broker.EventRefused:
		p.route(e.Queue).State = Refused
	case broker.EventGone:
		if r := p.route(e.Queue); r.State != Refused {
			r.State = goneAs[string(e.Reason)]
		}
	}
}

// goneAs are the states of the reasons for which a message leaves a queue.
var goneAs = map[string]RouteState{
	"expired": Expired, "maxlen": Dropped, "delivery_limit": GivenUp, "purged": Purged, "deleted": GoneWithIt,
}

// route is what there is of a queue; a new one if it is not known.
func (p *posting) route(queue string) *Route {
	for i := range p.routes {
		if p.routes[i].Queue == queue {
			return &p.routes[i]
		}
	}
	p.routes = append(p.routes, Route{Queue: queue})
	return &p.routes[len(p.routes)-1]
}

func (p *posting) delivered(e *broker.Event) {
	a := Attempt{Time: e.Time, Channel: e.Channel, Consumer: e.ConsumerTag, Redelivered: e.Redelivered, State: Out}
	if e.Peer != nil {
		a.Connection, a.Peer = e.Peer.Name, e.Peer.Addr
	}
	if e.NoAck {
		a.State = Acked
	}
	a.Fault = actNames[e.Act]
	r := p.route(e.Queue)
	r.State = a.State
	r.Deliveries = append(r.Deliveries, a)
}

// settled ends a delivery: the first to that client that is out.
func (p *posting) settled(e *broker.Event, state RouteState) {
	r := p.route(e.Queue)
	peer := ""
	if e.Peer != nil {
		peer = e.Peer.Addr
	}
	for i := range r.Deliveries {
		if a := &r.Deliveries[i]; a.State == Out && a.Peer == peer {
			a.State = state
			break
		}
	}
	if r.State == Out || state != Waiting {
		r.State = state
	}
}

// restarted compares with what a broker has that was started anew: what was in
// a queue and is there no more is lost, what is there again was not acknowledged.
func (l *ledger) restarted(b *broker.Broker) {
	if l.limit == 0 {
		return
	}
	type place struct {
		id           uint64
		vhost, queue string
	}
	there := make(map[place]bool)
	for _, vh := range b.Snapshot().VHosts {
		for _, q := range vh.Queues {
			h, err := b.VHost(vh.Name)
			if err != nil {
				continue
			}
			list, _ := h.Recorded(q.Name) // it was recovered from the store just now
			for _, id := range list {
				there[place{id - l.base, vh.Name, q.Name}] = true
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		for i := range e.routes {
			r := &e.routes[i]
			switch {
			case there[place{e.ID, e.VHost, r.Queue}]:
				r.back()
			case r.State == Waiting || r.State == Out:
				r.State = Lost
			}
		}
	}
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
