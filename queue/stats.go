package queue

// Stats are what has happened in a queue since its beginning, or since ResetStats, and
// what Counts leaves out of the present.
type Stats struct {
	// Published counts messages that reached the queue.
	Published uint64
	// Delivered and DeliveredNoAck count deliveries to consumers that have to acknowledge
	// and to others, Got and GotNoAck what Get gave, GetEmpty the calls that found nothing.
	Delivered, DeliveredNoAck, Got, GotNoAck, GetEmpty uint64
	// Acked counts acknowledgements, Redelivered those deliveries that were not the first.
	Acked, Redelivered uint64
	// DeadLettered counts messages that went on as dead letters, Discarded those that went
	// nowhere, by the reason. DeadLetteredSafely are those of DeadLettered that wait until
	// their targets have confirmed them, and Confirmed how many of these have been (DLXALO-22).
	DeadLettered, Discarded, DeadLetteredSafely Deaths

	Confirmed uint64

	// UnackedBytes is the sum of the bodies that are out.
	UnackedBytes int64
	// Persistent are persistent messages, ready or out, and PersistentBytes their bodies. In a
	// quorum queue all are (QUEUE-98).
	Persistent      int
	PersistentBytes int64
	// PagedOut are ready messages that are on the disk alone, and PagedOutBytes their bodies.
	PagedOut      int
	PagedOutBytes int64
	// Letters are dead letters that wait for their targets (DLXALO-6), and LettersBytes
	// their bodies. Delayed are messages that wait to come back (RETRY-8), the first and the
	// last of them at NextDelayed and LastDelayed, in microseconds since 1970.
	Letters                  int
	LettersBytes             int64
	Delayed                  int
	DelayedBytes             int64
	NextDelayed, LastDelayed int64
}

// Deaths count messages that have left a queue otherwise than by an acknowledgement.
type Deaths struct{ Expired, Rejected, MaxLen, DeliveryLimit uint64 }

func (d *Deaths) count(why Reason) {
	switch why {
	case Expired:
		d.Expired++
	case Rejected:
		d.Rejected++
	case MaxLen:
		d.MaxLen++
	case DeliveryLimit:
		d.DeliveryLimit++
	}
}

// Add adds what others count.
func (d *Deaths) Add(o Deaths) {
	d.Expired += o.Expired
	d.Rejected += o.Rejected
	d.MaxLen += o.MaxLen
	d.DeliveryLimit += o.DeliveryLimit
}

// Without returns what is counted here and not there.
func (d Deaths) Without(o Deaths) Deaths {
	return Deaths{d.Expired - o.Expired, d.Rejected - o.Rejected, d.MaxLen - o.MaxLen, d.DeliveryLimit - o.DeliveryLimit}
}

// ByReason returns the counts in the order of the fields.
func (d Deaths) ByReason() [4]uint64 {
	return [4]uint64{d.Expired, d.Rejected, d.MaxLen, d.DeliveryLimit}
}

// Add adds what another queue has.
func (s *Stats) Add(o Stats) {
	s.Published += o.Published
	s.Delivered += o.Delivered
	s.DeliveredNoAck += o.DeliveredNoAck
	s.Got += o.Got
	s.GotNoAck += o.GotNoAck
	s.GetEmpty += o.GetEmpty
	s.Acked += o.Acked
	s.Redelivered += o.Redelivered
	s.DeadLettered.Add(o.DeadLettered)
	s.Discarded.Add(o.Discarded)
	s.DeadLetteredSafely.Add(o.DeadLetteredSafely)
	s.UnackedBytes += o.UnackedBytes
	s.Persistent += o.Persistent
	s.PersistentBytes += o.PersistentBytes
	s.PagedOut += o.PagedOut
	s.PagedOutBytes += o.PagedOutBytes
	s.Confirmed += o.Confirmed
	s.Letters += o.Letters
	s.LettersBytes += o.LettersBytes
	s.Delayed += o.Delayed
	s.DelayedBytes += o.DelayedBytes
}

// An outstanding is what a queue has given out and not got back.
type outstanding struct {
	count           int
	bytes           int64
	persistent      int
	persistentBytes int64
}

// measure notes in an item what it takes away from the queue. The message is at hand
// then; when the item is settled it may be far from any cache.
func (it *Item) measure() {
	it.size = uint32(len(it.Msg.Body))
	if it.Msg.Persistent {
		it.notes |= isPersistent
	}
}

// goesOut counts an item that has been measured.
func (o *outstanding) goesOut(it *Item) {
	o.count++
	o.bytes += int64(it.size)
	if it.notes&isPersistent != 0 {
		o.persistent++
		o.persistentBytes += int64(it.size)
	}
}

// areBack counts items that are not out any more.
func (o *outstanding) areBack(items []Item) {
	o.count -= len(items)
	for i := range items {
		size := int64(items[i].size)
		o.bytes -= size
		if items[i].notes&isPersistent != 0 {
			o.persistent--
			o.persistentBytes -= size
		}
	}
}

// delivered counts an item that a consumer has taken. Called with the lock held.
func (q *Classic) delivered(it *Item, noAck bool) {
	if it.Redelivered {
		q.stats.Redelivered++
	}
	if noAck {
		q.stats.DeliveredNoAck++
		q.forget(it)
		return
	}
	q.stats.Delivered++
	q.unacked.goesOut(it)
}

// got counts an item that Get has taken. Called with the lock held.
func (q *Classic) got(it *Item, noAck bool) {
	if it.Redelivered {
		q.stats.Redelivered++
	}
	if noAck {
		q.stats.GotNoAck++
		q.forget(it)
		return
	}
	q.stats.Got++
	it.measure()
	q.unacked.goesOut(it)
}

// Stats returns the queue's counters, exact at this moment.
func (q *Classic) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.UnackedBytes = q.unacked.bytes
	s.Persistent = q.ready.persistent + q.unacked.persistent
	s.PersistentBytes = q.ready.persistentBody + q.unacked.persistentBytes
	if q.quorum { // QUEUE-98: whatever the delivery mode
		s.Persistent, s.PersistentBytes = q.ready.len()+q.unacked.count, q.ready.bytes()+q.unacked.bytes
	}
	s.PagedOut, s.PagedOutBytes = q.ready.pagedOut()
	s.Letters, s.LettersBytes = len(q.letters.list), q.letters.bytes
	if n := len(q.late.list); n > 0 {
		s.Delayed, s.DelayedBytes = n, q.late.bytes
		s.NextDelayed, s.LastDelayed = q.late.list[0].until, q.late.list[n-1].until
	}
	return s
}

// ResetStats begins to count anew.
func (q *Classic) ResetStats() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats = Stats{}
}
