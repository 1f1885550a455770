package topology

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/queue"
)

// Routing notes at a delayed exchange that the message is to be delayed there, and for
// how long (EXCH-49 to EXCH-52).

// A Delay is a delayed exchange that a route has led to, and how long it
// keeps the message, in milliseconds.
type Delay struct {
	in     *delayedQueue
	ms     int64
	Strict bool
}

// delaysAt reports whether an exchange delays a message, and notes for how long.
func (r *router) delaysAt(x *Exchange, headers amqp.RawTable) bool {
	r.delayed = true
	ms, fault := message.DelayOf(headers)
	switch {
	case x.strict == nil && fault == message.NotANumber: // EXCH-49: the delay is a number
		r.refusal = amqp.NewInternalError()
	case x.strict != nil && fault == "" && ms > message.MaxStrictDelay:
		fault = message.TooLong
		fallthrough
	case x.strict != nil && fault != "":
		v, _ := headers.Lookup(message.DelayHeader)
		r.refusal = amqp.Errorf(amqp.PreconditionFailed, "invalid header '%s' %s for %s: %s",
			message.DelayHeader, amqp.FormatTerm(v), refusal.ExchangeText(x.Name, r.vh.Name), string(fault))
	}
	if ms <= 0 || fault != "" || x.strict == nil && ms > message.MaxDelay { // EXCH-50: anything else is no delay
		return false
	}
	r.keyOnly = false
	r.delays = append(r.delays, Delay{x.delayed, ms, x.strict != nil})
	return true
}

// Exchange is the name of the delayed exchange.
func (p *Delay) Exchange() string { return p.in.name }

// Start hands a message to the delayed exchange.
func (p *Delay) Start(m *queue.Message, fx *queue.Effects) { p.in.delay(m, p.ms, fx) }

// StartDelays hands a message to the delayed exchanges that its route has led to.
func StartDelays(list []Delay, m *queue.Message, fx *queue.Effects) {
	for _, p := range list {
		p.Start(m, fx)
	}
}

// StartLax starts the delays of a route without x-delayed-strict, which keep a message as
// soon as it is published, be it in a transaction that is never committed, and count as
// routed to nowhere (EXCH-52). It returns the strict ones, which start when the publish
// takes effect.
func StartLax(list []Delay, m *queue.Message, fx *queue.Effects) (strict []Delay) {
	for _, d := range list {
		if d.Strict {
			strict = append(strict, d)
		} else {
			d.Start(m, fx)
		}
	}
	return strict
}

// delay keeps a message for so many milliseconds.
func (d *delayedQueue) delay(m *queue.Message, ms int64, fx *queue.Effects) {
	late := *m
	late.Props = message.PastDelay(m.Props, ms)
	d.Add(&late, ms, fx)
}
