package topology

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// Dead letters, and what else queues leave to be done after their locks are released
// (QUEUE-70 to QUEUE-85).

// Settle performs effects until none is left; those of a dead letter that
// arrives in a full queue come round again. Wake-ups stay for Flush.
func (vh *VHost) Settle(fx *queue.Effects) {
	if !fx.Pending() {
		return
	}
	p := vh.NewPublisher(FromDeadLetter, fx)
	for fx.Pending() {
		fx.TellOrphans()
		fx.EachDead(func(list []queue.DeadLetter) { p.deadLetters(list) })
		vh.removeIdle(fx)
	}
}

// Perform settles effects and wakes the writers; what was consumed may let
// publishers go on (BASIC-17).
func (vh *VHost) Perform(fx *queue.Effects) {
	vh.Settle(fx)
	fx.Flush()
	if vh.env.Store != nil {
		vh.env.Store.Release()
	}
}

// deadLetters publishes dead letters of a queue.
func (p *Publisher) deadLetters(list []queue.DeadLetter) {
	for i := range list {
		p.deadLetter(&list[i])
	}
	p.Flush() // a full queue drops them: nobody waits for them
}

// deadLetter sends one message to the dead-letter exchange that its queue had
// when it died. An exchange that does not exist drops it (QUEUE-71).
func (p *Publisher) deadLetter(d *queue.DeadLetter) {
	vh := p.vh
	vh.mu.RLock()
	x := vh.exchanges[d.Settings.DeadLetterExchange]
	if x == nil {
		vh.mu.RUnlock()
		p.tellNoDeadLetter(d)
		return
	}
	m, deaths, err := newDeadLetter(d, x.Name, vh.env.Clock.Now().Unix())
	if err != nil { // checked when it was published
		vh.mu.RUnlock()
		return
	}
	to, _ := p.find(p.found[:0], x, appendKeys(p.keys[:0], m), m.Props.Headers(), m.Props) // a fault in x-delay is no delay
	vh.mu.RUnlock()
	p.found = to.Queues
	to.Queues = slices.DeleteFunc(to.Queues, func(q *Queue) bool { return isCycle(q.Name, deaths) })
	if o := vh.env.Observer; o != nil {
		o.DeadLettered(vh.Name, d, m, to.Queues, to.Delays, nil)
	}
	p.Pass(m, to)
}

// tellNoDeadLetter tells the observer of a dead letter whose exchange does not exist
// (QUEUE-71).
func (p *Publisher) tellNoDeadLetter(d *queue.DeadLetter) {
	if o := p.vh.env.Observer; o != nil {
		m := *d.Item.Msg
		m.Exchange, m.Extra = d.Settings.DeadLetterExchange, nil
		o.DeadLettered(p.vh.Name, d, &m, nil, nil, NoExchange(m.Exchange, p.vh.Name))
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
		SetHeader(&p, "x-first-death-exchange", old.Exchange)
		SetHeader(&p, "x-first-death-queue", d.Queue)
		SetHeader(&p, "x-first-death-reason", string(d.Reason))
	}
	deaths = recordDeath(deaths, &p, d, now)
	SetHeader(&p, "x-last-death-exchange", old.Exchange)
	SetHeader(&p, "x-last-death-queue", d.Queue)
	SetHeader(&p, "x-last-death-reason", string(d.Reason))
	tables := make(amqp.Array, len(deaths))
	for i, death := range deaths {
		tables[i] = death.table()
	}
	SetHeader(&p, "x-death", tables)
	if tidy := TidyHeaders(p.Headers); tidy != nil {
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

// SetHeader replaces a header, or adds it.
func SetHeader(p *amqp.Properties, key string, v any) {
	i := slices.IndexFunc(p.Headers, func(f amqp.Field) bool { return f.Key == key })
	if i >= 0 {
		p.Headers[i].Value = v
	} else {
		p.Headers = append(p.Headers, amqp.Field{Key: key, Value: v})
	}
}
