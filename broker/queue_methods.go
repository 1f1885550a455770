package broker

import (
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// The queue class on a channel: the shorthand for the last queue
// declared, the direct reply-to pseudo-queue, replies and counts.

// queueDeclare is queue.declare.
func (ch *channel) queueDeclare(m *amqp.QueueDeclare) error {
	c := ch.c
	if strings.HasPrefix(m.Queue, replyTo) { // BASIC-77: reports whether the owner lives
		if err := ch.checkRequester(m.Queue); err != nil {
			return err
		}
		ch.lastQueue = m.Queue // QUEUE-4: "" is this one from now on
		return ch.reply0(nil, m.NoWait, &amqp.QueueDeclareOk{Queue: m.Queue, ConsumerCount: 1})
	}
	q, err := c.vhost.DeclareQueue(m, c)
	if err != nil {
		return err
	}
	ch.lastQueue = q.Name // QUEUE-4: "" is this one from now on; QUEUE-5: counts in declare-ok
	if m.NoWait {
		return nil
	}
	if err := c.awaitRecords(); err != nil {
		return err
	}
	messages, consumers := q.DeclaredCounts()
	c.send(ch.id, &amqp.QueueDeclareOk{Queue: q.Name, MessageCount: messages, ConsumerCount: consumers})
	return nil
}

// queueBinding fills in EXCH-26: no queue name is the last one declared, and
// if there is no key either, that name is the key.
func (ch *channel) queueBinding(source, name, key string, args amqp.Table) (topology.Binding, error) {
	resolved, err := ch.queueName(name)
	if name == "" && key == "" {
		key = resolved
	}
	return topology.Binding{Source: source, Destination: resolved, Key: key, Args: args}, err
}

// checkBindable refuses to bind or unbind the pseudo-queue of direct replies
// (EXCH-30).
func (ch *channel) checkBindable(name string) error {
	if ch.c.b.profile.RepliesAreQueued && strings.HasPrefix(name, replyTo+".") {
		return amqp.Errorf(amqp.AccessRefused, "cannot bind or unbind to a volatile (direct reply-to) queue")
	}
	return nil
}

// queueBind is queue.bind.
func (ch *channel) queueBind(m *amqp.QueueBind) error {
	r, err := ch.queueBinding(m.Exchange, m.Queue, m.RoutingKey, m.Arguments)
	if err != nil {
		return err
	}
	if err := ch.checkBindable(r.Destination); err != nil {
		return err
	}
	return ch.reply0(ch.c.vhost.Bind(r, ch.c), m.NoWait, &amqp.QueueBindOk{})
}

// queueUnbind is queue.unbind.
func (ch *channel) queueUnbind(m *amqp.QueueUnbind) error {
	r, err := ch.queueBinding(m.Exchange, m.Queue, m.RoutingKey, m.Arguments)
	if err != nil {
		return err
	}
	if err := ch.checkBindable(r.Destination); err != nil {
		return err
	}
	return ch.reply0(ch.c.vhost.Unbind(r, ch.c), false, &amqp.QueueUnbindOk{})
}

// queuePurge is queue.purge (QUEUE-24, QUEUE-25).
func (ch *channel) queuePurge(m *amqp.QueuePurge) error {
	name, err := ch.queueName(m.Queue)
	if err != nil {
		return err
	}
	if err := topology.MayRead(ch.c, name); err != nil { // PERM-8: read on the queue
		return err
	}
	if ch.c.b.isVolatile(name) {
		return ch.reply0(nil, m.NoWait, &amqp.QueuePurgeOk{})
	}
	q, err := ch.c.vhost.Queue(name, ch.c)
	if err != nil {
		return err
	}
	if err := ch.c.vhost.CheckPurge(q); err != nil {
		return err
	}
	return ch.reply0(nil, m.NoWait, &amqp.QueuePurgeOk{MessageCount: uint32(q.Purge())})
}

// queueDelete is queue.delete (QUEUE-22 to QUEUE-24).
func (ch *channel) queueDelete(m *amqp.QueueDelete) error {
	name, err := ch.queueName(m.Queue)
	if err != nil {
		return err
	}
	n, err := ch.c.vhost.DeleteQueue(name, m.IfUnused, m.IfEmpty, ch.c, &ch.c.fx)
	err = ch.reply0(err, m.NoWait, &amqp.QueueDeleteOk{MessageCount: uint32(n)})
	ch.c.performEffects() // consumers are told after delete-ok (BASIC-35)
	return err
}
