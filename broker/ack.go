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
	c.out.mu.Lock()
	out, ok := ch.unacked.take(c.settling[:0], tag, multiple)
	shared := 0
	switch {
	case !ok:
	case ch.mode == modeTx && v == verdictAck:
		ch.tx.settle(out, verdictAckInTx)
	case ch.mode == modeTx:
		ch.tx.settle(out, v)
	case v == verdictAck:
		shared = c.giveCredit(out)
	}
	if ok && v == verdictAck {
		ch.stats.messages.Ack += uint64(len(out))
	}
	c.out.mu.Unlock()
	switch {
	case !ok: // BASIC-54
		return amqp.Errorf(amqp.PreconditionFailed, "unknown delivery tag %d", tag)
	case ch.mode == modeTx:
		clear(out)
	case v == verdictAck:
		c.finishAcks(ch, out, v, shared)
	default:
		c.finishReturns(ch, out, v)
	}
	return nil
}

// giveCredit counts deliveries as no longer out, lists the consumers that may go on by
// their own limit, and returns how many count by the shared one. Called with the lock
// held.
func (c *conn) giveCredit(out []unacked) (shared int) {
	for i := range out {
		u := &out[i]
		if u.shared {
			shared++
		}
		if s := u.consumer; s != nil {
			s.unacked--
			c.unparkOne(s)
		}
	}
	return shared
}

// giveShared gives room by the shared limit, to those that it held up. The consumers
// that had room by their own go on before.
func (c *conn) giveShared(ch *channel, n int) {
	if n == 0 {
		return
	}
	c.out.mu.Lock()
	ch.shared.out -= n
	c.listParked(ch)
	c.out.mu.Unlock()
	c.unparkTogether()
}

// finish tells the queues of deliveries that were taken, and lets consumers
// go on. The list is used up.
func (c *conn) finish(ch *channel, out []unacked, v verdict) {
	if v != verdictAck && v != verdictAckInTx {
		c.finishReturns(ch, out, v)
		return
	}
	c.out.mu.Lock()
	shared := c.giveCredit(out)
	c.out.mu.Unlock()
	c.finishAcks(ch, out, v, shared)
}

// finishAcks is finish for acks whose credit is given already.
func (c *conn) finishAcks(ch *channel, out []unacked, v verdict, shared int) {
	if c.b.recorded(c.counted) {
		c.recordSettled(out, settledAs[v])
	}
	c.byQueue(out, func(q *topology.Queue, items []queue.Item) { v.tell(q, items, &c.fx) })
	c.reuse(out)
	c.unpark()
	c.giveShared(ch, shared)
}

// finishReturns is finish for what is rejected or given back.
func (c *conn) finishReturns(ch *channel, out []unacked, v verdict) {
	if c.b.recorded(c.counted) {
		c.recordSettled(out, settledAs[v])
	}
	shared := c.finishByConsumer(out, v)
	c.reuse(out)
	c.giveShared(ch, shared)
}

// finishByConsumer gives back or drops what each consumer had in a call of its own, in
// the order of queues and tags: so does RabbitMQ, which shows in where the messages
// go then (BASIC-58, BASIC-60). What basic.get has fetched comes first. A consumer
// that has room again is in turn for what it gave back, and for nothing before.
func (c *conn) finishByConsumer(out []unacked, v verdict) (shared int) {
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
		c.out.mu.Lock()
		shared += c.giveCredit(rest[:n])
		c.out.mu.Unlock()
		for _, s := range c.unparked {
			q.Rejoin(&s.Subscription)
		}
		v.tell(q, items, &c.fx)
		c.unpark()
		clear(items)
		c.items, rest = items, rest[n:]
	}
	clear(out)
	return shared
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
func (ch *channel) recover(requeue, answer bool) error {
	if !requeue {
		return amqp.Errorf(amqp.NotImplemented, "requeue=false")
	}
	c := ch.c
	c.out.mu.Lock()
	out := ch.unacked.takeAll(c.settling[:0])
	c.out.mu.Unlock()
	c.finishReturns(ch, out, verdictRequeue)
	return ch.reply0(nil, !answer, &amqp.BasicRecoverOk{})
}
