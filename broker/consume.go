package broker

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/internal/unacked"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
)

// This file consumes, cancels, gets and sets qos (BASIC-24 to BASIC-53).

// consume is basic.consume. consume-ok goes out before the queue may offer
// anything (BASIC-26).
func (h *consumeHalf) consume(m *amqp.BasicConsume) error {
	c := h.c
	name, err := h.ch.queueName(m.Queue)
	if err != nil { // QUEUE-4: 404 without a last queue
		return err
	}
	c.out.mu.Lock()
	_, used := h.consumers[m.ConsumerTag]
	n := len(h.consumers)
	c.out.mu.Unlock()
	if used { // BASIC-25; a reply consumer's tag is not taken
		return amqp.Errorf(amqp.NotAllowed, "attempt to reuse consumer tag '%s'", m.ConsumerTag)
	}
	if limit := c.b.cfg.MaxConsumers; reached(limit, n) { // BASIC-33: 530 for too many consumers
		return amqp.Errorf(amqp.NotAllowed, "reached maximum (%d) of consumers per channel", max(0, limit))
	}
	if m.ConsumerTag == "" { // BASIC-24: a tag of the server
		m.ConsumerTag = topology.GeneratedName("amq.ctag-")
	}
	if name == replyTo {
		return h.consumeReplies(m)
	}
	if err := topology.MayRead(c, name); err != nil { // PERM-8: read on the queue
		return err
	}
	if c.b.isVolatile(name) { // BASIC-78: nobody gets from a reply address
		return amqp.Errorf(amqp.PreconditionFailed, "only creator channel may consume from %s", refusal.QueueText(name, c.vhost.Name))
	}
	q, err := c.vhost.Queue(name, c)
	if err != nil { // BASIC-28: 404, or 405 for an exclusive one
		return err
	}
	priority, err := c.vhost.CheckConsume(q, topology.ConsumerRequest{
		Args: m.Arguments, Prefetch: h.prefetch, GlobalPrefetch: h.shared.limit > 0, NoAck: m.NoAck, // set by the reader alone
	})
	if err != nil {
		return err
	}
	s := &consumer{
		ch: h.ch, from: q, tag: m.ConsumerTag, args: m.Arguments, prefetch: h.prefetch, timeout: profile.ConsumerTimeout(m.Arguments),
	}
	s.Subscription = queue.Subscription{
		Receiver: s, Lock: &c.out.mu, Tag: s.tag, Priority: priority, NoAck: m.NoAck, Exclusive: m.Exclusive, Args: m.Arguments,
	}
	if err := c.vhost.Subscribe(q, &s.Subscription); err != nil {
		return err
	}
	if !s.announce(m.NoWait) {
		return refusal.NoQueue(name, c.vhost.Name)
	}
	c.b.events.Consumes(describing(c), s.describe())
	q.Unpark(&s.Subscription, &c.fx)
	return nil
}

// announce registers a subscribed consumer and sends consume-ok. False means
// that the queue has been deleted meanwhile.
func (s *consumer) announce(noWait bool) bool {
	ch, c := s.ch, s.ch.c
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if s.cancelled {
		return false
	}
	if ch.consumers == nil {
		ch.consumers = make(map[string]*consumer)
	}
	ch.consumed++
	s.number = ch.consumed
	ch.consumers[s.tag] = s
	if !noWait {
		c.out.appendMethod(ch.id, &amqp.BasicConsumeOk{ConsumerTag: s.tag}, &c.fx)
	}
	return true
}

// cancel is basic.cancel (BASIC-27).
func (h *consumeHalf) cancel(m *amqp.BasicCancel) error {
	c := h.c
	if h.reply.hasTag(m.ConsumerTag) { // BASIC-79: even if a consumer of a queue has the tag too
		h.dropReply()
	} else {
		h.cancelConsumer(m.ConsumerTag)
	}
	err := h.ch.reply0(nil, m.NoWait, &amqp.BasicCancelOk{ConsumerTag: m.ConsumerTag})
	c.performEffects()
	return err
}

// cancelConsumer ends a consumer of a queue, if there is one with this tag.
func (h *consumeHalf) cancelConsumer(tag string) {
	c := h.c
	c.out.mu.Lock()
	s := h.consumers[tag]
	delete(h.consumers, tag)
	if s != nil {
		s.cancelled = true
	}
	c.out.mu.Unlock()
	if s != nil {
		c.b.events.ConsumesNoMore(describing(c), s.describe(), c.identity.User)
		s.from.Unsubscribe(&s.Subscription, &c.fx)
	}
}

// cancelAnswered is a basic.cancel-ok, which a client may send for a basic.cancel
// of the broker's. It cancels the consumer; one that is not there is more than
// RabbitMQ can bear (BASIC-34).
func (h *consumeHalf) cancelAnswered(tag string) error {
	h.c.out.mu.Lock()
	known := h.consumers[tag] != nil
	h.c.out.mu.Unlock()
	if !known {
		return amqp.NewInternalError()
	}
	h.cancelConsumer(tag)
	h.c.performEffects()
	return nil
}

// get is basic.get (BASIC-51 to BASIC-53).
func (h *consumeHalf) get(m *amqp.BasicGet) error {
	c := h.c
	name, err := h.ch.queueName(m.Queue)
	if err != nil {
		return err
	}
	if err := topology.MayRead(c, name); err != nil { // PERM-8: read on the queue
		return err
	}
	if c.b.isVolatile(name) { // BASIC-78: nobody gets from a reply address
		return amqp.Errorf(amqp.NotImplemented, "basic.get not supported by volatile %s", refusal.QueueText(name, c.vhost.Name))
	}
	q, err := c.vhost.Queue(name, c)
	if err != nil {
		return err
	}
	if err := c.vhost.CheckGet(q); err != nil {
		return err
	}
	it, left, ok := q.Get(m.NoAck, &c.fx)
	if ok && c.record.on() {
		h.recordDelivery(q.Name, "", &it, m.NoAck, tap.ActPass)
	}
	if ok && c.counted.firehose.on.Load() {
		h.traceDelivery(q.Name, &it)
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if !ok {
		h.ch.stats.messages.GetEmpty++
		c.out.appendMethod(h.ch.id, &amqp.BasicGetEmpty{}, &c.fx)
		return nil
	}
	h.tag++
	h.ch.stats.countGet(m.NoAck, it.Redelivered)
	if !m.NoAck {
		h.unacked.Push(unacked.Delivery[consumer]{Tag: h.tag, Queue: q, Item: it})
		c.b.acks.arm()
	}
	c.out.appendMethod(h.ch.id, &amqp.BasicGetOk{
		DeliveryTag: h.tag, Redelivered: it.Redelivered,
		Exchange: it.Msg.Exchange, RoutingKey: it.Msg.Key, MessageCount: uint32(left),
	}, &c.fx)
	got := *it.Msg
	got.Props = deliveredProps(&it)
	c.out.appendContent(h.ch.id, &got)
	return nil
}

// qos is basic.qos in both of RabbitMQ's meanings (BASIC-43 to BASIC-47).
func (h *consumeHalf) qos(m *amqp.BasicQos) error {
	if m.PrefetchSize != 0 { // BASIC-43: no prefetch-size
		return amqp.Errorf(amqp.NotImplemented, "prefetch_size!=0 (%d)", m.PrefetchSize)
	}
	c := h.c
	c.out.mu.Lock()
	if m.Global && c.b.profile.GlobalQos { // BASIC-48: taken for a plain one from 4.3
		h.setShared(int(m.PrefetchCount))
	} else {
		h.prefetch = int(m.PrefetchCount)
		h.setShared(0) // BASIC-46: the shared limit ends
	}
	c.listParked(h.ch)
	c.out.mu.Unlock()
	c.unparkTogether()
	c.send(h.ch.id, &amqp.BasicQosOk{})
	return nil
}

// setShared changes the shared limit. One newly set counts what is unacked already,
// and what basic.get holds of that for good, even when it is settled (BASIC-47).
// Called with the lock held.
func (h *consumeHalf) setShared(limit int) {
	newly := h.shared.limit == 0 && limit > 0
	h.shared.limit = limit
	if !newly {
		return
	}
	h.shared.out = 0
	h.unacked.Share(func(u *unacked.Delivery[consumer]) bool { return u.Consumer != nil })
	h.shared.out = h.unacked.Len()
}

// queueName resolves the shorthand for the last queue declared (QUEUE-4).
func (ch *channel) queueName(name string) (string, error) {
	if name != "" {
		return name, nil
	}
	if ch.lastQueue == "" {
		return "", amqp.Errorf(amqp.NotFound, "no previously declared queue")
	}
	return ch.lastQueue, nil
}
