package broker

import (
	"cmp"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// The delivery acknowledgement timeout: a channel that holds a
// delivery for too long is closed (BASIC-65), or the consumer that had it is
// cancelled (BASIC-66).

// ackCheckInterval is the time between checks: a minute, or less if no delivery
// may be held for as long.
func (b *node) ackCheckInterval() time.Duration { return min(time.Minute, b.cfg.ConsumerTimeout) }

// markTicks is how often marks are taken for each check: about once a second, so that
// others can be told for how long a delivery has been held.
func (b *node) markTicks() time.Duration {
	return max(1, (b.ackCheckInterval()+time.Second-1)/time.Second)
}

// A tagMark remembers the newest delivery tag at the time of a check: what has
// a tag up to it was delivered no later. Deliveries need no time of their own.
type tagMark struct {
	at  time.Time
	tag uint64
}

// A holder is who holds deliveries: a channel's consumer, or nil for basic.get,
// of one queue.
type holder struct {
	queue    *topology.Queue
	consumer *consumer
}

// An overdueChannel is to be closed: a holder has had a delivery for too long.
type overdueChannel struct {
	channel uint16
	why     *amqp.Error
	holder
}

// checkAcks interrupts the reader if a channel is overdue. It reports whether to
// look again.
func (c *conn) checkAcks(now time.Time) (again bool) {
	c.out.mu.Lock()
	if len(c.overdue) > 0 { // the reader is about to see to the last look's
		c.out.mu.Unlock()
		return true
	}
	held := make(map[*channel]map[holder]time.Time)
	for _, ch := range c.channels {
		oldest, fresh := ch.oldestDeliveries(now)
		again = again || fresh
		if len(oldest) > 0 {
			held[ch] = oldest
		}
	}
	c.out.mu.Unlock()
	var late []overdueChannel
	for ch, oldest := range held { // queues are asked without the lock, which is a leaf
		for h, since := range oldest {
			limit := c.b.ackTimeout(h)
			again = again || limit > 0
			if limit > 0 && now.Sub(since) >= limit {
				late = append(late, overdueChannel{ch.id, errOverdue(ch.id, limit), h})
			}
		}
	}
	if len(late) > 0 {
		c.out.mu.Lock()
		c.overdue = append(c.overdue, late...)
		c.interrupt()
		c.out.mu.Unlock()
	}
	return again
}

// ackTimeout is how long a holder may keep a delivery; 0 is for ever.
func (b *node) ackTimeout(h holder) time.Duration {
	own := time.Duration(0)
	if b.profile.QuorumTimeoutOnly {
		if !h.queue.Quorum() { // BASIC-66: quorum queues alone
			return 0
		}
		if h.consumer != nil {
			own = h.consumer.timeout
		}
	}
	return cmp.Or(own, h.queue.ConsumerTimeout(), b.cfg.ConsumerTimeout)
}

// oldestDeliveries gives for each holder the latest time at which the oldest
// delivery that it has not settled can have been made, but for those made since
// the last check: then fresh is true. Called with the lock held.
func (h *consumeHalf) oldestDeliveries(now time.Time) (oldest map[holder]time.Time, fresh bool) {
	if h.unacked.Len() == 0 {
		h.marks = nil
		return nil, false
	}
	mark := 0
	for u := range h.unacked.All() {
		for mark < len(h.marks) && h.marks[mark].tag < u.Tag {
			mark++
		}
		if mark == len(h.marks) {
			fresh = true
			break
		}
		if oldest == nil { // nothing before this mark is held any more
			h.marks = append(h.marks[:0], h.marks[mark:]...)
			mark = 0
			oldest = make(map[holder]time.Time)
		}
		if who := (holder{u.Queue, u.Consumer}); oldest[who].IsZero() {
			oldest[who] = h.marks[mark].at
		}
	}
	h.mark(now)
	return oldest, fresh
}

// maxMarks is how many marks a channel keeps: with more of them every other one goes.
const maxMarks = 256

// mark notes the newest tag of this moment. Called with the lock held.
func (h *consumeHalf) mark(now time.Time) {
	if n := len(h.marks); n > 0 && h.marks[n-1].tag >= h.tag {
		return
	}
	if len(h.marks) >= maxMarks { // what had a mark that goes counts as younger than it is
		for i := range maxMarks / 2 {
			h.marks[i] = h.marks[2*i+1]
		}
		h.marks = h.marks[:maxMarks/2]
	}
	h.marks = append(h.marks, tagMark{now, h.tag})
}

// deliveredAt is the time of a delivery, at most a second too late; zero if it is not
// known. Called with the lock held.
func (h *consumeHalf) deliveredAt(tag uint64, now time.Time) time.Time {
	i, _ := slices.BinarySearchFunc(h.marks, tag, func(m tagMark, tag uint64) int { return cmp.Compare(m.tag, tag) })
	switch {
	case i < len(h.marks):
	case h.c.b.cfg.ConsumerTimeout < 0: // nobody looks
		return time.Time{}
	default:
		return now
	}
	return h.marks[i].at
}

// closeOverdue closes the channels that a check has found, or cancels their
// consumers. It is the reader's.
func (c *conn) closeOverdue() {
	c.out.mu.Lock()
	late := c.overdue
	c.overdue = nil
	c.out.mu.Unlock()
	for _, o := range late {
		ch := c.channels[o.channel]
		switch {
		case ch == nil || ch.closing:
		case o.consumer != nil && c.b.profile.QuorumTimeoutOnly && c.client.cancelNotify:
			ch.cancelOverdue(o.consumer)
		default:
			_ = c.channelFailed(ch, 0, o.why) // it breaks the channel only
		}
	}
}

func errOverdue(channel uint16, timeout time.Duration) *amqp.Error {
	return refusal.WithoutMethod(amqp.PreconditionFailed, "delivery acknowledgement on channel %d timed out. Timeout value "+
		"used: %d ms. This timeout value can be configured, see consumers doc guide to learn more",
		channel, timeout.Milliseconds())
}

// cancelOverdue cancels a consumer and returns what it holds to its queue, which
// does not count as a failure (BASIC-66, QUEUE-94).
func (h *consumeHalf) cancelOverdue(s *consumer) {
	c := h.c
	c.out.mu.Lock()
	if h.consumers[s.tag] != s {
		c.out.mu.Unlock()
		return
	}
	delete(h.consumers, s.tag)
	s.cancelled = true
	out := h.unacked.TakeOf(c.settler.scratch[:0], s)
	c.out.appendMethod(h.ch.id, &amqp.BasicCancel{ConsumerTag: s.tag, NoWait: true}, &c.fx)
	c.out.mu.Unlock()
	c.finishReturns(h.ch, out, verdictRequeue)
	s.from.Unsubscribe(&s.Subscription, &c.fx)
	c.performEffects()
}
