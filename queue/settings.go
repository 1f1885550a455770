package queue

import (
	"time"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// A queue's optional features: time to live, limits, dead-lettering.

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
	// TTL is x-message-ttl (QUEUE-52), Expires is x-expires (QUEUE-58).
	TTL, Expires TTL
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
	// DeadLetterSafely keeps what has died until the targets have it (DLXALO-1).
	DeadLetterSafely bool
	// Retry says what is kept away for a while when it comes back, RetryMin and
	// RetryMax for how long at least and at most, in milliseconds (RETRY-5).
	Retry              Retry
	RetryMin, RetryMax int64
	// ConsumerTimeout is how long a delivery may wait for its acknowledgement, in
	// milliseconds; 0 is as the broker says (BASIC-65).
	ConsumerTimeout int64
	// DeliveryLimit is how often a quorum queue delivers a message again;
	// negative is no limit (QUEUE-92).
	DeliveryLimit int64
	// SingleActive lets only the first consumer have messages (BASIC-40).
	SingleActive bool
	// Lazy keeps next to nothing in memory (QUEUE-91).
	Lazy bool
	// Deduplicate keeps a classic queue from taking a message with the value of one that
	// it has (DEDUP-9).
	Deduplicate bool
	// MaxAge, SegmentBytes and FilterBytes are a stream's alone: for how long messages
	// stay, and the sizes of a segment and of a chunk's filter. 0 is for ever, or the
	// default (STREAM-4).
	MaxAge                    time.Duration
	SegmentBytes, FilterBytes int64
}

// plain is a queue without optional features.
var plain = &Settings{MaxLength: -1, MaxBytes: -1, DeliveryLimit: -1}

// Env is what the queues of one virtual host share.
type Env struct {
	Clock delay.Clock
	// Store is where queues keep what must survive, or does not fit; nil keeps
	// everything in memory.
	Store *store.Store
	// Memory is what transient messages may take past the window of each queue before they
	// go to the store; nil is nothing.
	Memory *Budget
	// CountFailures says that quorum queues count failed deliveries apart from
	// other returns, and that these do not count for the delivery limit
	// (QUEUE-94).
	CountFailures bool
	// HigherTakesOver says that a consumer of higher priority becomes the active one of
	// a quorum queue with a single active consumer (BASIC-40).
	HigherTakesOver bool
	// PurgeCountsDead says that Purge counts the dead letters that wait for their targets
	// (DLXALO-9).
	PurgeCountsDead bool
	// Fault is told that a queue's messages cannot be read from the store now.
	Fault func(queue string, err error)
	// LettersDropped, unless nil, is told that a change of policy has deleted dead letters
	// that waited for their targets.
	LettersDropped func(queue string, messages int, bytes int64)
	// Perform does what a queue's timer has left to do.
	Perform func(fx *Effects)
	// Gone, unless nil, is told of each message that leaves a queue, or is lost with
	// it, other than by an acknowledgement, while Listened is nil or true. It is called with the
	// queue's lock held.
	Gone     func(queue string, m *Message, why Reason)
	Listened func() bool
}

// tells reports whether somebody wants to know what leaves a queue.
func (e *Env) tells() bool { return e.Gone != nil && (e.Listened == nil || e.Listened()) }

// ttl is what a message may spend in the queue: the less of the queue's and its
// own (QUEUE-52).
func (q *Classic) ttl(m *Message) TTL { return q.set.TTL.shorter(m.TTL) }

// refuses reports whether a queue that rejects at its limit takes no more. It
// looks before any consumer is asked, as RabbitMQ does (QUEUE-65).
func (q *Classic) refuses(m *Message) bool {
	s := q.set
	if q.quorum {
		return q.refusesAll()
	}
	return s.Overflow != DropHead &&
		(s.MaxLength >= 0 && int64(q.ready.len()) >= s.MaxLength ||
			s.MaxBytes >= 0 && q.ready.bytes()+int64(len(m.Body)) > s.MaxBytes)
}

// refusesAll reports whether a quorum queue takes no more. It looks at its limit when a
// message has come in, so that it holds one more, and then refuses until it is down to
// four fifths of it (QUEUE-69).
func (q *Classic) refusesAll() bool {
	s := q.set
	if s.Overflow == DropHead {
		return false
	}
	n, bytes := q.held()
	above := func(length, size int64) bool {
		return s.MaxLength >= 0 && n > length || s.MaxBytes >= 0 && bytes > size
	}
	q.full = above(s.MaxLength, s.MaxBytes) || q.full && above(fourFifths(s.MaxLength), fourFifths(s.MaxBytes))
	return q.full
}

// held is what counts for the limits: with what is ready, what waits for its targets
// (DLXALO-8) or to come back (RETRY-10).
func (q *Classic) held() (messages, bytes int64) {
	return int64(q.ready.len() + len(q.letters.list) + len(q.late.list)), q.ready.bytes() + q.letters.bytes + q.late.bytes
}

func fourFifths(n int64) int64 { return n/5*4 + n%5*4/5 }

// over reports whether the head must go (QUEUE-62). Queues that reject never get
// over, save by requeues, which RabbitMQ lets stay.
func (q *Classic) over() bool {
	s := q.set
	if s.Overflow != DropHead || s.MaxLength < 0 && s.MaxBytes < 0 || q.ready.len() == 0 {
		return false
	}
	n, bytes := q.held()
	return s.MaxLength >= 0 && n > s.MaxLength || s.MaxBytes >= 0 && bytes > s.MaxBytes
}

// tidy brings the queue within its limits, and rids its head of what is due. It
// is called with the lock held and lets go of it between holds.
func (q *Classic) tidy(fx *Effects) { q.inHolds(q.tidySome, fx) }

// inHolds calls some, one hold's share of something, until it is false.
func (q *Classic) inHolds(some func(*Effects) bool, fx *Effects) {
	for some(fx) {
		q.flush()
		q.mu.Unlock()
		q.mu.Lock()
	}
}

// tidySome is one hold's share; true asks for another. What is both over the
// limit and due is dropped for the limit, as in RabbitMQ.
func (q *Classic) tidySome(fx *Effects) bool { return q.trim(fx) || q.expireHead(fx) }

// trim drops from the head until the queue is within its limits (QUEUE-62 to
// QUEUE-64), or for one hold: then it returns true.
func (q *Classic) trim(fx *Effects) bool {
	for range holdLimit {
		if !q.over() || !q.ready.inMemory() {
			return false
		}
		q.discard(q.ready.pop(), MaxLen, fx)
	}
	return true
}

// discard is the end of an item in this queue: it is dropped, or dead-lettered
// once the lock is released.
func (q *Classic) discard(it Item, reason Reason, fx *Effects) {
	q.gone(&it, reason)
	q.forget(&it)
	if q.set.DeadLetter {
		q.stats.DeadLettered.count(reason)
		if q.set.DeadLetterSafely {
			q.stats.DeadLetteredSafely.count(reason)
			q.holdSafely(it, reason, fx)
			return
		}
		q.dead = append(q.dead, DeadLetter{Queue: q.name, Settings: q.set, Item: it, Reason: reason})
		fx.noteDead(q)
		return
	}
	q.stats.Discarded.count(reason)
	if it.Stored {
		q.back.remove(q, &it)
	}
}

// ConsumerTimeout is how long a delivery of the queue may wait for its
// acknowledgement; 0 is as the broker says.
func (q *Classic) ConsumerTimeout() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return time.Duration(q.set.ConsumerTimeout) * time.Millisecond
}

// Configure gives the queue new settings, nil for none; they apply at once, and
// an expiry that is new begins now (POLICY-9). A
// message's deadline stays as it is (QUEUE-56).
func (q *Classic) Configure(s *Settings, fx *Effects) {
	if s == nil {
		s = plain
	}
	q.tellDropped(q.configure(s, fx))
}

// configure returns what dropLetters has deleted.
func (q *Classic) configure(s *Settings, fx *Effects) (messages int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted || *q.set == *s {
		return 0, 0
	}
	if q.set.Expires != s.Expires {
		q.lastUsed = q.now()
	}
	q.set = s
	q.deduplicate()
	if !s.DeadLetterSafely {
		messages, bytes = q.dropLetters()
	}
	q.tidy(fx)
	q.arm()
	q.flush()
	return messages, bytes
}
