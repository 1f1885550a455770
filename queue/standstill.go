package queue

// This file lets a program copy a queue elsewhere and then empty it, without losing what
// happens meanwhile.

// A Stander is a queue that can stand still. Streams cannot: what is read of them stays.
type Stander interface {
	// StandStill reports whether consumers and basic.get get anything, and whether clients
	// and programs may publish; it lasts until it is said anew. A
	// queue that is closed rejects what is published, as one at its limit does with
	// reject-publish; dead letters and delayed messages come in all the same.
	StandStill(deliveries, publishes bool, fx *Effects)
	// Newest is the position of the newest message that there was: it grows with each.
	Newest() uint64
	// PurgeExactly is Purge if the queue has exactly so many ready messages, none is out,
	// and the position of the newest that there was is this one; otherwise it does nothing
	// and reports false.
	PurgeExactly(ready int, newest uint64) bool
}

// StandStill implements Stander.
func (q *Classic) StandStill(deliveries, publishes bool, fx *Effects) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.still, q.closed = !deliveries, !publishes
	q.used()
	if deliveries {
		q.dispatch(fx)
		q.arm()
	}
	q.flush()
}

// Newest implements Stander.
func (q *Classic) Newest() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.seq
}

// PurgeExactly implements Stander.
func (q *Classic) PurgeExactly(ready int, newest uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted || q.ready.len() != ready || q.unacked.count != 0 || q.seq != newest {
		return false
	}
	q.purge()
	return true
}
