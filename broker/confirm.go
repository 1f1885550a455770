package broker

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
)

// This file is publisher confirms (BASIC-13 to BASIC-23).

// confirmSelect is BASIC-13.
func (ch *channel) confirmSelect(m *amqp.ConfirmSelect) error {
	if ch.mode == modeTx {
		return refuse(amqp.PreconditionFailed, "cannot switch from tx to confirm mode")
	}
	ch.mode = modeConfirm
	return ch.reply0(nil, m.NoWait, &amqp.ConfirmSelectOk{})
}

// refused notes that a queue has rejected a publish: it is nacked on a confirm
// channel (BASIC-18) and fails the commit of a transaction (BASIC-86).
func (ch *channel) refused(seq uint64) {
	if ch.mode == modeTx {
		ch.tx.refused = true
	} else if ch.mode == modeConfirm {
		ch.nacks = append(ch.nacks, seq)
	}
}

// sendConfirms answers what the batch has published: one basic.ack a channel,
// multiple where it covers more than one (BASIC-16), with a basic.nack between
// for each message that was rejected.
func (c *conn) sendConfirms() {
	for i, ch := range c.confirms {
		c.confirms[i] = nil
		ch.toConfirm = false
		if ch.closing { // BASIC-23
			continue
		}
		c.flushPublishes()
		slices.Sort(ch.nacks)
		for _, seq := range slices.Compact(ch.nacks) { // several queues may have rejected one message
			ch.ackUpTo(seq - 1)
			c.send(ch.id, &amqp.BasicNack{DeliveryTag: seq})
			ch.confirmed = seq
		}
		ch.nacks = ch.nacks[:0]
		ch.ackUpTo(ch.published)
	}
	c.confirms = c.confirms[:0]
}

// ackUpTo acknowledges all publishes up to and including one.
func (ch *channel) ackUpTo(seq uint64) {
	if seq > ch.confirmed {
		ch.c.send(ch.id, &amqp.BasicAck{DeliveryTag: seq, Multiple: seq-ch.confirmed > 1})
		ch.confirmed = seq
	}
}
