package broker

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is a publish as a Tap sees it, and what it makes of it.

// publishAsked is publish with a Tap.
func (ch *channel) publishAsked(rt *route, m *queue.Message, size uint64) error {
	c := ch.c
	v := c.tapped.ask(ch.publishCall(tap.CallPublish, rt, m))
	c.tapped.pause(v)
	switch v.Act {
	case tap.ActSwallow, tap.ActNack:
		c.flushPublishes()
		c.record.publish(ch, rt, m, v.Act, way{}, nil)
		ch.forgo(v.Act)
		return nil
	case tap.ActCloseChannel, tap.ActCloseConnection:
		e := v.Refusal()
		c.record.publish(ch, rt, m, v.Act, way{}, e)
		return e
	case tap.ActReset, tap.ActDamage:
		return c.tapped.spoil(v.Act, ch.id, func() error { return ch.publishRecorded(rt, m, size, v.Act) })
	case tap.ActBlock:
		err := ch.publishRecorded(rt, m, size, v.Act)
		c.hold(v)
		return err
	case tap.ActDamageBody:
		m.Body = damageBody(m.Body)
	}
	return ch.publishRecorded(rt, m, size, v.Act)
}

func (ch *channel) publishCall(name string, rt *route, m *queue.Message) tap.Call {
	return tap.Call{
		Method: name, Channel: ch.id, Exchange: rt.exchange, Key: rt.key, Msg: m,
		Args: &amqp.BasicPublish{Exchange: rt.exchange, RoutingKey: rt.key, Mandatory: rt.mandatory, Immediate: rt.immediate},
		Find: func() []string { return ch.c.tapped.destinations(rt, m) },
	}
}

// destinations are the queues that a publish is going to reach, the requester of
// a direct reply included.
func (t *tapped) destinations(rt *route, m *queue.Message) []string {
	c := t.c
	c.flushPublishes() // so that nothing of the reader's is in use
	probe := *m
	extra, headers, _ := message.RewriteHeaders(&probe, c.b.profile.ClientDeaths)
	x := c.vhost.Exchange(rt.exchange)
	if x == nil {
		return nil
	}
	p := c.vhost.NewPublisher(topology.FromClient, nil)
	p.Probing()
	to, _ := p.Find(nil, x, append([]string{rt.key}, extra...), headers, m.Props)
	return names(to.Queues)
}

// forgo counts a publish that nothing is done with. A transaction that it was
// nacked in fails (BASIC-86).
func (ch *channel) forgo(act tap.Act) {
	switch ch.mode {
	case modeTx:
		if act == tap.ActNack {
			ch.tx.publishes = append(ch.tx.publishes, txPublish{nacked: true})
		}
	case modeConfirm:
		ch.count()
		if act == tap.ActNack {
			ch.refused(ch.published)
		} else {
			ch.fates = append(ch.fates, fate{seq: ch.published, act: tap.ActSwallow})
		}
	}
}

// publishRecorded is publish with what a verdict adds to it.
func (ch *channel) publishRecorded(rt *route, m *queue.Message, size uint64, act tap.Act) error {
	w, err := ch.check(rt, m, size)
	if act == tap.ActUnroutable {
		w = way{}
	}
	ch.c.record.publish(ch, rt, m, act, w, err)
	if err != nil {
		return err
	}
	ch.accept(m, w, rt.mandatory)
	if ch.mode != modeConfirm {
		return nil
	}
	f := fate{seq: ch.published, act: act}
	if act != tap.ActUnconfirmed {
		v := ch.c.tapped.ask(ch.publishCall(tap.CallConfirm, rt, m))
		f.act, f.delay, f.waiting = v.Act, v.Delay, v.Waiting
		switch v.Act {
		case tap.ActNack:
			ch.refused(ch.published)
		case tap.ActCloseChannel, tap.ActCloseConnection: // instead of the confirm
			ch.fates = append(ch.fates, fate{seq: ch.published, act: tap.ActSwallow})
			return v.Refusal()
		case tap.ActBlock:
			ch.c.hold(v)
		}
	}
	switch {
	case f.act != tap.ActPass || f.delay > 0:
		ch.fates = append(ch.fates, f)
	case ch.unrouted == ch.published && !ch.gap && len(ch.fates) == 0:
		ch.ackUnroutable()
	}
	return nil
}
