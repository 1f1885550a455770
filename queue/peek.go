package queue

// This file looks at all that is ready in a queue, that which is on disk too.

// Peek returns up to limit ready items in delivery order and changes nothing.
func (q *Classic) Peek(limit int) []Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.peek(limit)
}

// peek is Peek for those who hold the lock.
func (q *Classic) peek(limit int) []Item {
	items := make([]Item, 0, max(0, min(limit, q.ready.len())))
	q.ready.each(func(it *Item) bool {
		if len(items) == cap(items) {
			return false
		}
		items = append(items, *it)
		return true
	}, func(level int, s *span) bool {
		// Reading under the lock is for once: nothing else sees one moment.
		read, err := q.back.read(level, s, cap(items)-len(items))
		items = append(items, read...)
		if err != nil {
			q.env.Fault(q.name, err)
		}
		return len(items) < cap(items)
	})
	return items
}

// gone tells whoever wants to know that an item has left the queue. Called with
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
	for _, it := range q.peek(q.ready.len()) {
		q.gone(&it, why)
	}
}
