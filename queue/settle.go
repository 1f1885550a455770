package queue

// This file is how items that were out are done with, for good.

// Settle drops items that were out and are acknowledged.
func (q *Classic) Settle(items []Item) { q.settle(items, true, (*backing).consume) }

// SettleInTx is Settle in a transaction: should it be lost in a crash, and what
// it publishes with it, the items must be there again.
func (q *Classic) SettleInTx(items []Item) { q.settle(items, true, (*backing).settle) }

// settle drops items for good, whether they are out and acknowledged or not.
func (q *Classic) settle(items []Item, acked bool, drop func(*backing, *Classic, *Item)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if acked {
		q.stats.Acked += uint64(len(items))
		q.unacked.areBack(items)
	}
	q.fetched(items)
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

// fetched takes note that items are not out any more. Only quorum queues tell those
// that Get has given out.
func (q *Classic) fetched(items []Item) {
	if q.fetches == 0 {
		return
	}
	for i := range items {
		if items[i].fetched {
			items[i].fetched = false
			q.fetches--
		}
	}
}

// Reject drops items that were out and are refused for good; they are
// dead-lettered if the queue says so (BASIC-60).
func (q *Classic) Reject(items []Item, fx *Effects) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unacked.areBack(items)
	q.fetched(items)
	if q.deleted {
		return
	}
	for _, it := range items {
		q.discard(it, Rejected, fx)
	}
	q.flush()
}
