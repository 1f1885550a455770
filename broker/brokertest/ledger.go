package brokertest

import (
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/rabbetmq/rabbet/broker/tap"
)

// A ledger keeps publications. Its lock is a leaf.
type ledger struct {
	limit int // of publications that are kept; 0 is none, negative is no limit

	mu      sync.Mutex
	writer  int        // counts the brokers: only the newest is listened to
	base    uint64     // of the numbers that messages bear: those of other ledgers are others
	first   uint64     // the ID of the first entry, less one
	entries []*posting // in order of ID
	last    uint64
	pending map[channelID]*pendingConfirms
	moved   map[place]bool // while a broker starts anew: what it has moved already
}

// A posting is a publication as the ledger keeps it.
type posting struct {
	tap.Event
	routes  []Route
	delays  []Postponement
	confirm ConfirmState
	tx      TxState
	inTx    int // routes, the first ones, that wait for the commit
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

// recorder is how a broker that is about to be started tells what happens.
func (l *ledger) recorder() func(tap.Event) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writer++
	writer := l.writer
	if writer > 1 {
		l.moved = make(map[place]bool)
	}
	return func(e tap.Event) uint64 { return l.record(writer, e) }
}

// dismiss stops listening: whatever the broker still says, it is dead.
func (l *ledger) dismiss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writer++
}

// record is a broker's word of what has happened.
func (l *ledger) record(writer int, e tap.Event) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if writer != l.writer {
		return 0
	}
	switch e.Kind {
	case tap.EventPublished:
		return l.published(e)
	case tap.EventConfirmed:
		l.confirmed(&e, Confirmed)
	case tap.EventNacked:
		l.confirmed(&e, Nacked)
	default:
		if p := l.find(e.ID - l.base); p != nil {
			l.noteMove(p, &e)
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

func (l *ledger) published(e tap.Event) uint64 {
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
	l.noteMove(p, &e)
	queues := e.Queues
	if e.Requester != "" {
		queues = append(slices.Clone(queues), e.Requester)
	}
	if e.Err == nil {
		p.routes = make([]Route, len(queues))
		for i, q := range queues {
			p.routes[i] = Route{Queue: q, State: Waiting}
		}
		for _, x := range e.Later {
			p.delays = append(p.delays, Postponement{Exchange: x, State: Waiting})
		}
	}
	if e.Tx {
		p.tx, p.inTx = TxOpen, len(p.routes)
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
	for i := range of.delays {
		if d := &of.delays[i]; letter.Queue == "" && d.State == Due && d.DeadLetter == 0 {
			d.DeadLetter = letter.ID
			return
		}
	}
}

// await notes that a publish is going to be confirmed.
func (l *ledger) await(e *tap.Event, id uint64) {
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

func (l *ledger) confirmed(e *tap.Event, state ConfirmState) {
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
func (p *posting) happened(e *tap.Event) {
	switch e.Kind {
	case tap.EventCommitted:
		p.tx = Committed
	case tap.EventRolledBack:
		p.tx = RolledBack
		for _, x := range e.Later {
			p.delayEnds(x, Undone)
		}
		for i := range p.routes[:p.inTx] {
			p.routes[i].State = Undone
		}
	case tap.EventDue:
		p.delayEnds(e.Exchange, Due)
		for _, q := range e.Queues {
			p.route(q).State = Waiting
		}
	case tap.EventCancelled:
		p.delayEnds(e.Exchange, goneAs[string(e.Reason)])
	case tap.EventDelivered:
		p.delivered(e)
	case tap.EventAcked:
		p.settled(e, Acked)
	case tap.EventRequeued:
		p.settled(e, Waiting)
	case tap.EventRejected:
		p.settled(e, Rejected)
	case tap.EventRefused:
		p.route(e.Queue).State = Refused
	case tap.EventGone:
		if r := p.route(e.Queue); r.State != Refused {
			r.State = goneAs[string(e.Reason)]
		}
	}
}

// goneAs are the states of the reasons for which a message leaves a queue or a
// delayed exchange.
var goneAs = map[string]RouteState{
	"expired": Expired, "maxlen": Dropped, "delivery_limit": GivenUp, "purged": Purged, "deleted": GoneWithIt,
	"cancelled": Cancelled,
}

// delayEnds notes the end of a delay.
func (p *posting) delayEnds(exchange string, as RouteState) {
	for i := range p.delays {
		if d := &p.delays[i]; d.Exchange == exchange && d.State == Waiting {
			d.State = as
			return
		}
	}
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

func (p *posting) delivered(e *tap.Event) {
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
func (p *posting) settled(e *tap.Event, state RouteState) {
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
