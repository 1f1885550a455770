package topology

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/queue"
)

// Dead letters that their queue keeps until every target has confirmed them (DLXALO-1).
// A target confirms by taking the message: the store has what it took before the source
// forgets it, so no crash comes in between.

// safely sends a dead letter to those of its targets that have not confirmed it. They are
// found anew at each try (DLXALO-16, DLXALO-21).
func (p *Publisher) safely(d *queue.DeadLetter) {
	p.Flush()
	m, deaths, to, err := p.routeDead(d, d.Died)
	if err == errMalformed {
		d.Done = true
		return
	}
	elsewhere := len(to.Delays) > 0 || len(to.keeps) > 0
	if d.Tries > 0 { // these have it since the first try
		to.Delays, to.keeps = nil, nil
	}
	routed := slices.Clone(to.Queues)
	to.Queues = slices.DeleteFunc(to.Queues, func(q *Queue) bool { return message.IsCycle(q.Name, deaths) })
	cyclic := len(to.Queues) == 0 && len(routed) > 0
	to.Queues = slices.DeleteFunc(to.Queues, func(q *Queue) bool { return slices.Contains(d.Took, q.Name) })
	if len(to.Queues) == 0 && !elsewhere {
		// Of several targets the others may be gone by now: nothing is left to send (DLXALO-15).
		if d.Done = len(d.Took) > 0; !d.Done {
			p.cannotForward(d, err, cyclic, routed)
		}
		return
	}
	if o := p.vh.observer(); o != nil {
		o.DeadLettered(p.vh.Name, d, m, to.Queues, to.Delays, nil)
	}
	waits := len(to.Queues)
	p.taken = func(q *Queue) {
		d.Took = append(slices.Clip(d.Took), q.Name)
		waits--
	}
	p.Pass(m, to)
	p.Flush()
	p.taken = nil
	d.Done = waits == 0
}

// cannotForward says once for each queue and cause why its dead letters stay (DLXALO-11).
func (p *Publisher) cannotForward(d *queue.DeadLetter, err error, cyclic bool, routed []*Queue) {
	if d.Tries > 0 {
		return
	}
	if err != nil {
		p.tellNoDeadLetter(d)
	}
	vh := p.vh
	vh.mu.RLock()
	q := vh.queues[d.Queue]
	vh.mu.RUnlock()
	if q == nil {
		return
	}
	x := d.Settings.DeadLetterExchange
	source := "source quorum " + refusal.QueueText(d.Queue, vh.Name)
	once := " This message will not be logged again."
	switch {
	case err != nil:
		q.warnOnce(warnedNoExchange, func() {
			vh.env.Log.Warn("Cannot forward any dead-letter messages from " + source + " because its configured dead-letter-exchange " +
				refusal.ExchangeText(x, vh.Name) + " does not exist. Either create the configured dead-letter-exchange or re-configure " +
				"the dead-letter-exchange policy for the source quorum queue to prevent dead-lettered messages from piling up " +
				"in the source quorum queue." + once)
		})
	case cyclic:
		q.warnOnce(warnedCycle, func() {
			names := make([]string, len(routed))
			for i, to := range routed {
				names[i] = fmt.Sprintf("<<%q>>", to.Name)
			}
			vh.env.Log.Warn("Dead-letter queues cycle detected for " + source + " with dead-letter " + refusal.ExchangeText(x, vh.Name) +
				" and routing keys " + keysText(d) + ": [" + strings.Join(names, ",") + "]." + once)
		})
	default:
		q.warnOnce(warnedNoRoute, func() {
			vh.env.Log.Warn("Cannot forward any dead-letter messages from " + source + " with configured dead-letter-exchange " +
				refusal.ExchangeText(x, vh.Name) + " and configured dead-letter-routing-key " + keysText(d) +
				". This can happen either if the dead-letter routing topology is misconfigured or if a policy changed it." + once)
		})
	}
}

// keysText are the keys that a dead letter goes by, as RabbitMQ's log has them.
func keysText(d *queue.DeadLetter) string {
	if d.Settings.HasDeadLetterKey {
		return fmt.Sprintf("[<<%q>>]", d.Settings.DeadLetterKey)
	}
	keys := message.AppendKeys(nil, d.Item.Msg)
	for i, key := range keys {
		keys[i] = fmt.Sprintf("<<%q>>", key)
	}
	return "[" + strings.Join(keys, ",") + "]"
}

// What a queue has said of its dead letters.
const (
	warnedNoExchange = 1 << iota
	warnedNoRoute
	warnedCycle
)

func (q *Queue) warnOnce(what uint32, say func()) {
	if q.warned.Or(what)&what == 0 {
		say()
	}
}

// lettersDropped logs that a change of policy has deleted what waited (DLXALO-20).
func (ns *names) lettersDropped(name string, messages int, bytes int64) {
	ns.env.Log.Info(fmt.Sprintf("Deleted %d dead-lettered messages (with total messages size of %d bytes) in %s",
		messages, bytes, refusal.QueueText(name, ns.Name)))
}

var errMalformed = amqp.Errorf(amqp.InternalError, "a message whose properties cannot be read")
