package topology

import (
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// Exchanges of type x-delayed-message hold messages back until they are due (EXCH-50,
// EXCH-54). Memory has when and in which order, the store the messages themselves
// once they are there.

// A delayed is what waits under the name of a delayed exchange. It outlives the
// exchange: what waits when that is deleted is routed in its time all the same,
// by what bears the name then (EXCH-55).
type delayed struct {
	vh   *VHost
	name string
	id   uint64 // names its log, in one series with the queues

	// dispatch is held while due messages go out, so that they keep their
	// order; never two of them. It comes before all other locks.
	dispatch sync.Mutex

	mu    sync.Mutex
	index delay.Index
	held  map[uint64]*queue.Message // by position: those that the store has not committed, or all
	seq   uint64                    // position of the newest
	safe  uint64                    // what came up to here is committed
	log   *store.Log                // nil without a store
	app   store.Appender
	alarm *delay.Alarm
	rest  time.Time // nothing goes out before: the store could not be read
	gone  bool      // nothing is added any more
	ended bool      // nothing goes out any more

	numbers map[uint64]uint64 // the publications of those that wait, by position; nil without an observer

	// ghost stands for the exchange once that is deleted: no bindings, but its
	// alternate still counts. Guarded by the virtual host's lock.
	ghost *Exchange
}

func newDelayed(vh *VHost, name string, id uint64) *delayed {
	d := &delayed{vh: vh, name: name, id: id}
	d.alarm = delay.NewAlarm(vh.env.Clock, d.ring)
	if st := vh.env.Store; st != nil {
		d.attach(st.Log(queue.LogOf(id, 0)))
	}
	return d
}

func (d *delayed) attach(log *store.Log) {
	log.OnCommit = d.committed
	d.log = log
}

// now is the time as due times count it, in microseconds since 1970.
func (d *delayed) now() int64 { return d.vh.env.Clock.Now().UnixMicro() }

// add keeps a message for so many milliseconds. It goes to the store whatever
// its delivery mode and whether the exchange is durable or not (EXCH-54).
func (d *delayed) add(m *queue.Message, ms int64, fx *queue.Effects) {
	late := *m
	late.Props = pastDelay(m.Props, ms)
	at := d.now() + ms*perMilli
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone { // deleted since the route was found
		d.tellCancelled(m.Publication(), queue.Deleted)
		return
	}
	d.seq++
	d.track(d.seq, m)
	due := delay.Due{At: at, Seq: d.seq}
	d.index.Add(due)
	d.hold(d.seq, &late)
	if d.log != nil {
		d.app.Add(d.log, due.Seq, due.At, false, &late)
		d.app.Flush()
		fx.Logged = true
	}
	if first, _ := d.index.First(); first == due {
		d.arm()
	}
}

// hold keeps a message in memory. Called with the lock held.
func (d *delayed) hold(seq uint64, m *queue.Message) {
	if d.held == nil {
		d.held = make(map[uint64]*queue.Message)
	}
	d.held[seq] = m
}

// perMilli is a millisecond as due times count.
const perMilli = 1000

// committed is called by the store when the messages up to a position are on
// disk: they can leave memory.
func (d *delayed) committed(seq uint64) {
	for d.forget(seq) {
	}
}

// forget is one hold's share; true asks for another.
func (d *delayed) forget(seq uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n := 0; d.safe < seq; n++ {
		if n == holdLimit {
			return true
		}
		d.safe++
		delete(d.held, d.safe)
	}
	if len(d.held) == 0 {
		d.held = nil // maps do not shrink
	}
	return false
}

// holdLimit is how many messages are handled under one hold of the lock.
const holdLimit = 1024

// arm sets the alarm for what is due first. Called with the lock held.
func (d *delayed) arm() {
	first, ok := d.index.First()
	if !ok || d.ended {
		d.alarm.Stop()
		return
	}
	at := time.UnixMicro(first.At)
	if at.Before(d.rest) {
		at = d.rest
	}
	d.alarm.Set(at)
}

// len is the number of messages that wait, exact at this moment (EXCH-56).
func (d *delayed) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.index.Len()
}

// cancel drops one message and reports whether it was there.
func (d *delayed) cancel(due delay.Due) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.index.Remove(due) {
		return false
	}
	delete(d.held, due.Seq)
	d.recordNoDelay(due.Seq, cancelled)
	if d.log != nil {
		d.app.Settle(d.log, due.Seq)
		d.app.Flush()
	}
	d.arm()
	return true
}

// purge drops all that waits and returns its number. What is going out goes out
// first: it would be dropped from the store unread, and not be counted.
func (d *delayed) purge() int {
	d.dispatch.Lock()
	defer d.dispatch.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.index.Len()
	d.recordNoDelays(queue.Purged)
	d.index.Clear()
	d.held = nil
	if d.log != nil && n > 0 {
		d.app.DropRange(d.log, 1, d.seq)
		d.app.Flush()
	}
	d.arm()
	return n
}

// close drops all that waits, for good; only if that is nothing, unless forced.
// It reports whether it did.
func (d *delayed) close(force bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.index.Len() > 0 && !force {
		return false
	}
	d.gone = true
	d.recordNoDelays(queue.Deleted)
	d.index.Clear()
	d.held = nil
	if d.log != nil {
		d.app.Drop(d.log)
		d.app.Flush()
	}
	d.arm()
	return true
}

// stop ends what goes on by itself, for the broker's end: what is going out has
// gone out when it returns, what waits stays in the store.
func (d *delayed) stop() {
	d.dispatch.Lock()
	defer d.dispatch.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	d.alarm.Stop()
}
