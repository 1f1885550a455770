package broker

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is what routing does at a delayed exchange: it notes that the message
// is to be kept there, and for how long (EXCH-49 to EXCH-52).

// A postponement is a delayed exchange that a route has led to, and how long it
// keeps the message, in milliseconds.
type postponement struct {
	in     *delayed
	ms     int64
	strict bool
}

// postpones tells whether an exchange keeps a message for later, which is noted.
func (r *router) postpones(x *exchangeRecord, headers amqp.RawTable) bool {
	ms, fault := delayOf(headers)
	switch {
	case x.strict == nil && fault == notANumber: // EXCH-49
		r.refusal = errInternal()
	case x.strict != nil && fault == "" && ms > maxStrictDelay:
		fault = tooLong
		fallthrough
	case x.strict != nil && fault != "":
		v, _ := headers.Lookup(delayHeader)
		r.refusal = refuse(amqp.PreconditionFailed, "invalid header '%s' %s for %s: %s",
			delayHeader, amqp.FormatTerm(v), exchangeText(x.name, r.vh.name), string(fault))
	}
	if ms <= 0 || fault != "" || x.strict == nil && ms > maxDelay { // EXCH-50
		return false
	}
	r.keyOnly = false
	r.later = append(r.later, postponement{x.delayed, ms, x.strict != nil})
	return true
}

// keep hands a message to the delayed exchanges that its route has led to.
func keep(list []postponement, m *queue.Message, fx *queue.Effects) {
	for _, p := range list {
		p.in.add(m, p.ms, fx)
	}
}

// postpone does what the route of a publish has led to. Without x-delayed-strict
// a message is kept as soon as it is published, be it in a transaction that is
// never committed, and counts as routed to nowhere (EXCH-52). What strict exchanges
// are to keep is returned, for the publish to take effect.
func (ch *channel) postpone(m *queue.Message, list []postponement) (strict []postponement) {
	for _, p := range list {
		if p.strict {
			strict = append(strict, p)
			continue
		}
		p.in.add(m, p.ms, &ch.c.fx)
		ch.tx.logged = ch.tx.logged || ch.c.fx.Logged
	}
	return strict
}
