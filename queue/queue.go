package queue

import (
	"errors"
	"slices"
	"sync"
)

// Errors of Subscribe and Delete; the broker gives them RabbitMQ's texts.
var (
	ErrDeleted     = errors.New("queue is deleted")
	ErrExclusive   = errors.New("queue in exclusive use") // BASIC-29
	ErrHasConsumer = errors.New("queue in use")           // QUEUE-23
	ErrNotEmpty    = errors.New("queue not empty")        // QUEUE-23
)

// holdLimit is how many items are handled under one hold of a queue's lock.
const holdLimit = 1024

// A Queue holds messages and hands them to consumers. Use New.
type Queue struct {
	// Name is the queue's name in its virtual host.
	Name string
	// AutoDelete asks for deletion after the last consumer (QUEUE-21).
	AutoDelete bool

	mu      sync.Mutex
	ready   readyList
	seq     uint64 // position of the newest item
	unacked int
	deleted bool
	rota    rota
	subs    []*Subscription // in order of subscription
	offered Item            // the item on offer, kept here so that it needs no allocation
}

// Counts are a queue's numbers at one moment.
type Counts struct {
	Ready, Unacked, Consumers int
	// ReadyBytes is the sum of the ready messages' bodies.
	ReadyBytes int64
}

// New makes an empty queue.
func New(name string, autoDelete bool) *Queue {
	return &Queue{Name: name, AutoDelete: autoDelete}
}

// Publish appends messages in order and hands out what consumers can take. It
// reports false, having done nothing, when the queue is deleted.
func (q *Queue) Publish(msgs []*Message, fx *Effects) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return false
	}
	var h hold
	for _, m := range msgs {
		q.seq++
		if q.ready.len() == 0 && len(q.rota.levels) > 0 {
			q.offered = Item{Msg: m, Seq: q.seq}
			if q.offer(&q.offered, &h, fx) {
				continue
			}
		}
		q.ready.push(Item{Msg: m, Seq: q.seq})
	}
	h.release()
	q.offered = Item{}
	if len(q.subs) > 0 {
		fx.Backlog = max(fx.Backlog, q.ready.len())
		fx.BacklogBytes = max(fx.BacklogBytes, q.ready.bytes)
	}
	return true
}

// offer goes round the consumers until one takes the item.
func (q *Queue) offer(it *Item, h *hold, fx *Effects) bool {
	for s := q.rota.next(); s != nil; s = q.rota.next() {
		h.take(s.Lock)
		if s.Receiver.Offer(it, fx) {
			q.rota.served(s)
			if !s.NoAck {
				q.unacked++
			}
			return true
		}
		q.rota.remove(s)
	}
	return false
}

// dispatch hands out ready items until none is left or no consumer takes one.
// It is called with the lock held and lets go of it between holds.
func (q *Queue) dispatch(fx *Effects) {
	for q.dispatchSome(fx) {
		q.mu.Unlock()
		q.mu.Lock()
	}
}

// dispatchSome is one hold's share; true asks for another.
func (q *Queue) dispatchSome(fx *Effects) bool {
	var h hold
	defer h.release()
	for range holdLimit {
		if q.ready.len() == 0 || !q.offer(q.ready.front(), &h, fx) {
			return false
		}
		q.ready.pop()
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
func (q *Queue) Get(noAck bool) (it Item, left int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ready.len() == 0 {
		return Item{}, 0, false
	}
	it = q.ready.pop()
	if !noAck {
		q.unacked++
	}
	return it, q.ready.len(), true
}

// Settle drops items that were out: acknowledged, or rejected for good.
func (q *Queue) Settle(items []Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unacked -= len(items)
}

// Requeue returns items that were out to their original positions, marked as
// redelivered (BASIC-58, BASIC-59). The slice is the queue's from then on.
func (q *Queue) Requeue(items []Item, fx *Effects) {
	if len(items) == 0 {
		return
	}
	for i := range items {
		items[i].Redelivered = true
	}
	bySeq := func(a, b Item) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	}
	if !slices.IsSortedFunc(items, bySeq) {
		slices.SortFunc(items, bySeq)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unacked -= len(items)
	if q.deleted {
		return
	}
	q.ready.giveBack(items)
	q.dispatch(fx)
}

// Subscribe registers a consumer, parked: it is offered nothing before Unpark,
// so that the caller can announce it first (BASIC-26).
func (q *Queue) Subscribe(s *Subscription) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return ErrDeleted
	}
	if len(q.subs) > 0 && (s.Exclusive || q.subs[0].Exclusive) {
		return ErrExclusive
	}
	s.queue = q
	q.subs = append(q.subs, s)
	return nil
}

// Unpark puts a consumer back in turn, at the end, and hands out what it can
// take. For a consumer in turn already, or gone, it does nothing.
func (q *Queue) Unpark(s *Subscription, fx *Effects) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.gone || s.waiting {
		return
	}
	q.rota.add(s)
	q.dispatch(fx)
}

// Unsubscribe removes a consumer; when it returns, nothing more is offered to
// it. What is out with it stays out.
func (q *Queue) Unsubscribe(s *Subscription, fx *Effects) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.gone {
		return
	}
	q.drop(s)
	i := slices.Index(q.subs, s)
	q.subs = slices.Delete(q.subs, i, i+1)
	if q.AutoDelete && len(q.subs) == 0 && !q.deleted {
		fx.Idle = append(fx.Idle, q)
	}
}

func (q *Queue) drop(s *Subscription) {
	s.gone = true
	if s.waiting {
		q.rota.remove(s)
	}
}

// Purge drops the ready messages and returns their number; what is out with
// consumers is untouched (QUEUE-24).
func (q *Queue) Purge() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.ready.len()
	q.ready = readyList{}
	return n
}

// Delete ends the queue and returns the number of ready messages dropped with
// it (QUEUE-24) and the consumers that lost it. It fails with ErrNotEmpty,
// tested first, or ErrHasConsumer (QUEUE-23), or ErrDeleted.
func (q *Queue) Delete(ifUnused, ifEmpty bool) (int, []*Subscription, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.deleted:
		return 0, nil, ErrDeleted
	case ifEmpty && q.ready.len() > 0:
		return 0, nil, ErrNotEmpty
	case ifUnused && len(q.subs) > 0:
		return 0, nil, ErrHasConsumer
	}
	q.deleted = true
	n, subs := q.ready.len(), q.subs
	for _, s := range subs {
		q.drop(s)
	}
	q.ready, q.subs = readyList{}, nil
	return n, subs, nil
}

// Counts returns the queue's numbers, exact at this moment.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Counts{
		Ready:      q.ready.len(),
		Unacked:    q.unacked,
		Consumers:  len(q.subs),
		ReadyBytes: q.ready.bytes,
	}
}

// Peek returns up to limit ready items in delivery order and changes nothing.
func (q *Queue) Peek(limit int) []Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := make([]Item, 0, max(0, min(limit, q.ready.len())))
	q.ready.each(func(it *Item) bool {
		if len(items) == cap(items) {
			return false
		}
		items = append(items, *it)
		return true
	})
	return items
}

// Subscriptions returns the consumers in order of subscription.
func (q *Queue) Subscriptions() []*Subscription {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.subs)
}
