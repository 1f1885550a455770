package broker

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

// This file settles deliveries: ack, nack, reject, recover (BASIC-54 to
// BASIC-64).

// A verdict is how deliveries are settled.
type verdict uint8

const (
	verdictAck     verdict = iota
	verdictRequeue         // back to the original position (BASIC-58)
	verdictFailed          // the same, and counted as a failure (QUEUE-94)
	verdictDrop            // rejected for good (BASIC-60)
	verdictAckInTx         // an ack that a crash may take back
)

// rejection is the verdict of basic.nack and basic.reject; to requeue may be
// one of two.
func rejection(requeue bool, back verdict) verdict {
	if requeue {
		return back
	}
	return verdictDrop
}

// settle handles ack, nack and reject. In a transaction the deliveries are
// taken now, so that a wrong tag is found now, and settled at commit
// (BASIC-84).
func (h *consumeHalf) settle(tag uint64, multiple bool, v verdict) error {
	c := h.c
	c.out.mu.Lock()
	out, ok := h.unacked.Take(c.settler.scratch[:0], tag, multiple)
	shared := 0
	switch {
	case !ok:
	case h.ch.mode == modeTx && v == verdictAck:
		h.ch.tx.settle(out, verdictAckInTx)
	case h.ch.mode == modeTx:
		h.ch.tx.settle(out, v)
	case v == verdictAck:
		shared = c.giveCredit(out)
	}
	if ok && v == verdictAck {
		h.ch.stats.messages.Ack += uint64(len(out))
	}
	c.out.mu.Unlock()
	switch {
	case !ok: // BASIC-54: an unknown tag
		return amqp.Errorf(amqp.PreconditionFailed, "unknown delivery tag %d", tag)
	case h.ch.mode == modeTx:
		clear(out)
	case v == verdictAck:
		c.finishAcks(h.ch, out, v, shared)
	default:
		c.finishReturns(h.ch, out, v)
	}
	return nil
}

// tell tells a queue what has become of items that were out.
func (v verdict) tell(q *topology.Queue, items []queue.Item, fx *queue.Effects) {
	switch v {
	case verdictAck:
		q.Settle(items, fx)
	case verdictAckInTx:
		q.SettleInTx(items, fx)
	case verdictDrop:
		q.Reject(items, fx)
	case verdictRequeue, verdictFailed: // the queue keeps the slice
		q.Return(slices.Clone(items), v == verdictFailed, fx)
	}
}

// recover is basic.recover and basic.recover-async (BASIC-62, BASIC-63).
func (h *consumeHalf) recover(requeue, answer bool) error {
	if !requeue {
		return amqp.Errorf(amqp.NotImplemented, "requeue=false")
	}
	c := h.c
	c.out.mu.Lock()
	out := h.unacked.TakeAll(c.settler.scratch[:0])
	c.out.mu.Unlock()
	c.finishReturns(h.ch, out, verdictRequeue)
	return h.ch.reply0(nil, !answer, &amqp.BasicRecoverOk{})
}
