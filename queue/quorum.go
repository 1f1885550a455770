package queue

// This file is what a quorum queue does differently, as one node shows it: it
// counts how often a message comes back, and gives up on one that does so too
// often.

// countReturns counts items that come back and buries those that have been
// delivered as often as they may (QUEUE-92). It returns the others.
func (q *Queue) countReturns(items []Item, fx *Effects) []Item {
	kept := items[:0]
	for _, it := range items {
		it.Returns++
		if limit := q.set.DeliveryLimit; limit >= 0 && int64(it.Returns) > limit {
			q.bury(it, DeliveryLimit, fx)
			continue
		}
		kept = append(kept, it)
	}
	clear(items[len(kept):])
	return kept
}

// SingleActive tells whether only one of the queue's consumers gets messages.
func (q *Queue) SingleActive() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.set.SingleActive
}

// Quorum tells whether it is a quorum queue.
func (q *Queue) Quorum() bool { return q.quorum }
