package topology

import (
	"math"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// What an observer is told of messages whose delay comes to nothing. They may be on
// disk alone by then, so their publications are kept in memory; without an observer
// there are none.

// Why a delay comes to nothing, besides queue.Purged and queue.Deleted.
const cancelled queue.Reason = "cancelled"

// track remembers the publication of a message that waits. Called with the lock held,
// as all here is.
func (d *delayed) track(seq uint64, m *queue.Message) {
	if d.vh.env.Observer == nil {
		return
	}
	if d.numbers == nil {
		d.numbers = make(map[uint64]uint64)
	}
	d.numbers[seq] = m.Publication()
}

// trackStored is track for a message that was in the store when the broker
// started. What is malformed has none.
func (d *delayed) trackStored(r store.Record) {
	if d.vh.env.Observer == nil {
		return
	}
	if m, err := queue.DecodeStored(r.Data); err == nil {
		d.track(r.Seq, m)
	}
}

// untrack forgets a message that does not wait any more.
func (d *delayed) untrack(seq uint64) { delete(d.numbers, seq) }

// recordNoDelay records that a message is not going to be due.
func (d *delayed) recordNoDelay(seq uint64, why queue.Reason) {
	d.tellCancelled(d.numbers[seq], why)
	d.untrack(seq)
}

// tellCancelled tells the observer that a publication is not going to be due; 0 is
// one that it does not know.
func (d *delayed) tellCancelled(publication uint64, why queue.Reason) {
	if o := d.vh.env.Observer; o != nil && publication != 0 {
		o.Cancelled(d.vh.Name, d.name, publication, why)
	}
}

// recordNoDelays is recordNoDelay for all that waits.
func (d *delayed) recordNoDelays(why queue.Reason) {
	if d.numbers == nil {
		return
	}
	d.index.After(delay.Due{At: math.MinInt64}, func(due delay.Due) bool {
		d.recordNoDelay(due.Seq, why)
		return true
	})
}

// DelayedPublications are the publications of the messages that wait in delayed
// exchanges, as an observer knows them, by the name of the exchange, in no order.
func (vh *VHost) DelayedPublications() map[string][]uint64 {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	found := make(map[string][]uint64)
	for name, d := range vh.delayed {
		d.mu.Lock()
		for _, id := range d.numbers {
			found[name] = append(found[name], id)
		}
		d.mu.Unlock()
	}
	return found
}
