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
	for len(fx.Idle) > 0 || fx.HasDead() {
		fx.EachDead(func(d queue.DeadLetter) { vh.deadLetter(d, &r, fx) })
		vh.removeIdle(fx)
	}
}

// perform settles effects and wakes the writers; what was consumed may let
// publishers go on (BASIC-17).
func (vh *vhost) perform(fx *queue.Effects) {
	vh.settle(fx)
	fx.Flush()
	if vh.env.Store != nil {
		vh.env.Store.Release()
	}
}

// deadLetter routes one message to the dead-letter exchange that its queue had
// when it died. An exchange that does not exist drops it (QUEUE-71).
func (vh *vhost) deadLetter(d queue.DeadLetter, r *router, fx *queue.Effects) {
	defer d.Done()
	vh.mu.RLock()
	x := vh.exchanges[d.Settings.DeadLetterExchange]
	if x == nil {
		vh.mu.RUnlock()
		vh.recordNoDeath(&d)
		return
	}
	m, deaths, err := newDeadLetter(&d, x.name, vh.env.Clock.Now().Unix())
	if err != nil { // checked when it was published
		vh.mu.RUnlock()
		return
	}
	queues := r.route(nil, vh, x, appendKeys(nil, m), m.Props.Headers())
	vh.mu.RUnlock()
	queues = slices.DeleteFunc(queues, func(q *queue.Queue) bool { return isCycle(q.Name, deaths) })
	vh.recordDeath(&d, m, way{queues: queues, later: r.later})
	keep(r.later, m, fx)
	for _, q := range queues {
		refused := len(fx.Refused)
		_ = q.Publish([]*queue.Message{m}, fx) // a queue deleted meanwhile drops it
		vh.recordRefused(nil, q, []*queue.Message{m}, fx.Refused[refused:])
		fx.Refused = fx.Refused[:refused] // as does a full one: nobody waits for it
	}
}

// newDeadLetter makes the message that is published to the dead-letter exchange, and
// returns its history.
func newDeadLetter(d *queue.DeadLetter, exchange string, now int64) (*queue.Message, []death, error) {
	old := d.Item.Msg
	var p amqp.Properties
	if err := p.Decode(old.Props); err != nil {
		return nil, nil, err
	}
	var deaths []death
	extra := old.Extra
	if extra == nil || !extra.ForeignDeaths { // QUEUE-82
		deaths = history(p.Headers)
	} else {
		own := *extra
		own.ForeignDeaths, extra = false, &own
	}
	if len(deaths) == 0 { // QUEUE-79
		setHeader(&p, "x-first-death-exchange", old.Exchange)
		setHeader(&p, "x-first-death-queue", d.Queue)
		setHeader(&p, "x-first-death-reason", string(d.Reason))
	}
	deaths = recordDeath(deaths, &p, d, now)
	setHeader(&p, "x-last-death-exchange", old.Exchange)
	setHeader(&p, "x-last-death-queue", d.Queue)
	setHeader(&p, "x-last-death-reason", string(d.Reason))
	tables := make(amqp.Array, len(deaths))
	for i, death := range deaths {
		tables[i] = death.table()
	}
	setHeader(&p, "x-death", tables)
	if tidy := tidyHeaders(p.Headers); tidy != nil {
		p.Headers = tidy
	}
	p.Flags = p.Flags&^amqp.HasExpiration | amqp.HasHeaders // QUEUE-74
	m := &queue.Message{
		Exchange: exchange, Key: old.Key, Props: p.Append(nil), Body: old.Body, // QUEUE-73
		Priority: old.Priority, Persistent: old.Persistent, Extra: extra,
	}
	if d.Settings.HasDeadLetterKey { // QUEUE-75
		m.Key, m.Extra = d.Settings.DeadLetterKey, &queue.Extra{KeyAlone: true}
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
