package queue

import (
	"math"
	"time"

	"github.com/rabbetmq/rabbet/queue/dedup"
)

// A classic queue that deduplicates takes no message with the value of one that it has,
// ready or out (DEDUP-9). A value is forgotten when its message leaves the queue for good,
// and requeueing keeps it; what a restart has found has none (DEDUP-10).

// deduplicate begins or ends it, as the settings say. Called with the lock held.
func (q *Classic) deduplicate() {
	switch {
	case !q.set.Deduplicate || q.quorum:
		q.values = nil
	case q.values == nil:
		q.values = dedup.New(dedup.Config{Clock: q.env.Clock, Size: math.MaxInt, Numbered: true})
	}
}

// repeats reports whether a message has the value of one that is there. If it has not, its
// own is there from now on, under the position that comes next, for as long as the message
// may live.
func (q *Classic) repeats(m *Message, deadline int64) bool {
	key, ok := dedup.KeyOf(m.Props.Headers())
	if !ok {
		return false
	}
	var ttl time.Duration
	if deadline != 0 {
		ttl = max(time.Duration(deadline-q.now())*time.Microsecond, time.Microsecond)
	}
	if q.values.AddAs(q.seq+1, key, ttl) {
		return false
	}
	if q.env.tells() {
		q.env.Gone(q.name, m, Repeated)
	}
	return true
}

// forget forgets the value of an item that leaves for good. Called with the lock held.
func (q *Classic) forget(it *Item) {
	if q.values != nil {
		q.values.Forget(it.Seq)
	}
}

// forgetReady forgets the values of all that is ready. Called with the lock held.
func (q *Classic) forgetReady() {
	if q.values == nil {
		return
	}
	q.ready.each(func(it *Item) bool {
		q.forget(it)
		return true
	}, func(level int, s *span) bool { // one at a time: there may be more than memory has room for
		items, err := q.back.read(level, s, s.n)
		_ = q.toldOf(err)
		for i := range items {
			q.forget(&items[i])
		}
		return true
	})
}
