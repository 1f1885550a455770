package topology

import (
	"github.com/rabbetmq/rabbet/broker/internal/message"
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
		cfg.Recall = vh.env.Recall
	}
	d.Queue = delayed.New(cfg)
	return d
}

// decodeDelayed reads a message back from the store.
func decodeDelayed(r *store.Record) (*queue.Message, error) {
	m, err := queue.DecodeStored(r)
	if err == nil {
		err = message.ReadTTL(m)
	}
	return m, err
}

// keep holds a message back for so many milliseconds.
func (d *delayedQueue) keep(m *queue.Message, ms int64, fx *queue.Effects) {
	late := *m
	late.Props = message.PastDelay(m.Props, ms)
	d.Add(&late, ms, fx)
}

func (k *keeper) persistDelayed(d *delayedQueue, x *Exchange) {
	k.put(&records.Delayed{
		VHost: k.vhost, Name: records.Text(d.name), ID: d.id,
		Alternate: records.Text(x.alternate), HasAlternate: x.hasAlternate,
	})
}

// resume lets what is due go out. It comes once all queues are recovered.
func (d *delayedQueue) resume() {
	d.vh.forgetIfEmpty(d)
	d.Resume()
}

// dispatch routes what is due by the bindings of this moment (EXCH-53) and hands it to
// its queues. What a full one refuses is lost: there is nobody to be told.
func (d *delayedQueue) dispatch(due []*queue.Message) (forgotten func(left int)) {
	var fx queue.Effects
	p := d.vh.NewPublisher(FromDelay, &fx)
	for _, m := range due {
		p.due(d, m)
	}
	p.Flush()
	return func(left int) {
		if left == 0 {
			d.vh.forgetIfEmpty(d)
		}
		d.vh.Perform(&fx)
	}
}

// unroutable is why a strict exchange dead-letters.
const unroutable queue.Reason = "unroutable"

// due sends one message that has waited.
func (p *Publisher) due(d *delayedQueue, m *queue.Message) {
	vh := p.vh
	p.keys = message.AppendKeys(p.keys[:0], m)
	vh.mu.RLock()
	x := vh.exchanges[d.name]
	if x == nil {
		x = d.ghost
	}
	if x == nil { // strict, and just deleted
		vh.mu.RUnlock()
		return
	}
	to, _ := p.find(p.found[:0], x, p.keys, m.Props.Headers(), m.Props) // the delay is over
	strict := x.strict
	vh.mu.RUnlock()
	p.found = to.Queues
	if o := vh.observer(); o != nil {
		o.Due(vh.Name, d.name, m, to.Queues)
	}
	if len(to.Queues) == 0 && strict != nil && strict.deadLetter != nil {
		p.deadLetter(&queue.DeadLetter{Settings: strict.deadLetter, Item: queue.Item{Msg: m}, Reason: unroutable})
		return
	}
	p.Pass(m, to)
}
