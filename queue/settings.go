package queue

import (
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// Overflow is what a queue at its limit does with one message more.
type Overflow uint8

// The ways of x-overflow (QUEUE-62, QUEUE-65, QUEUE-66).
const (
	DropHead Overflow = iota
	RejectPublish
	RejectPublishDLX
)

// Settings are a queue's optional features as they apply now. A Settings that
// a queue has is not changed; Configure replaces it.
type Settings struct {
	// TTL is x-message-ttl in milliseconds plus one; 0 is none (QUEUE-52).
	TTL int64
	// Expires is x-expires in milliseconds; 0 is never (QUEUE-58).
	Expires int64
	// MaxLength and MaxBytes limit the ready messages; negative is no limit
	// (QUEUE-61).
	MaxLength, MaxBytes int64
	Overflow            Overflow
	// DeadLetter says that dropped messages go to DeadLetterExchange, with
	// DeadLetterKey if HasDeadLetterKey (QUEUE-72).
	DeadLetter         bool
	DeadLetterExchange string
	DeadLetterKey      string
	HasDeadLetterKey   bool
	// SingleActive lets only the first consumer have messages (BASIC-40).
	SingleActive bool
	// Lazy keeps next to nothing in memory (QUEUE-91).
	Lazy bool
}

// plain is a queue without optional features.
var plain = &Settings{MaxLength: -1, MaxBytes: -1}

// Env is what the queues of one virtual host share.
type Env struct {
	Clock delay.Clock
	// Store is where queues keep what must survive, or does not fit; nil keeps
	// everything in memory.
	Store *store.Store
	// Perform does what a queue's timer has left to do.
	Perform func(fx *Effects)
}

// now is the time as deadlines count it.
func (q *Queue) now() int64 { return q.env.Clock.Now().UnixMilli() }

// deadline is when a message that enters the queue now expires: the earlier of
// the queue's and its own (QUEUE-52). 0 is never.
func (q *Queue) deadline(m *Message) int64 {
	ttl := m.TTL
	if q.set.TTL > 0 && (ttl == 0 || q.set.TTL < ttl) {
		ttl = q.set.TTL
	}
	if ttl == 0 {
		return 0
	}
	return q.now() + ttl - 1
}

// refuses tells whether a queue that rejects at its limit takes no more. It
// looks before any consumer is asked, as RabbitMQ does (QUEUE-65).
func (q *Queue) refuses(m *Message) bool {
	s := q.set
	return s.Overflow != DropHead &&
		(s.MaxLength >= 0 && int64(q.ready.len()) >= s.MaxLength ||
			s.MaxBytes >= 0 && q.ready.bytes()+int64(len(m.Body)) > s.MaxBytes)
}

// over tells whether the head must go (QUEUE-62).
func (q *Queue) over() bool {
	s := q.set
	return s.MaxLength >= 0 && int64(q.ready.len()) > s.MaxLength ||
		s.MaxBytes >= 0 && q.ready.bytes() > s.MaxBytes
}

// trim drops from the head until the queue is within its limits (QUEUE-62 to
// QUEUE-64). It works on drop-head queues only: the others never get over,
// save by requeues, which RabbitMQ lets stay.
func (q *Queue) trim(fx *Effects) {
	if q.set.Overflow != DropHead {
		return
	}
	for q.ready.len() > 0 && q.over() && q.ready.inMemory() {
		q.bury(q.ready.pop(), MaxLen, fx)
	}
	q.expire(fx)
}

// bury is the end of an item in this queue: it is dropped, or dead-lettered
// once the lock is released.
func (q *Queue) bury(it Item, reason Reason, fx *Effects) {
	if q.set.DeadLetter {
		fx.Dead = append(fx.Dead, DeadLetter{Queue: q.Name, Settings: q.set, Item: it, Reason: reason, from: q})
	} else if it.Stored {
		q.back.settle(q, &it)
	}
}

// Configure gives the queue new settings; they apply at once (POLICY-9). A
// message's deadline stays as it is (QUEUE-56).
func (q *Queue) Configure(s *Settings, fx *Effects) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.set = s
	if q.deleted {
		return
	}
	q.lastUsed = q.now()
	q.trim(fx)
	q.arm()
	q.flush()
}
