package topology

import (
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/delayed"
	"github.com/rabbetmq/rabbet/store"
)

// A delayedQueue is what waits under the name of a delayed exchange. It outlives the
// exchange: what waits when that is deleted is routed in its time all the same,
// by what bears the name then (EXCH-55).
type delayedQueue struct {
	*delayed.Queue
	vh   *VHost
	name string
	id   uint64 // names its log, in one series with the queues

	// ghost stands for the exchange once that is deleted: no bindings, but its
	// alternate still counts. Guarded by the virtual host's lock.
	ghost *Exchange
}

func newDelayed(vh *VHost, name string, id uint64) *delayedQueue {
	d := &delayedQueue{vh: vh, name: name, id: id}
	cfg := delayed.Config{
		Clock: vh.env.Clock, Store: vh.env.Store, ID: id, Decode: decodeDelayed, Dispatch: d.dispatch,
		Fault: func(err error) { vh.fault(name, err) },
	}
	if o := vh.env.Observer; o != nil {
		cfg.Cancelled = func(publication uint64, why queue.Reason) { o.Cancelled(vh.Name, name, publication, why) }
	}
	d.Queue = delayed.New(cfg)
	return d
}

// decodeDelayed reads a message back from the store.
func decodeDelayed(r *store.Record) (*queue.Message, error) {
	m, err := queue.DecodeStored(r)
	if err == nil {
		err = ReadTTL(m)
	}
	return m, err
}

// keep holds a message back for so many milliseconds.
func (d *delayedQueue) keep(m *queue.Message, ms int64, fx *queue.Effects) {
	late := *m
	late.Props = pastDelay(m.Props, ms)
	d.Add(&late, ms, fx)
}

func (vh *VHost) persistDelayed(d *delayedQueue, x *Exchange) {
	vh.put(&records.Delayed{
		VHost: records.Text(vh.Name), Name: records.Text(d.name), ID: d.id,
		Alternate: records.Text(x.alternate), HasAlternate: x.hasAlternate,
	})
}

// resume lets what is due go out. It comes once all queues are recovered.
func (d *delayedQueue) resume() {
	d.vh.forgetIfEmpty(d)
	d.Resume()
}

// dispatch routes what is due by the bindings of this moment (EXCH-53) and hands it to
// its queues.
func (d *delayedQueue) dispatch(due []*queue.Message) (forgotten func(left int)) {
	o := outgoing{d: d}
	for _, m := range due {
		o.send(m)
	}
	o.flush()
	return func(left int) {
		if left == 0 {
			d.vh.forgetIfEmpty(d)
		}
		d.vh.Perform(&o.fx)
	}
}

// unroutable is why a strict exchange dead-letters.
const unroutable queue.Reason = "unroutable"

// An outgoing hands due messages to their queues, a run to the same queues in
// one call.
type outgoing struct {
	d      *delayedQueue
	fx     queue.Effects
	router Router
	keys   []string

	queues []*Queue // of the run
	msgs   []*queue.Message
	found  []*Queue // of the message at hand
}

// send routes one message (EXCH-53).
func (o *outgoing) send(m *queue.Message) {
	vh := o.d.vh
	o.keys = appendKeys(o.keys[:0], m)
	vh.mu.RLock()
	x := vh.exchanges[o.d.name]
	if x == nil {
		x = o.d.ghost
	}
	if x == nil { // strict, and just deleted
		vh.mu.RUnlock()
		return
	}
	o.found = o.router.route(o.found[:0], vh, x, o.keys, m.Props.Headers())
	strict := x.strict
	vh.mu.RUnlock()
	if by := vh.env.Observer; by != nil {
		by.Due(vh.Name, o.d.name, m, o.found)
	}
	if len(o.found) == 0 {
		if strict != nil && strict.deadLetter != nil {
			o.flush()
			dead := queue.DeadLetter{Settings: strict.deadLetter, Item: queue.Item{Msg: m}, Reason: unroutable}
			vh.deadLetter(dead, &o.router, &o.fx)
		}
		return
	}
	if len(o.msgs) > 0 && (len(o.msgs) >= MaxRun || !slices.Equal(o.queues, o.found)) {
		o.flush()
	}
	if len(o.msgs) == 0 {
		o.queues = append(o.queues[:0], o.found...)
	}
	o.msgs = append(o.msgs, m)
}

// flush hands the run to its queues. What a full one refuses is lost: there is
// nobody to be told.
func (o *outgoing) flush() {
	for _, q := range o.queues {
		_ = q.Publish(o.msgs, &o.fx) // a queue deleted since drops them
		o.d.vh.tellRefused(q, o.msgs, o.fx.Refused)
		o.fx.Refused = o.fx.Refused[:0]
	}
	clear(o.msgs)
	o.queues, o.msgs = o.queues[:0], o.msgs[:0]
}
