package queue

import "time"

// A Queue is all that a broker asks of a queue of any type. What costs something for each
// message comes in batches. Every method is safe for concurrent use; none is called with
// the lock of a Subscription held, and none calls a Receiver but under that lock.
//
// What a method wants done elsewhere it leaves in the Effects, which the caller
// performs with no lock held.
type Queue interface {
	// Name is the queue's name in its virtual host.
	Name() string
	// Quorum reports whether the rules of quorum queues apply (QUEUE-92 to QUEUE-99),
	// SingleActive whether one consumer alone is served (BASIC-40).
	Quorum() bool
	SingleActive() bool
	// Counts returns the queue's numbers, exact at this moment.
	Counts() Counts
	// Stats returns what has happened in the queue, and ResetStats begins to count anew.
	Stats() Stats
	ResetStats()

	// Publish appends messages in order and hands out what consumers can take. Those
	// that are rejected are in fx.Refused, by their index. Publish reports false,
	// having done nothing, when the queue is deleted.
	Publish(msgs []*Message, fx *Effects) bool
	// Get takes the first ready item and returns how many are left (BASIC-51). With
	// noAck it is settled at once. ok is false when there is none.
	Get(noAck bool, fx *Effects) (it Item, left int, ok bool)
	// Peek returns up to limit ready items in delivery order, without the first from ones,
	// and changes nothing.
	Peek(from, limit int) []Item
	// Purge drops the ready messages and returns their number (QUEUE-24).
	Purge() int

	Consumable
	Lifecycle
}

// Consumable is a queue as its consumers use it.
type Consumable interface {
	// Subscribe adds a consumer, which is offered nothing before Unpark. It fails with
	// ErrDeleted, or with ErrExclusive (BASIC-29).
	Subscribe(s *Subscription) error
	// Unsubscribe ends a consumer; what it holds stays out.
	Unsubscribe(s *Subscription, fx *Effects)
	// Unpark puts a consumer that has refused an offer, or is new, back in turn, and
	// hands out what it takes. Rejoin does so without handing out anything: an Unpark
	// has to follow.
	Unpark(s *Subscription, fx *Effects)
	Rejoin(s *Subscription)

	// Serves reports whether a consumer may get deliveries, and does not wait for the
	// active one to end (BASIC-40).
	Serves(s *Subscription) bool
	// Favoured is the consumer that keeps others from being served: the active one where
	// one alone is (BASIC-40), or one that is exclusive (BASIC-29); nil if there is none.
	Favoured() (s *Subscription, single bool)

	// Settle ends items that were out: acked. SettleInTx is Settle for acks that a
	// crash may take back.
	Settle(items []Item, fx *Effects)
	SettleInTx(items []Item, fx *Effects)
	// Reject drops items that were out, or dead-letters them (BASIC-60).
	Reject(items []Item, fx *Effects)
	// Return gives items back that a client asks to be requeued; failed counts as a
	// failed delivery (QUEUE-94). Requeue does so for a client that is gone. Both keep
	// the slice.
	Return(items []Item, failed bool, fx *Effects)
	Requeue(items []Item, fx *Effects)
	// ConsumerTimeout is how long a delivery may wait for its acknowledgement; 0 is as
	// the broker says.
	ConsumerTimeout() time.Duration
}

// Lifecycle is what a virtual host does with a queue.
type Lifecycle interface {
	// Configure gives the queue new settings, nil for none, which apply at once
	// (POLICY-9).
	Configure(s *Settings, fx *Effects)
	// Touch counts as a use of the queue, for its own expiry (QUEUE-58).
	Touch()
	// Delete ends the queue and returns the number of ready messages dropped with it
	// (QUEUE-24) and the consumers that have lost it. It fails with ErrNotEmpty,
	// tested first, or ErrHasConsumer (QUEUE-23), or ErrDeleted.
	Delete(ifUnused, ifEmpty bool) (ready int, lost []*Subscription, err error)
	// Forget removes what a deleted queue has beside the store. It is called once the
	// deletion of the queue's record has been given to the store, and waits for that.
	Forget()
	// Recover finds what the store has of the queue, before anything else is called.
	// Resume follows once all queues have recovered.
	Recover() error
	Resume()
	// Stop ends what the queue does by itself, at the broker's end.
	Stop()
}

var _ Queue = (*Classic)(nil)
