package queue

import "slices"

// This file looks at all that is ready in a queue, that which is on disk too.

// Peek returns up to limit ready items in delivery order, without the first from ones, and
// changes nothing. What is passed over is not read from the store.
func (q *Classic) Peek(from, limit int) []Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.peek(from, limit)
}

// peek is Peek for those who hold the lock.
func (q *Classic) peek(from, limit int) []Item {
	items := make([]Item, 0, max(0, min(limit, q.ready.len()-from)))
	if cap(items) == 0 {
		return items
	}
	q.ready.each(func(it *Item) bool {
		if from > 0 {
			from--
			return true
		}
		items = append(items, *it)
		return len(items) < cap(items)
	}, func(level int, s *span) bool {
		if from >= s.n {
			from -= s.n
			return true
		}
		// Reading under the lock is for once: nothing else sees one moment.
		read, err := q.back.read(level, s, from+cap(items)-len(items))
		items = append(items, read[min(from, len(read)):]...)
		from = 0
		if err != nil {
			q.env.Fault(q.name, err)
		}
		return len(items) < cap(items)
	})
	if slices.ContainsFunc(items, func(it Item) bool { return it.Msg == nil }) {
		_ = q.toldOf(q.back.fill(items))
		items = slices.DeleteFunc(items, func(it Item) bool { return it.Msg == nil })
	}
	return items
}

// gone tells a follower that an item has left the queue. Called with
// the lock held.
func (q *Classic) gone(it *Item, why Reason) {
	if q.env.tells() {
		q.env.Gone(q.name, it.Msg, why)
	}
}

// allGone is gone for all that is ready.
func (q *Classic) allGone(why Reason) {
	if !q.env.tells() {
		return
	}
	for _, it := range q.peek(0, q.ready.len()) {
		q.gone(&it, why)
	}
}
