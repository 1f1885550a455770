package broker

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is the delivery acknowledgement timeout: a channel that holds a
// delivery for too long is closed (BASIC-65).

// ackCheckInterval is the time between checks.
const ackCheckInterval = time.Minute

// A tagMark remembers the newest delivery tag at the time of a check: what has
// a tag up to it was delivered no later. Deliveries need no time of their own.
type tagMark struct {
	at  time.Time
	tag uint64
}

// An overdue is a channel that holds a delivery for too long.
type overdue struct {
	channel uint16
	why     *Error
}

// checkAcks looks for overdue deliveries on all connections, again and again as
// long as there are any.
func (b *Broker) checkAcks() {
	b.mu.Lock()
	conns := slices.Collect(maps.Keys(b.conns))
	b.mu.Unlock()
	now := b.clock.Now()
	for _, c := range conns {
		c.checkAcks(now)
	}
	b.checks.again(b, b.clock, ackCheckInterval, b.checkAcks, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.conns) > 0
	})
}

// checkAcks interrupts the reader if a channel is overdue.
func (c *conn) checkAcks(now time.Time) {
	c.mu.Lock()
	held := make(map[*channel]map[*queue.Queue]time.Time)
	for _, ch := range c.channels {
		if oldest := ch.oldestDeliveries(now); len(oldest) > 0 {
			held[ch] = oldest
		}
	}
	c.mu.Unlock()
	var late []overdue
	for ch, oldest := range held { // queues are asked without the lock, which is a leaf
		for q, since := range oldest {
			if limit := cmp.Or(q.ConsumerTimeout(), c.b.cfg.ConsumerTimeout); limit > 0 && now.Sub(since) >= limit {
				late = append(late, overdue{ch.id, errOverdue(ch.id, limit)})
				break
			}
		}
	}
	if len(late) > 0 {
		c.mu.Lock()
		c.overdue = append(c.overdue, late...)
		c.interrupt()
		c.mu.Unlock()
	}
}

// oldestDeliveries gives for each queue the latest time at which the oldest
// delivery that the channel holds of it can have been made. Called with the
// lock held.
func (ch *channel) oldestDeliveries(now time.Time) map[*queue.Queue]time.Time {
	if ch.unacked.len() == 0 {
		ch.marks = nil
		return nil
	}
	var oldest map[*queue.Queue]time.Time
	mark := 0
	for _, u := range ch.unacked.list[ch.unacked.head:] {
		if u.queue == nil {
			continue
		}
		for mark < len(ch.marks) && ch.marks[mark].tag < u.tag {
			mark++
		}
		if mark == len(ch.marks) {
			break // delivered since the last check
		}
		if oldest == nil { // nothing before this mark is held any more
			ch.marks = append(ch.marks[:0], ch.marks[mark:]...)
			mark = 0
			oldest = make(map[*queue.Queue]time.Time)
		}
		if _, known := oldest[u.queue]; !known {
			oldest[u.queue] = ch.marks[mark].at
		}
	}
	if n := len(ch.marks); n == 0 || ch.marks[n-1].tag < ch.tag {
		ch.marks = append(ch.marks, tagMark{now, ch.tag})
	}
	return oldest
}

// closeOverdue closes the channels that a check has found. It is the reader's.
func (c *conn) closeOverdue() {
	c.mu.Lock()
	late := c.overdue
	c.overdue = nil
	c.mu.Unlock()
	for _, o := range late {
		if ch := c.channels[o.channel]; ch != nil && !ch.closing {
			_ = c.channelFailed(ch, 0, o.why) // it breaks the channel only
		}
	}
}

func errOverdue(channel uint16, timeout time.Duration) *Error {
	return refuseFrame(amqp.PreconditionFailed, "delivery acknowledgement on channel %d timed out. Timeout value "+
		"used: %d ms. This timeout value can be configured, see consumers doc guide to learn more",
		channel, timeout.Milliseconds())
}
