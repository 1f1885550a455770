package broker

import (
	"math"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// This file is what a Tap is told of messages whose delay comes to nothing. They
// may be on disk alone by then, so their numbers are kept in memory; without a
// Tap there are none.

// Why a delay comes to nothing, besides queue.Purged and queue.Deleted.
const cancelled queue.Reason = "cancelled"

// track remembers the number of a message that waits. Called with the lock held,
// as all here is.
func (d *delayed) track(seq uint64, m *queue.Message) {
	if !d.vh.b.recording() {
		return
	}
	if d.numbers == nil {
		d.numbers = make(map[uint64]uint64)
	}
	d.numbers[seq] = idOf(m)
}

// trackStored is track for a message that was in the store when the broker
// started. What is malformed has no number.
func (d *delayed) trackStored(r store.Record) {
	if !d.vh.b.recording() {
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
	if id := d.numbers[seq]; id != 0 {
		d.vh.b.record(Event{Kind: EventCancelled, ID: id, VHost: d.vh.name, Exchange: d.name, Reason: why})
	}
	d.untrack(seq)
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

// RecordedDelayed returns the numbers that Config.Tap has given to the messages
// that wait in delayed exchanges, by the name of the exchange, in no order.
func (v *VHost) RecordedDelayed() map[string][]uint64 {
	v.vh.mu.RLock()
	defer v.vh.mu.RUnlock()
	found := make(map[string][]uint64)
	for name, d := range v.vh.delayed {
		d.mu.Lock()
		for _, id := range d.numbers {
			found[name] = append(found[name], id)
		}
		d.mu.Unlock()
	}
	return found
}
