package broker

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// Publisher confirms (BASIC-13 to BASIC-23).

// confirmSelect is BASIC-13.
func (h *publishHalf) confirmSelect(m *amqp.ConfirmSelect) error {
	if h.ch.mode == modeTx {
		return amqp.Errorf(amqp.PreconditionFailed, "cannot switch from tx to confirm mode")
	}
	h.ch.setMode(modeConfirm)
	return h.ch.reply0(nil, m.NoWait, &amqp.ConfirmSelectOk{})
}

// refused notes that a queue has rejected a publish: it is nacked on a confirm
// channel (BASIC-18) and fails the commit of a transaction (BASIC-86).
func (h *publishHalf) refused(seq uint64) {
	if h.ch.mode == modeTx {
		h.ch.tx.refused = true
	} else if h.ch.mode == modeConfirm {
		h.nacks = append(h.nacks, seq)
	}
}

// An answer is what a channel's publishes up to one are told: basic.ack,
// multiple where it covers more than one (BASIC-16), with a basic.nack between
// for each message that was rejected. With persistent messages among them it
// waits for the store (BASIC-17) and is a store.Waiter.
type answer struct {
	ch            *channel
	from, to      uint64 // publishes from+1 to to
	nacks         []uint64
	early         []uint64       // those that have been acked before
	confirmFaults []confirmFault // in order of seq
}

// ackUnroutable acks the latest publish, which neither a queue nor a delayed exchange has,
// at once and by itself, even if others before it still wait (BASIC-15, BASIC-16).
func (h *publishHalf) ackUnroutable() {
	c := h.c
	if h.confirmed == h.published-1 {
		h.confirmed = h.published
	} else {
		h.early = append(h.early, h.published)
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	h.answered++
	h.ch.stats.messages.Confirm++
	c.out.appendMethod(h.ch.id, &amqp.BasicAck{DeliveryTag: h.published}, &c.fx)
	h.recordConfirm(h.published-1, h.published, false)
}

// open is how many publishes the answer is for that have none yet.
func (a *answer) open() uint64 { return a.to - a.from - uint64(len(a.early)) }

// send sends the answer. Called with the connection's lock held.
func (a *answer) send(fx *queue.Effects) {
	a.ch.answered += a.open()
	a.ch.stats.messages.Confirm += a.open() - uint64(len(a.nacks))
	if len(a.confirmFaults) > 0 || a.ch.gap {
		a.sendSingly(false, fx)
		return
	}
	for _, seq := range a.nacks {
		a.ack(seq-1, fx)
		a.nack(seq, false, fx)
	}
	a.ack(a.to, fx)
}

// ack acks what is left up to a publish. Called with the connection's lock held.
func (a *answer) ack(to uint64, fx *queue.Effects) {
	n := 0 // of early
	for n < len(a.early) && a.early[n] <= to {
		n++
	}
	open := to - a.from - uint64(n)
	for ; n > 0 && a.early[n-1] == to; n-- {
		to--
	}
	if open > 0 {
		a.ch.c.out.appendMethod(a.ch.id, &amqp.BasicAck{DeliveryTag: to, Multiple: open > 1}, fx)
		a.ch.recordConfirm(a.from, to, false)
	}
	a.from = max(a.from, to)
	a.early = a.early[n:]
}

// nack nacks a publish, or all that are left up to it. Called with the connection's lock
// held.
func (a *answer) nack(to uint64, multiple bool, fx *queue.Effects) {
	a.ch.c.out.appendMethod(a.ch.id, &amqp.BasicNack{DeliveryTag: to, Multiple: multiple}, fx)
	a.ch.recordConfirm(a.from, to, true)
	a.from = to
}

// nackAll nacks what is left. Called with the connection's lock held.
func (a *answer) nackAll(fx *queue.Effects) {
	if len(a.early) == 0 {
		a.nack(a.to, a.to-a.from > 1, fx)
		return
	}
	for seq := a.from + 1; seq <= a.to; seq++ {
		if !slices.Contains(a.early, seq) {
			a.nack(seq, false, fx)
		}
	}
}

// Committed is the store's word that the publishes are safe, or that they are
// not.
func (a *answer) Committed(err error) {
	c := a.ch.c
	var fx queue.Effects
	c.out.mu.Lock()
	a.ch.awaiting.Add(-1)
	if err != nil {
		a.ch.answered += a.open()
	}
	switch {
	case a.ch.ended: // BASIC-22: no confirm for a channel that its publish has closed
	case err != nil && (len(a.confirmFaults) > 0 || a.ch.gap):
		a.sendSingly(true, &fx)
	case err != nil:
		a.nackAll(&fx)
	default:
		a.send(&fx)
	}
	c.out.mu.Unlock()
	fx.Flush()
}

// awaitRecords blocks until what the method at hand has declared, bound or deleted is on the
// disk, so that its answer is true after a crash: as in RabbitMQ, and by one commit with
// others'. A store that does not sync is not waited for.
func (c *conn) awaitRecords() error {
	if c.vhost.Written() == c.written || c.b.cfg.Store.SyncPolicy() == store.SyncNone {
		return nil
	}
	c.performEffects()
	if err := c.awaitStore(); err != nil {
		c.log.Error("cannot keep what was declared", "error", err)
		return amqp.NewInternalError()
	}
	return nil
}

// awaitCommit blocks until what the connection has published is safe. It is
// for tx.commit, whose answer must not come before (BASIC-86). What others wait
// for is passed on first.
func (c *conn) awaitCommit() error {
	c.performEffects()
	if !c.fx.Logged {
		return nil
	}
	return c.awaitStore()
}
