package queue

import "sync/atomic"

// A Budget is memory that the long queues of a broker share: what a queue with a store holds
// past its window. A queue may hold as many bytes as are free, so that one queue alone gets
// half of the budget, two a third each, and so on: there is always room for a queue that
// begins to grow. The nil Budget has none.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget makes a budget of so many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Limit is the size of the budget in bytes.
func (b *Budget) Limit() int64 {
	if b == nil {
		return 0
	}
	return b.limit
}

// Used is what queues hold of the budget, in bytes.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// allows reports whether a queue that holds so many bytes may hold more.
func (b *Budget) allows(held int64) bool { return b != nil && held < b.limit-b.used.Load() }

// itemBytes is about what an item costs in memory beside its body: the item, the message
// and its properties.
const itemBytes = 256

// account tells the budget what the queue holds past its window. A queue within it, as most
// are, costs nothing.
func (q *Classic) account() {
	b := q.back
	if q.env.Memory == nil {
		return
	}
	var held int64
	items, bytes, _ := q.window()
	if q.ready.n > items || q.ready.body > bytes {
		held = q.ready.held()
	}
	if held != b.held {
		q.env.Memory.used.Add(held - b.held)
		b.held = held
	}
}

// held is about how many bytes ready messages take in memory.
func (l *levels) held() int64 {
	out, outBytes := l.pagedOut()
	return int64(l.n-out)*itemBytes + l.body - outBytes
}

// pagedOut is what is on the disk alone.
func (l *levels) pagedOut() (n int, bytes int64) {
	for p := range len(l.higher) + 1 {
		r := l.at(p)
		n += r.fresh.paged + len(r.behind.items) - r.behind.loaded
		bytes += r.fresh.outBytes
	}
	return n, bytes + l.away
}
