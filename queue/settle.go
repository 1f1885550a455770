package queue

// How items that were out are done with, for good.

// Settle drops items that were out and are acknowledged.
func (q *Classic) Settle(items []Item, fx *Effects) { q.acked(items, (*backing).consume, fx) }

// SettleInTx is Settle in a transaction: should it be lost in a crash, and what
// it publishes with it, the items must be there again.
func (q *Classic) SettleInTx(items []Item, fx *Effects) { q.acked(items, (*backing).remove, fx) }

// acked drops items for good that were out.
func (q *Classic) acked(items []Item, drop func(*backing, *Classic, *Item), fx *Effects) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Acked += uint64(len(items))
	q.unacked.areBack(items)
	q.forgetGets(items)
	for i := range items {
		q.forget(&items[i])
	}
	q.removeStored(items, drop)
	if q.heir != nil {
		q.takeOver()
		q.dispatch(fx)
		q.flush()
	}
}

// removeStored deletes items from the store. Called with the lock held.
func (q *Classic) removeStored(items []Item, drop func(*backing, *Classic, *Item)) {
	if q.back == nil || q.deleted {
		return
	}
	for i := range items {
		if items[i].Stored {
			drop(q.back, q, &items[i])
		}
	}
	q.flush()
}

// forgetGets takes note that items are not out any more. Only quorum queues tell those
// that Get has given out.
func (q *Classic) forgetGets(items []Item) {
	if q.outByGet == 0 {
		return
	}
	for i := range items {
		if items[i].notes&isFromGet != 0 {
			items[i].notes &^= isFromGet
			q.outByGet--
		}
	}
}

// Reject drops items that were out and are refused for good; they are
// dead-lettered if the queue says so (BASIC-60).
func (q *Classic) Reject(items []Item, fx *Effects) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unacked.areBack(items)
	q.forgetGets(items)
	if q.deleted {
		return
	}
	for _, it := range items {
		q.discard(it, Rejected, fx)
	}
	if q.heir != nil {
		q.takeOver()
		q.dispatch(fx)
	}
	q.flush()
}
