package queue

import (
	"slices"
	"time"
)

// A quorum queue of 4.3 can keep what comes back away for a while (RETRY-1).

// A Retry is for which returns x-delayed-retry-type asks to wait.
type Retry uint8

// The kinds.
const (
	NoRetry      Retry = iota
	RetryAll           // whatever comes back
	RetryFailed        // what counts as a failed delivery (RETRY-5)
	RetryReturns       // what does not
)

func (r Retry) waits(why returnCause) bool {
	switch r {
	case RetryAll:
		return true
	case RetryFailed:
		return why != returnedUnharmed
	case RetryReturns:
		return why == returnedUnharmed
	}
	return false
}

// retryDelay is for how long an item stays away that has come back so often (RETRY-5).
func (s *Settings) retryDelay(returns uint32) time.Duration {
	times := int64(max(returns, 1))
	ms := s.RetryMax
	if s.RetryMin <= s.RetryMax/times {
		ms = s.RetryMin * times
	}
	return time.Duration(ms) * time.Millisecond
}

// lates are the items that wait to come back, by when they do. The queue's lock guards
// them.
type lates struct {
	list  []late // the first to come back first
	bytes int64
}

// A late is one of them. Its item is without its message after a restart.
type late struct {
	item  Item
	until int64 // as deadlines count
}

// put adds an item in its place, behind those of the same moment.
func (l *lates) put(e late) {
	i, _ := slices.BinarySearchFunc(l.list, e.until+1, func(e late, until int64) int {
		if e.until < until {
			return -1
		}
		return 1
	})
	l.list = slices.Insert(l.list, i, e)
	l.bytes += int64(e.item.size)
}

// due takes out those whose time has come, at most one hold's share.
func (l *lates) due(now int64) (items []Item) {
	n := 0
	for n < len(l.list) && n < holdLimit && l.list[n].until <= now {
		items = append(items, l.list[n].item)
		l.bytes -= int64(l.list[n].item.size)
		n++
	}
	clear(l.list[:n])
	if l.list = l.list[n:]; len(l.list) == 0 {
		l.list = nil
	}
	return items
}

// delayed keeps those items away that the queue's settings ask for, and returns the
// others.
func (q *Classic) delayed(items []Item, why returnCause) []Item {
	if q.set.Retry == NoRetry || !q.set.Retry.waits(why) {
		return items
	}
	now := q.now()
	for i := range items {
		it := &items[i]
		until := now + q.set.retryDelay(it.Returns).Microseconds()
		it.measure()
		if it.Stored {
			q.note(it, &noted{returns: it.Returns, acquired: it.Acquired, until: until})
		}
		q.late.put(late{*it, until})
	}
	clear(items)
	return items[:0]
}

// comeBack makes what has waited long enough ready, in front of all others (RETRY-9). It
// reports whether there was any. The lock may be let go.
func (q *Classic) comeBack(fx *Effects) bool {
	if len(q.late.list) == 0 {
		return false
	}
	items := q.late.due(q.now())
	if len(items) == 0 {
		return false
	}
	if slices.ContainsFunc(items, func(it Item) bool { return it.Msg == nil }) {
		_ = q.unlocked(func() error { return q.back.fill(items) }) // what cannot be read is in the store still
		items = slices.DeleteFunc(items, func(it Item) bool { return it.Msg == nil })
		if q.deleted {
			return false
		}
	}
	q.noteReturns(items, true)
	q.ready.giveBack(items)
	q.inHolds(q.expireHead, fx)
	q.dispatch(fx)
	q.tidy(fx)
	return true
}

// dropLate forgets what waits to come back, with a purge (RETRY-14).
func (q *Classic) dropLate() {
	for i := range q.late.list {
		it := &q.late.list[i].item
		if it.Msg != nil {
			q.gone(it, Purged)
		}
		if it.Stored {
			q.back.remove(q, it)
		}
	}
	q.late = lates{}
}
