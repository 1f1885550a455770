package broker

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

// This file settles deliveries: ack, nack, reject, recover (BASIC-54 to
// BASIC-64).

// A verdict is what becomes of deliveries.
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
func (ch *channel) settle(tag uint64, multiple bool, v verdict) error {
	c := ch.c
	c.mu.Lock()
	out, ok := ch.unacked.take(c.settling[:0], tag, multiple)
	switch {
	case !ok:
	case ch.mode != modeTx:
		c.giveCredit(ch, out)
	case v == verdictAck:
		ch.tx.settle(out, verdictAckInTx)
	default:
		ch.tx.settle(out, v)
	}
	c.mu.Unlock()
	if !ok { // BASIC-54
		return amqp.Errorf(amqp.PreconditionFailed, "unknown delivery tag %d", tag)
	}
	if ch.mode == modeTx {
		clear(out)
		return nil
	}
	c.finish(out, v)
	return nil
}

// giveCredit counts deliveries as no longer out and lists the consumers that
// may go on. Called with the lock held.
func (c *conn) giveCredit(ch *channel, out []unacked) {
	shared := false
	for i := range out {
		u := &out[i]
		if u.shared {
			shared = true
			ch.shared.out--
		}
		if s := u.consumer; s != nil {
			s.unacked--
			c.unparkOne(s)
		}
	}
	if shared {
		c.unparkAll(ch)
	}
}

// finish tells the queues of deliveries that were taken, and lets consumers
// go on. The list is used up.
func (c *conn) finish(out []unacked, v verdict) {
	if c.tapped != nil {
		c.recordSettled(out, settledAs[v])
	}
	if v == verdictAck || v == verdictAckInTx {
		c.byQueue(out, func(q *topology.Queue, items []queue.Item) { v.tell(q, items, &c.fx) })
	} else {
		c.finishByConsumer(out, v)
	}
	c.reuse(out)
	c.unpark()
}

// finishByConsumer gives back or drops what each consumer had in a call of its own, in
// the order of queues and tags: so does RabbitMQ, which shows in where the messages
// go then (BASIC-58, BASIC-60). What basic.get has fetched comes first. A consumer
// that has room again is in turn for what it gave back, and for nothing before.
func (c *conn) finishByConsumer(out []unacked, v verdict) {
	slices.SortStableFunc(out, func(a, b unacked) int {
		return cmp.Or(strings.Compare(a.queue.Name, b.queue.Name), strings.Compare(a.consumerTag(), b.consumerTag()))
	})
	for rest := out; len(rest) > 0; {
		q, tag := rest[0].queue, rest[0].consumerTag()
		items := c.items[:0]
		n := 0
		for n < len(rest) && rest[n].queue == q && rest[n].consumerTag() == tag {
			items = append(items, rest[n].item)
			n++
		}
		if s := rest[0].consumer; s != nil && slices.Contains(c.unparked, s) {
			q.Rejoin(&s.Subscription)
		}
		v.tell(q, items, &c.fx)
		clear(items)
		c.items, rest = items, rest[n:]
	}
	clear(out)
}

// tell tells a queue what has become of items that were out.
func (v verdict) tell(q *topology.Queue, items []queue.Item, fx *queue.Effects) {
	switch v {
	case verdictAck:
		q.Settle(items)
	case verdictAckInTx:
		q.SettleInTx(items)
	case verdictDrop:
		q.Reject(items, fx)
	case verdictRequeue, verdictFailed: // the queue keeps the slice
		q.Return(slices.Clone(items), v == verdictFailed, fx)
	}
}

// recover is basic.recover and basic.recover-async (BASIC-62, BASIC-63).
func (ch *channel) recover(requeue, answer bool) error {
	if !requeue {
		return amqp.Errorf(amqp.NotImplemented, "requeue=false")
	}
	c := ch.c
	c.mu.Lock()
	out := ch.unacked.takeAll(c.settling[:0])
	c.giveCredit(ch, out)
	c.mu.Unlock()
	c.finish(out, verdictRequeue)
	return ch.reply0(nil, !answer, &amqp.BasicRecoverOk{})
}
