package topology

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// Messages that are due are read, routed by the
// bindings of that moment (EXCH-53), handed to their queues, and only then
// forgotten, so that a crash finds each in one place at least.

// unroutable is why a strict exchange dead-letters.
const unroutable queue.Reason = "unroutable"

// readRetry is the pause before what the store could not read is tried again.
const readRetry = time.Second

// A dueMessage is a message on its way out; nil while it has to be read.
type dueMessage struct {
	delay.Due
	msg *queue.Message
}

// ring is the alarm's call: all that is due goes out, in order.
func (d *delayed) ring() {
	for d.dispatchSome() {
		if st := d.vh.env.Store; st != nil {
			_ = st.Wait(context.Background()) // queues must not outrun the disk
		}
	}
}

// dispatchSome sends out one hold's share; true asks for another.
func (d *delayed) dispatchSome() bool {
	d.dispatch.Lock()
	defer d.dispatch.Unlock()
	due := d.take()
	if len(due) == 0 {
		return false
	}
	if err := d.read(due); err != nil {
		d.vh.fault(d.name, err)
		if !errors.Is(err, store.ErrDamaged) {
			d.giveBack(due)
			return false
		}
	}
	o := outgoing{d: d}
	for i := range due {
		if due[i].msg != nil {
			o.send(due[i].msg)
		}
	}
	o.flush()
	if d.settle(due) == 0 {
		d.vh.forgetIfEmpty(d)
	}
	d.vh.Perform(&o.fx)
	return true
}

// take takes out what is due, or sets the alarm if that is nothing.
func (d *delayed) take() []dueMessage {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return nil
	}
	taken := d.index.Take(nil, d.now(), holdLimit)
	if len(taken) == 0 {
		d.arm()
		return nil
	}
	due := make([]dueMessage, len(taken))
	for i, t := range taken {
		due[i] = dueMessage{t, d.held[t.Seq]}
		delete(d.held, t.Seq)
	}
	return due
}

// read gets what is not in memory from the store. What was cancelled or purged
// meanwhile is not there any more, and what is damaged stays there, for a check
// of the store to find.
func (d *delayed) read(due []dueMessage) error {
	var away []*dueMessage
	for i := range due {
		if due[i].msg == nil {
			away = append(away, &due[i])
		}
	}
	if len(away) == 0 {
		return nil
	}
	slices.SortFunc(away, func(a, b *dueMessage) int { return cmp.Compare(a.Seq, b.Seq) })
	positions := make([]uint64, len(away))
	for i, m := range away {
		positions[i] = m.Seq
	}
	next := 0
	return d.log.Pick(positions, func(r store.Record) {
		for away[next].Seq != r.Seq {
			next++
		}
		m, err := queue.DecodeStored(r.Data)
		if err == nil {
			err = ReadTTL(m)
		}
		if err != nil {
			d.vh.fault(d.name, fmt.Errorf("%w: message %d: %w", store.ErrDamaged, r.Seq, err))
			return
		}
		away[next].msg = m
	})
}

// giveBack returns what could not be read, to be tried again in a while.
func (d *delayed) giveBack(due []dueMessage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return
	}
	for _, m := range due {
		d.index.Add(m.Due)
		if m.msg != nil && m.Seq > d.safe {
			d.hold(m.Seq, m.msg)
		}
	}
	d.rest = d.vh.env.Clock.Now().Add(readRetry)
	d.arm()
}

// Settle lets the store forget what has gone out, and returns the number of
// messages that still wait.
func (d *delayed) settle(due []dueMessage) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range due {
		d.untrack(due[i].Seq)
	}
	if d.log != nil {
		for i := range due {
			if due[i].msg != nil {
				d.app.Settle(d.log, due[i].Seq)
			}
		}
		d.app.Flush()
	}
	return d.index.Len()
}

// An outgoing hands due messages to their queues, a run to the same queues in
// one call.
type outgoing struct {
	d      *delayed
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
