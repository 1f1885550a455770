package broker

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// This file does what queues leave to be done after their locks are released:
// it deletes queues that have had their day, and dead-letters (QUEUE-70 to
// QUEUE-85).

// settle performs effects until none is left; those of a dead letter that
// arrives in a full queue come round again. Wake-ups stay for Flush.
func (vh *vhost) settle(fx *queue.Effects) {
	var r router
	for len(fx.Idle) > 0 || len(fx.Dead) > 0 {
		for _, d := range fx.TakeDead() {
			vh.deadLetter(d, &r, fx)
		}
		vh.removeIdle(fx)
	}
}

// perform settles effects and wakes the writers.
func (vh *vhost) perform(fx *queue.Effects) {
	vh.settle(fx)
	fx.Flush()
}

// deadLetter routes one message to the dead-letter exchange that its queue had
// when it died. An exchange that does not exist drops it (QUEUE-71).
func (vh *vhost) deadLetter(d queue.DeadLetter, r *router, fx *queue.Effects) {
	defer d.Done()
	vh.mu.RLock()
	x := vh.exchanges[d.Settings.DeadLetterExchange]
	if x == nil {
		vh.mu.RUnlock()
		return
	}
	m, deaths, err := bury(&d, x.name, vh.env.Clock.Now().Unix())
	if err != nil { // checked when it was published
		vh.mu.RUnlock()
		return
	}
	keys := []string{m.Key}
	if !d.Settings.HasDeadLetterKey { // QUEUE-72
		keys = append(keys, carbonKeys(m)...)
	}
	queues := r.route(nil, vh, x, keys, m.Props.Headers())
	vh.mu.RUnlock()
	for _, q := range queues {
		if d.Reason == queue.Rejected || !isCycle(q.Name, deaths) {
			refused := len(fx.Refused)
			_ = q.Publish([]*queue.Message{m}, fx) // a queue deleted meanwhile drops it
			fx.Refused = fx.Refused[:refused]      // as does a full one: nobody waits for it
		}
	}
}

// bury makes the message that is published to the dead-letter exchange, and
// returns its history.
func bury(d *queue.DeadLetter, exchange string, now int64) (*queue.Message, []amqp.Table, error) {
	old := d.Item.Msg
	var p amqp.Properties
	if err := p.Decode(old.Props); err != nil {
		return nil, nil, err
	}
	deaths := recordDeath(&p, d, now)
	history := make(amqp.Array, len(deaths))
	for i, t := range deaths {
		history[i] = t
	}
	if _, died := p.Headers.Get("x-first-death-reason"); !died { // QUEUE-79
		setHeader(&p, "x-first-death-exchange", old.Exchange)
		setHeader(&p, "x-first-death-queue", d.Queue)
		setHeader(&p, "x-first-death-reason", string(d.Reason))
	}
	setHeader(&p, "x-last-death-exchange", old.Exchange)
	setHeader(&p, "x-last-death-queue", d.Queue)
	setHeader(&p, "x-last-death-reason", string(d.Reason))
	setHeader(&p, "x-death", history)
	if tidy := tidyHeaders(p.Headers); tidy != nil {
		p.Headers = tidy
	}
	p.Flags = p.Flags&^amqp.HasExpiration | amqp.HasHeaders // QUEUE-74
	m := &queue.Message{
		Exchange: exchange, Key: old.Key, Props: p.Append(nil), Body: old.Body, // QUEUE-73
		Priority: old.Priority, Persistent: old.Persistent, Extra: old.Extra,
	}
	if d.Settings.HasDeadLetterKey {
		m.Key = d.Settings.DeadLetterKey
	}
	return m, deaths, nil
}

// setHeader replaces a header, or adds it.
func setHeader(p *amqp.Properties, key string, v any) {
	i := slices.IndexFunc(p.Headers, func(f amqp.Field) bool { return f.Key == key })
	if i >= 0 {
		p.Headers[i].Value = v
	} else {
		p.Headers = append(p.Headers, amqp.Field{Key: key, Value: v})
	}
}

// recordDeath returns the x-death history with this death at its front
// (QUEUE-76 to QUEUE-78). What a client sent as x-death counts as history as
// far as it is well-formed (QUEUE-82, QUEUE-83).
func recordDeath(p *amqp.Properties, d *queue.DeadLetter, now int64) []amqp.Table {
	var deaths []amqp.Table
	v, _ := p.Headers.Get("x-death")
	list, _ := v.(amqp.Array)
	for _, item := range list {
		if t, ok := item.(amqp.Table); ok {
			deaths = append(deaths, t)
		}
	}
	i := slices.IndexFunc(deaths, func(t amqp.Table) bool {
		q, _ := t.Get("queue")
		r, _ := t.Get("reason")
		return q == d.Queue && r == string(d.Reason)
	})
	if i < 0 {
		return slices.Insert(deaths, 0, newDeath(p, d, now))
	}
	again := slices.Clone(deaths[i])
	for j := range again {
		if again[j].Key == "count" {
			n, _ := amqp.AsInt(again[j].Value)
			again[j].Value = n + 1
		}
	}
	return slices.Insert(slices.Delete(deaths, i, i+1), 0, again)
}

// newDeath is one table of x-death, in the order in which 3.13 writes it
// (QUEUE-77, QUEUE-80).
func newDeath(p *amqp.Properties, d *queue.DeadLetter, now int64) amqp.Table {
	keys := amqp.Array{d.Item.Msg.Key}
	for _, key := range listHeader(p.Headers, "CC") {
		keys = append(keys, key)
	}
	var t amqp.Table
	if p.Flags&amqp.HasExpiration != 0 {
		t = append(t, amqp.Field{Key: "original-expiration", Value: p.Expiration})
	}
	return append(t,
		amqp.Field{Key: "count", Value: int64(1)},
		amqp.Field{Key: "reason", Value: string(d.Reason)},
		amqp.Field{Key: "queue", Value: d.Queue},
		amqp.Field{Key: "time", Value: amqp.Timestamp(now)},
		amqp.Field{Key: "exchange", Value: d.Item.Msg.Exchange},
		amqp.Field{Key: "routing-keys", Value: keys},
	)
}

// isCycle tells whether a message that died of something else than a rejection
// has been in the queue before, with no rejection since (QUEUE-81).
func isCycle(name string, deaths []amqp.Table) bool {
	for _, t := range deaths {
		if r, _ := t.Get("reason"); r == string(queue.Rejected) {
			return false
		}
		if q, _ := t.Get("queue"); q == name {
			return true
		}
	}
	return false
}

// carbonKeys are the routing keys that a message has beside its own: those of
// CC, still in the headers, and of BCC (QUEUE-72).
func carbonKeys(m *queue.Message) []string {
	var keys []string
	if raw := m.Props.Headers(); raw != nil {
		if v, ok := raw.Lookup("CC"); ok {
			keys = listHeader(amqp.Table{{Key: "CC", Value: v}}, "CC")
		}
	}
	if m.Extra != nil {
		keys = append(keys, m.Extra.BCC...)
	}
	return keys
}
