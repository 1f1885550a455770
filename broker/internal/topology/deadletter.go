package topology

import (
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/queue"
)

// Dead letters, and what else queues leave to be done after their locks are released
// (QUEUE-70 to QUEUE-85).

// DrainEffects performs effects until none is left; those of a dead letter that
// arrives in a full queue come round again. Wake-ups stay for Flush.
func (vh *VHost) DrainEffects(fx *queue.Effects) {
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

// Perform drains the effects and wakes the writers; what was consumed may let
// publishers go on (BASIC-17).
func (vh *VHost) Perform(fx *queue.Effects) {
	vh.DrainEffects(fx)
	fx.Flush()
	if vh.env.Store != nil {
		vh.env.Store.Release()
	}
}

// deadLetters publishes dead letters of a queue.
func (p *Publisher) deadLetters(list []queue.DeadLetter) {
	for i := range list {
		if d := &list[i]; d.Safely {
			p.safely(d)
		} else {
			p.deadLetter(d)
		}
	}
	p.Flush() // a full queue drops them: nobody waits for them
}

// deadLetter sends one message to the dead-letter exchange that its queue had
// when it died. An exchange that does not exist drops it (QUEUE-71).
func (p *Publisher) deadLetter(d *queue.DeadLetter) {
	m, deaths, to, err := p.routeDead(d, p.vh.env.Clock.Now().Unix())
	if err != nil {
		if err != errMalformed { // which was checked when it was published
			p.tellNoDeadLetter(d)
		}
		return
	}
	to.Queues = slices.DeleteFunc(to.Queues, func(q *Queue) bool { return message.IsCycle(q.Name, deaths) })
	if o := p.vh.observer(); o != nil {
		o.DeadLettered(p.vh.Name, d, m, to.Queues, to.Delays, nil)
	}
	p.Pass(m, to)
}

// routeDead makes the message that a dead letter becomes, and finds where it goes. It
// fails where the exchange does not exist, or with errMalformed.
func (p *Publisher) routeDead(d *queue.DeadLetter, died int64) (m *queue.Message, deaths []message.Death, to Route, err error) {
	vh := p.vh
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	x := vh.exchanges[d.Settings.DeadLetterExchange]
	if x == nil {
		return nil, nil, Route{}, refusal.NoExchange(d.Settings.DeadLetterExchange, vh.Name)
	}
	if m, deaths, err = message.NewDeadLetter(d, x.Name, died); err != nil {
		return nil, nil, Route{}, errMalformed
	}
	to, _ = p.findRoute(p.found[:0], x, message.AppendKeys(p.keys[:0], m), m.Props.Headers(), m.Props) // a fault in x-delay is no delay
	p.found = to.Queues
	return m, deaths, to, nil
}

// tellNoDeadLetter tells the observer of a dead letter whose exchange does not exist
// (QUEUE-71).
func (p *Publisher) tellNoDeadLetter(d *queue.DeadLetter) {
	if o := p.vh.observer(); o != nil {
		m := *d.Item.Msg
		m.Exchange, m.Extra = d.Settings.DeadLetterExchange, nil
		o.DeadLettered(p.vh.Name, d, &m, nil, nil, refusal.NoExchange(m.Exchange, p.vh.Name))
	}
}
