package queue

import "slices"

// How items that were out come back, and why.

// Requeue returns items that were out to their original positions, marked as
// redelivered (BASIC-58, BASIC-59). The slice is the queue's from then on.
func (q *Classic) Requeue(items []Item, fx *Effects) { q.requeue(items, lost, fx) }

// Return is Requeue where a client asks for it. In a quorum queue without a
// delivery limit the items go to the end then (QUEUE-93). Failed says that the
// client could not process them, which not every return does (QUEUE-94).
func (q *Classic) Return(items []Item, failed bool, fx *Effects) {
	why := returnedUnharmed
	if failed {
		why = returnedFailed
	}
	q.requeue(items, why, fx)
}

// A returnCause is why items come back.
type returnCause uint8

const (
	lost             returnCause = iota // the consumer that had them is gone
	returnedFailed                      // a client asks, having failed
	returnedUnharmed                    // a client asks, without blame for the message
)

func (q *Classic) requeue(items []Item, why returnCause, fx *Effects) {
	if len(items) == 0 {
		return
	}
	for i := range items {
		items[i].Redelivered = true
	}
	// A quorum queue takes them back in the order in which they went out (QUEUE-93).
	if !q.quorum && !slices.IsSortedFunc(items, bySeq) {
		slices.SortFunc(items, bySeq)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unacked.areBack(items)
	q.forgetGets(items)
	if q.deleted {
		for i := range items {
			q.gone(&items[i], Deleted)
		}
		return
	}
	if q.quorum {
		items = q.delayed(q.countReturns(items, why, fx), why)
	}
	if q.quorum && why != lost && q.set.DeliveryLimit < 0 {
		q.toEnd(items)
	} else {
		if q.quorum {
			q.noteReturns(items, true)
		}
		q.ready.giveBack(items)
	}
	q.takeOver()
	if q.quorum { // what a consumer takes was never over the limit (QUEUE-67)
		q.inHolds(q.expireHead, fx)
		q.dispatch(fx)
	}
	q.tidy(fx) // QUEUE-55: the old expiry counts; QUEUE-67: what exceeds a limit is dropped
	q.dispatch(fx)
	q.pageOutReturned(false)
	q.arm()
	q.flush()
}

// toEnd puts items behind all others, in the store too: they have new positions there, so
// that a restart finds them in this order (QUEUE-93).
func (q *Classic) toEnd(items []Item) {
	for i := range items {
		it := &items[i]
		q.seq++
		before := *it
		it.Seq = q.seq
		if it.Stored {
			q.back.persist(q, it)
			q.back.remove(q, &before)
			q.noteReturns(items[i:i+1], false)
		}
		q.ready.push(*it)
		if q.back != nil && i%holdLimit == holdLimit-1 {
			q.back.app.Flush()
		}
	}
}
