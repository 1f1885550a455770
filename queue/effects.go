package queue

import (
	"slices"
	"strings"
)

// What a queue leaves to be done once its lock is released.

// Waker is a connection whose outbox got something to write.
type Waker interface {
	// Wake has the connection write what it has got. It never blocks. With lend it may
	// use the caller's goroutine for a short write.
	Wake(lend bool)
}

// Reason is why a message is dead-lettered.
type Reason string

// The reasons (QUEUE-70).
const (
	Rejected Reason = "rejected"
	Expired  Reason = "expired"
	MaxLen   Reason = "maxlen"
	// DeliveryLimit is a quorum queue's reason alone (QUEUE-92).
	DeliveryLimit Reason = "delivery_limit"
)

// Reasons for which a message leaves a queue and is not dead-lettered.
const (
	Purged  Reason = "purged"
	Deleted Reason = "deleted" // with the queue
	// Repeated is that of a message that a queue which deduplicates has not taken (DEDUP-9).
	Repeated Reason = "repeated"
)

// A DeadLetter is an item on its way out of a queue with a dead-letter
// exchange.
type DeadLetter struct {
	// Queue is the name of the queue that it leaves, Settings those that it
	// had at that moment.
	Queue    string
	Settings *Settings
	Item     Item
	Reason   Reason

	// Safely says that the queue keeps it until every target has confirmed it. Died is
	// when it died, in seconds since 1970, Tries how often it was tried before. The goroutine that
	// publishes it adds to Took the queues that have confirmed it, and sets Done when
	// there is nothing left to wait for (DLXALO-14).
	Safely bool
	Died   int64
	Tries  int
	Took   []string
	Done   bool
}

// Effects collects what calls under a queue's lock want done after it. One
// Effects belongs to one goroutine and is reused batch after batch.
type Effects struct {
	wake []Waker
	// Idle holds queues to delete if they have no consumer still: auto-delete
	// ones that lost their last (QUEUE-21), and expired ones (QUEUE-58).
	Idle []Queue
	// Orphans are consumers to be told that their queue is gone.
	Orphans []*Subscription
	// withDead holds queues with dead letters to be published.
	withDead []*Classic
	// Refused holds the indices of messages of a Publish that a full queue
	// rejected (QUEUE-65).
	Refused []int
	// Inside says that the broker itself publishes, not a client or a program: a queue that
	// is closed takes it.
	Inside bool
	// Confirming says that the broker wants to know whether it was taken: a full quorum
	// queue rejects it, too.
	Confirming bool
	// Logged says that a publish waits to be committed by the store.
	Logged bool
	// Busy says that more work is at hand already: what is to be written is left to the
	// writers, so that the answers to both go out in one write.
	Busy bool
	// Backlog is the most ready messages, and BacklogBytes the most bytes, that
	// a publish left behind in a queue with consumers: they do not keep up.
	Backlog      int
	BacklogBytes int64
}

// Wake notes a connection to be woken. The connection calls it once until it
// has been woken, so the list holds no duplicates.
func (fx *Effects) Wake(w Waker) { fx.wake = append(fx.wake, w) }

// fewWakes is the number of connections up to which each may write on the goroutine that
// wakes them: for more of them the first would be done before the last has begun.
const fewWakes = 4

// Flush wakes the noted connections.
func (fx *Effects) Flush() {
	lend := len(fx.wake) <= fewWakes && !fx.Busy
	for i, w := range fx.wake {
		w.Wake(lend)
		fx.wake[i] = nil
	}
	fx.wake = fx.wake[:0]
}

// TakeBacklog returns the backlog noted since the last call.
func (fx *Effects) TakeBacklog() (messages int, bytes int64) {
	messages, bytes = fx.Backlog, fx.BacklogBytes
	fx.Backlog, fx.BacklogBytes = 0, 0
	return messages, bytes
}

// TakeIdle returns the queues noted for deletion and forgets them.
func (fx *Effects) TakeIdle() []Queue {
	idle := fx.Idle
	fx.Idle = nil
	return idle
}

// TellOrphans tells the consumers that have lost their queue, those of one channel in
// the order of their tags (BASIC-34).
func (fx *Effects) TellOrphans() {
	orphans := fx.Orphans
	fx.Orphans = nil
	slices.SortStableFunc(orphans, func(a, b *Subscription) int { return strings.Compare(a.Tag, b.Tag) })
	for _, s := range orphans {
		s.Receiver.QueueDeleted(fx)
	}
}

// Pending reports whether there is anything for a virtual host to do: queues to delete,
// consumers to tell, dead letters to publish.
func (fx *Effects) Pending() bool {
	return len(fx.Idle) > 0 || len(fx.Orphans) > 0 || len(fx.withDead) > 0
}

// EachDead calls publish with the dead letters of each of the noted queues, some at a
// time, and forgets the queues. Those of one queue come in the order of their deaths,
// whichever goroutines have noted it: one at a time publishes, all that there is. When
// publish returns they are elsewhere, and the queue forgets them for good, so that a crash
// finds each in one place at least.
func (fx *Effects) EachDead(publish func([]DeadLetter)) {
	queues := fx.withDead
	fx.withDead = nil
	for _, q := range queues {
		q.eachDead(publish)
	}
}

// noteDead notes a queue with dead letters.
func (fx *Effects) noteDead(q *Classic) {
	if n := len(fx.withDead); n == 0 || fx.withDead[n-1] != q {
		fx.withDead = append(fx.withDead, q)
	}
}

func (q *Classic) eachDead(publish func([]DeadLetter)) {
	q.deadLettering.Lock()
	defer q.deadLettering.Unlock()
	q.mu.Lock()
	dead := q.dead
	q.dead = nil
	q.mu.Unlock()
	var stored []Item
	for some := range slices.Chunk(dead, holdLimit) {
		publish(some)
		for i := range some {
			if some[i].Item.Stored {
				stored = append(stored, some[i].Item)
			}
		}
		if len(stored) > 0 {
			q.mu.Lock()
			q.removeStored(stored, (*backing).remove)
			q.mu.Unlock()
			stored = stored[:0]
		}
	}
	q.forward(publish)
}
