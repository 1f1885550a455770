package queue

import (
	"errors"
	"sync"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue/dedup"
)

// The queue itself: what is published to it, who gets it,
// and how the queue ends.

// Errors of Subscribe and Delete; the broker gives them RabbitMQ's texts.
var (
	ErrDeleted     = errors.New("queue is deleted")
	ErrExclusive   = errors.New("queue in exclusive use") // BASIC-29: 403 beside an exclusive consumer
	ErrHasConsumer = errors.New("queue in use")           // QUEUE-23: if-unused is refused
	ErrNotEmpty    = errors.New("queue not empty")        // QUEUE-23: if-empty is refused
)

// holdLimit is how many items are handled under one hold of a queue's lock.
const holdLimit = 1024

// A Classic is a classic queue, or a quorum queue as one node shows it. Use New.
type Classic struct {
	name       string // in its virtual host
	autoDelete bool   // it asks for deletion after the last consumer (QUEUE-21)

	quorum bool // a quorum queue as one node shows it (QUEUE-92 to QUEUE-99)

	env  *Env
	back *backing // nil without a store

	deadLettering sync.Mutex // held while dead letters are published, before mu

	mu       sync.Mutex
	set      *Settings
	ready    levels
	seq      uint64 // position of the newest item
	turns    uint64 // how often an item has come back to stand in front, in a quorum queue
	unacked  outstanding
	stats    Stats
	full     bool // a quorum queue that rejects is over its limit, or was and is not far below
	outByGet int  // of unacked, those that Get gave out, in a quorum queue
	deleted  bool
	still    bool         // nothing is delivered: see StandStill
	closed   bool         // nothing from outside comes in
	values   *dedup.Cache // of the messages that are here, if it deduplicates
	rota     rota
	subs     roster
	active   *Subscription // the one that a single-active-consumer queue serves
	heir     *Subscription // the one that is to be active when nothing is out any more
	dead     []DeadLetter  // on their way out, in order
	letters  letters       // that wait for their targets, in a quorum queue
	late     lates         // that wait to come back, in a quorum queue
	offered  Item          // the item on offer, kept here so that it needs no allocation

	timer    delay.Timer // nil until something can expire
	armed    int64       // when the timer fires, as deadlines count; 0 is not at all
	lastUsed int64       // for the queue's own expiry
	stopped  bool        // the timer is not set any more
}

// Config is what a queue is made with.
type Config struct {
	Name       string
	AutoDelete bool
	// Env is shared by the queues of a virtual host; required.
	Env *Env
	// MaxPriority is x-max-priority; 0 is a plain queue (QUEUE-87).
	MaxPriority uint8
	// Settings are the optional features; nil is none.
	Settings *Settings
	// Quorum makes it a quorum queue, as one node shows it, with priorities by the
	// rule of QuorumPriority.
	Quorum         bool
	QuorumPriority QuorumPriority
	// ID names the queue in the store, and Durable says that its persistent
	// messages survive a restart. They count only if Env has a store.
	ID      uint64
	Durable bool
}

// Levels is the number of priority levels of such a queue. In the store each is a
// log of its own: LogOf of the queue's ID and 0 to Levels()-1.
func (cfg *Config) Levels() int {
	if cfg.Quorum {
		return 1 + cfg.QuorumPriority.above()
	}
	return 1 + int(cfg.MaxPriority)
}

// Counts are a queue's numbers at one moment.
type Counts struct {
	Ready, Unacked, Consumers int
	// Away are messages of a quorum queue that are neither ready nor out: dead letters
	// that wait for their targets, and messages that wait to come back (DLXALO-6, RETRY-8).
	Away int
	// OutByGet is how many items are out by Get, in a quorum queue. While one is,
	// RabbitMQ counts the client that got it as a consumer in declare-ok (QUEUE-5).
	OutByGet int
	// Waiting is how many consumers wait for the active one to end, in a quorum queue.
	// RabbitMQ leaves them out of declare-ok.
	Waiting int
	// ReadyBytes is the sum of the ready messages' bodies.
	ReadyBytes int64
}

// New makes an empty queue. Nothing of it expires before the first call of Touch,
// or of Resume: an owner that is told of the end of a queue must know it by then.
func New(cfg Config) *Classic {
	q := &Classic{name: cfg.Name, autoDelete: cfg.AutoDelete, quorum: cfg.Quorum, env: cfg.Env, set: cfg.Settings}
	q.ready.zero.inTurn = cfg.Quorum
	if q.set == nil {
		q.set = plain
	}
	q.deduplicate()
	if cfg.Quorum {
		q.ready.rule = cfg.QuorumPriority
	}
	above := cfg.Levels() - 1
	if above > 0 {
		q.ready.higher = make([]readyList, above)
	}
	if q.ready.rule != NoPriority {
		q.ready.higher[above-1].inTurn = true
	}
	if cfg.Env.Store != nil {
		q.back = newBacking(cfg.Env.Store, cfg.ID, cfg.Durable, above+1)
		q.back.quorum, q.back.countFailures = cfg.Quorum, cfg.Env.CountFailures
	}
	if q.set.Expires.ends() {
		q.lastUsed = q.now()
	}
	return q
}

// Name is the queue's name in its virtual host.
func (q *Classic) Name() string { return q.name }

// Publish appends messages in order and hands out what consumers can take.
// Those that a full queue rejects are in fx.Refused. It reports false, having
// done nothing, when the queue is deleted.
func (q *Classic) Publish(msgs []*Message, fx *Effects) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		if q.env.tells() {
			for _, m := range msgs {
				q.env.Gone(q.name, m, Deleted)
			}
		}
		return false
	}
	q.stats.Published += uint64(len(msgs))
	var h hold
	defer h.release() // also when a receiver panics
	var now int64     // one look at the clock is enough for all
	untidy := false
	closed := q.closed && !fx.Inside
	for i, m := range msgs {
		if closed || q.set != plain && !(q.quorum && fx.Inside && !fx.Confirming) && q.refuses(m) { // QUEUE-69: what comes from inside is not asked
			fx.Refused = append(fx.Refused, i)
			if q.set.Overflow == RejectPublishDLX && !closed { // QUEUE-66: dead-lettered, too
				q.discard(Item{Msg: m}, MaxLen, fx)
			}
			continue
		}
		it := Item{Msg: m}
		if ttl := q.ttl(m); ttl.ends() {
			if now == 0 {
				now = q.now()
			}
			it.Deadline = ttl.after(now)
		}
		if q.values != nil && q.repeats(m, it.Deadline) {
			// Its confirm waits for the disk: the first one may be on the way there.
			fx.Logged = fx.Logged || q.back != nil && q.survives(m)
			continue
		}
		untidy = q.enqueue(it, &h, fx) || untidy
	}
	h.release()
	q.offered = Item{}
	if q.back != nil { // before anything is flushed
		fx.Logged = fx.Logged || q.back.adding
	}
	if untidy {
		q.tidy(fx)
	}
	if q.ready.timed > 0 {
		q.arm()
	}
	q.flush()
	if q.subs.n > 0 {
		fx.Backlog = max(fx.Backlog, q.ready.len())
		fx.BacklogBytes = max(fx.BacklogBytes, q.ready.bytes())
	}
	return true
}

// enqueue hands one item to a consumer that waits for it, or keeps it. True
// means that the queue has to be tidied.
func (q *Classic) enqueue(it Item, h *hold, fx *Effects) bool {
	q.seq++
	it.Seq = q.seq
	keep := q.back != nil && q.survives(it.Msg)
	if q.ready.len() == 0 && len(q.rota.rings) > 0 && !q.still {
		q.offered = it
		q.offered.Stored = keep
		if s := q.offer(&q.offered, h, fx); s != nil {
			if keep && !s.NoAck {
				q.back.persist(q, &q.offered)
			}
			return false
		}
	}
	if q.back != nil && (keep || q.back.full(q, it.Msg)) {
		it.Stored = true
		q.back.persist(q, &it)
	}
	q.ready.push(it)
	if q.over() || it.Deadline != 0 && q.ttl(it.Msg).atOnce() { // QUEUE-54: delivered at once or expired
		return q.tidySome(fx)
	}
	return false
}

// offer goes round the consumers until one takes the item; nil if none does.
func (q *Classic) offer(it *Item, h *hold, fx *Effects) *Subscription {
	it.measure()
	for s := q.rota.next(); s != nil; s = q.rota.next() {
		h.take(s.Lock)
		if s.Receiver.Offer(it, fx) {
			q.rota.served(s)
			q.delivered(it, s.NoAck)
			return s
		}
		q.rota.remove(s)
	}
	return nil
}

// dispatch hands out ready items until none is left or no consumer takes one.
// It is called with the lock held and lets go of it between holds.
func (q *Classic) dispatch(fx *Effects) {
	for q.dispatchSome(fx) {
		q.flush()
		q.mu.Unlock()
		q.mu.Lock()
	}
}

// dispatchSome is one hold's share; true asks for another.
func (q *Classic) dispatchSome(fx *Effects) bool {
	if q.ready.timed > 0 {
		defer q.arm()
	}
	var h hold
	defer h.release()
	for range holdLimit {
		if q.expireHead(fx) {
			return true
		}
		if q.ready.len() == 0 || !q.ready.inMemory() || q.still {
			return false
		}
		s := q.offer(q.ready.front(), &h, fx)
		if s == nil {
			return false
		}
		if it := q.ready.pop(); it.Stored && s.NoAck {
			q.back.consume(q, &it)
		}
	}
	return true
}

// A hold is the receiver lock held at the moment, so that a run of offers to
// one connection takes it once.
type hold struct{ mu *sync.Mutex }

func (h *hold) take(mu *sync.Mutex) {
	if h.mu == mu {
		return
	}
	h.release()
	mu.Lock()
	h.mu = mu
}

func (h *hold) release() {
	if h.mu != nil {
		h.mu.Unlock()
		h.mu = nil
	}
}

// Get takes the first ready item and tells how many are left (BASIC-51). With
// noAck it is settled at once.
func (q *Classic) Get(noAck bool, fx *Effects) (it Item, left int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.flush()
	q.used()
	q.loadHead(fx)
	if q.ready.len() == 0 || !q.ready.inMemory() || q.still { // a fault of the disk looks like an empty queue
		q.stats.GetEmpty++
		return Item{}, 0, false
	}
	it = q.ready.pop()
	left = q.ready.len() // a quorum queue counts what is due behind it (BASIC-51)
	q.got(&it, noAck)
	q.tidy(fx)
	q.arm()
	if !q.quorum {
		left = q.ready.len()
	}
	switch {
	case !noAck:
		if q.quorum {
			it.notes |= isFromGet
			q.outByGet++
		}
	case it.Stored:
		q.back.consume(q, &it)
	}
	return it, left, true
}

// Purge drops the ready messages and returns their number; what is out with
// consumers is untouched (QUEUE-24).
func (q *Classic) Purge() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.ready.len() + len(q.late.list)
	if q.env.PurgeCountsDead {
		n += len(q.letters.list)
	}
	q.purge()
	return n
}

// purge is Purge for those who hold the lock.
func (q *Classic) purge() {
	q.allGone(Purged)
	q.forgetReady()
	if q.back != nil {
		q.back.purge(q)
		defer q.flush()
	}
	q.dropLate()
	q.ready.clear()
}

// Delete ends the queue and returns the number of ready messages dropped with
// it (QUEUE-24) and the consumers that lost it. It fails with ErrNotEmpty,
// tested first, or ErrHasConsumer (QUEUE-23), or ErrDeleted.
func (q *Classic) Delete(ifUnused, ifEmpty bool) (int, []*Subscription, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.deleted:
		return 0, nil, ErrDeleted
	case ifEmpty && q.ready.len() > 0:
		return 0, nil, ErrNotEmpty
	case ifUnused && q.subs.n > 0:
		return 0, nil, ErrHasConsumer
	}
	q.allGone(Deleted)
	q.deleted = true
	n, subs := q.ready.len(), q.subs.all()
	for _, s := range subs {
		q.drop(s)
	}
	if q.back != nil {
		q.back.drop()
		defer q.flush()
	}
	q.ready, q.subs, q.active, q.heir, q.values = levels{}, roster{}, nil, nil, nil
	q.letters.list, q.letters.bytes, q.late = nil, 0, lates{}
	q.stop()
	return n, subs, nil
}

// Forget has nothing to do: all that the queue has is in the store.
func (q *Classic) Forget() {}

// Counts returns the queue's numbers, exact at this moment.
func (q *Classic) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := 0
	if q.quorum && q.set.SingleActive {
		waiting = max(q.subs.n-1, 0)
	}
	return Counts{
		Ready:      q.ready.len(),
		Unacked:    q.unacked.count,
		Away:       len(q.letters.list) + len(q.late.list),
		Consumers:  q.subs.n,
		OutByGet:   q.outByGet,
		Waiting:    waiting,
		ReadyBytes: q.ready.bytes(),
	}
}
