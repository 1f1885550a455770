package delayed

import (
	"maps"
	"math"
	"slices"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// Messages whose delay comes to nothing may be on disk alone by then, so their
// publications are kept in memory for a follower; otherwise there are none.

// track remembers the publication of a message that waits. Called with the lock held,
// as all here is but Publications.
func (q *Queue) track(seq uint64, m *queue.Message) {
	if q.cfg.Cancelled == nil || m.Publication() == 0 {
		return
	}
	if q.publications == nil {
		q.publications = make(map[uint64]uint64)
	}
	q.publications[seq] = m.Publication()
}

// trackStored is track for a message that was in the store when the broker
// started. What is malformed has none.
func (q *Queue) trackStored(r store.Record) {
	if !q.cfg.Recall {
		return
	}
	if m, err := queue.DecodeStored(&r); err == nil {
		q.track(r.Seq, m)
	}
}

// untrack forgets a message that does not wait any more.
func (q *Queue) untrack(seq uint64) { delete(q.publications, seq) }

// cancel tells that a message is not going to be due.
func (q *Queue) cancel(seq uint64, why queue.Reason) {
	q.tellCancelled(q.publications[seq], why)
	q.untrack(seq)
}

// cancelAll is cancel for all that waits.
func (q *Queue) cancelAll(why queue.Reason) {
	if q.publications == nil {
		return
	}
	q.index.After(delay.Due{At: math.MinInt64}, func(due delay.Due) bool {
		q.cancel(due.Seq, why)
		return true
	})
}

func (q *Queue) tellCancelled(publication uint64, why queue.Reason) {
	if q.cfg.Cancelled != nil && publication != 0 {
		q.cfg.Cancelled(publication, why)
	}
}

// Publications are those of the messages that wait, in no order, if Config.Cancelled
// is set.
func (q *Queue) Publications() []uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Values(q.publications))
}
