package stream

import (
	"time"

	"github.com/rabbetmq/rabbet/queue"
)

// What a stream does not do of all that a queue does: nothing is taken
// out of it, so nothing is settled and nothing comes back (STREAM-33, STREAM-34).

// Quorum is false: quorum queues have rules of their own.
func (s *Stream) Quorum() bool { return false }

// SingleActive is false (STREAM-37).
func (s *Stream) SingleActive() bool { return false }

// Favoured is nobody.
func (s *Stream) Favoured() (*queue.Subscription, bool) { return nil, false }

// Serves is true: each consumer reads for itself.
func (s *Stream) Serves(*queue.Subscription) bool { return true }

// Get gets nothing: the broker refuses it (STREAM-12).
func (s *Stream) Get(bool, *queue.Effects) (queue.Item, int, bool) { return queue.Item{}, 0, false }

// Purge drops nothing: the broker refuses it (STREAM-12).
func (s *Stream) Purge() int { return 0 }

// Settle and its like give credit, which is the receiver's affair.
func (s *Stream) Settle(items []queue.Item, _ *queue.Effects) {
	s.counters.acked.Add(uint64(len(items)))
}

// SettleInTx is Settle.
func (s *Stream) SettleInTx(items []queue.Item, fx *queue.Effects) { s.Settle(items, fx) }

// Reject is Settle.
func (s *Stream) Reject([]queue.Item, *queue.Effects) {}

// Return is Settle.
func (s *Stream) Return([]queue.Item, bool, *queue.Effects) {}

// Requeue is Settle.
func (s *Stream) Requeue([]queue.Item, *queue.Effects) {}

// Rejoin changes nothing: there are no turns.
func (s *Stream) Rejoin(*queue.Subscription) {}

// Touch does nothing: a stream does not expire (STREAM-16).
func (s *Stream) Touch() {}

// ConsumerTimeout is how long a delivery may wait for its acknowledgement; 0 is as the
// broker says (STREAM-35).
func (s *Stream) ConsumerTimeout() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set.timeout
}
