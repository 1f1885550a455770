package queue

import (
	"slices"
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
)

// Consumers: what a queue sees of one, and the turns that they take.

// Receiver is the connection's side of a consumer.
type Receiver interface {
	// Offer hands over one item. It is called under the queue's lock and
	// under the Subscription's Lock. True means that the item is the
	// receiver's now. False means that it takes none for the moment (no
	// credit, outbox full, cancelled): the consumer is parked until Unpark.
	Offer(it *Item, fx *Effects) bool
	// QueueDeleted tells the receiver that its queue is gone, once, after the
	// deletion and with no lock held. It may come while Subscribe's caller has
	// not announced the consumer yet.
	QueueDeleted(fx *Effects)
}

// Subscription is one consumer of one queue. The exported fields are set
// before Subscribe and not changed after.
type Subscription struct {
	Receiver Receiver
	// Lock guards the receiver; consumers of one connection share it, so a
	// run of deliveries to one connection takes it once.
	Lock *sync.Mutex
	// Priority is the consumer's x-priority; higher is served first (BASIC-37).
	Priority int64
	// NoAck says that deliveries count as acknowledged.
	NoAck bool
	// Args are the arguments of the consumer. A stream finds in them where the consumer
	// begins and what it wants (STREAM-27, STREAM-36); others do not look.
	Args amqp.Table
	// Tag is the consumer tag, which orders consumers of one channel.
	Tag string
	// Exclusive refuses every other consumer (BASIC-29). Quorum queues know no
	// such thing.
	Exclusive bool

	announced  bool          // its first Unpark has come
	next, prev *Subscription // neighbours in the turn order of its priority
	waiting    bool          // in turn, that is not parked
	gone       bool          // cancelled
}

// A rota keeps the consumers that can take a delivery, in turns: highest
// priority first, round robin within one (BASIC-36, BASIC-37).
type rota struct {
	rings []ring // highest priority first; never an empty one
}

// A ring is the consumers of one priority.
type ring struct {
	priority int64
	first    *Subscription // the next in turn; the last is first.prev
}

// next is the consumer whose turn it is, or nil.
func (r *rota) next() *Subscription {
	if len(r.rings) == 0 {
		return nil
	}
	return r.rings[0].first
}

// served ends the turn of the consumer that next returned.
func (r *rota) served(s *Subscription) { r.rings[0].first = s.next }

// add puts a consumer at the end of its priority's turns.
func (r *rota) add(s *Subscription) {
	s.waiting = true
	i, found := r.find(s.Priority)
	if !found {
		s.next, s.prev = s, s
		r.rings = slices.Insert(r.rings, i, ring{s.Priority, s})
		return
	}
	first := r.rings[i].first
	s.next, s.prev = first, first.prev
	first.prev.next, first.prev = s, s
}

// remove takes a waiting consumer out.
func (r *rota) remove(s *Subscription) {
	s.waiting = false
	i, _ := r.find(s.Priority)
	if s.next == s {
		r.rings = slices.Delete(r.rings, i, i+1)
	} else {
		s.prev.next, s.next.prev = s.next, s.prev
		if r.rings[i].first == s {
			r.rings[i].first = s.next
		}
	}
	s.next, s.prev = nil, nil
}

func (r *rota) find(priority int64) (int, bool) {
	return slices.BinarySearchFunc(r.rings, priority, func(x ring, p int64) int {
		switch {
		case x.priority > p:
			return -1
		case x.priority < p:
			return 1
		}
		return 0
	})
}

// Subscribe registers a consumer, parked: it is offered nothing before Unpark,
// so that the caller can announce it first (BASIC-26).
func (q *Classic) Subscribe(s *Subscription) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return ErrDeleted
	}
	if !q.quorum && (s.Exclusive && (q.subs.n > 0 || q.set.SingleActive) || q.subs.n > 0 && q.subs.first().Exclusive) {
		return ErrExclusive // BASIC-29, BASIC-30: no exclusive consumer beside others
	}
	q.subs.add(s)
	if q.active == nil {
		q.active = s
	}
	return nil
}

// Unpark puts a consumer back in turn, at the end, and hands out what there is.
func (q *Classic) Unpark(s *Subscription, fx *Effects) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unpark(s, fx)
	if !s.announced {
		s.announced = true
		q.inherit(s, fx)
	}
}

func (q *Classic) unpark(s *Subscription, fx *Effects) {
	if q.rejoin(s) {
		q.dispatch(fx)
		q.flush()
	}
}

// Rejoin is Unpark that hands out nothing, so that items which come back next find
// the consumer in turn (BASIC-36). Unpark has to follow.
func (q *Classic) Rejoin(s *Subscription) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rejoin(s)
}

// rejoin reports whether the consumer is in turn now.
func (q *Classic) rejoin(s *Subscription) bool {
	if s.gone || q.set.SingleActive && (s != q.active || q.heir != nil) { // BASIC-40: the first consumer gets everything
		return false
	}
	if !s.waiting {
		q.rota.add(s)
	}
	return true
}

// Unsubscribe removes a consumer; when it returns, nothing more is offered to
// it. What is out with it stays out.
func (q *Classic) Unsubscribe(s *Subscription, fx *Effects) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.gone {
		return
	}
	q.drop(s)
	q.subs.remove(s)
	if q.subs.n == 0 {
		q.active, q.heir = nil, nil
		q.used() // QUEUE-58: its expiry starts anew
		if q.autoDelete && !q.deleted {
			fx.Idle = append(fx.Idle, q)
		}
	} else if s == q.active || s == q.heir {
		q.succeed(s, fx)
	}
}

func (q *Classic) drop(s *Subscription) {
	s.gone = true
	if s.waiting {
		q.rota.remove(s)
	}
}
