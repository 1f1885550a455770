package broker

import (
	"context"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// An interceptor is what a connection of a broker with a Tap has, and asks at five points: at a
// login, a method, a publish, a delivery and a confirm. Without a Tap it is nil, and what is
// asked goes on as it is. The reader owns it but for what is said otherwise.
type interceptor struct {
	c     *conn
	tap   *tap.Tap
	clock delay.Clock
	peer  *tap.Peer
	call  tap.Call        // of the reader
	life  context.Context // done when nothing is to be waited for any more
	hurry context.CancelFunc

	// Guarded by the connection's lock.
	delivery  tap.Call // of deliveries
	suspended bool     // the reader waits: no heartbeat is expected
}

// newTapped is nil without a Tap.
func newTapped(b *node, addr string) *interceptor {
	if b.cfg.Tap == nil {
		return nil
	}
	t := &interceptor{tap: b.cfg.Tap, clock: b.clock, peer: &tap.Peer{ID: b.peers.Add(1), Addr: addr}}
	t.life, t.hurry = context.WithCancel(context.Background())
	return t
}

// listens reports whether there is a Tap.
func (t *interceptor) listens() bool { return t != nil }

// attach gives the connection what a verdict needs of it.
func (t *interceptor) attach(c *conn) {
	if t != nil {
		t.c, c.out.pause, c.out.failed = c, t.wait, t.end
	}
}

// end cuts delays short, those to come too.
func (t *interceptor) end() {
	if t != nil {
		t.hurry()
	}
}

// waiting reports whether the reader waits because of a verdict. Called with the
// connection's lock held.
func (t *interceptor) waiting() bool { return t != nil && t.suspended }

// introduce notes what the connection says of itself.
func (t *interceptor) introduce(user string) {
	if t == nil {
		return
	}
	c := t.c
	p := &tap.Peer{ID: t.peer.ID, Addr: t.peer.Addr, Name: c.name, User: user}
	if c.vhost != nil {
		p.VHost = c.vhost.Name
	}
	t.peer = p
	c.record.known.Store(p)
}

// ask asks the tap about a call of the reader's.
func (t *interceptor) ask(call tap.Call) tap.Verdict {
	if t.tap.Decide == nil {
		return tap.Verdict{}
	}
	t.call = call
	t.call.Peer = t.peer
	v := t.tap.Decide(&t.call)
	t.call = tap.Call{}
	return v
}

// apply carries a verdict on a call out. It is for the calls of a client
// that are answered, on channel 0 too.
func (t *interceptor) apply(v tap.Verdict, channel uint16, handle func() error) error {
	t.pause(v)
	switch v.Act {
	case tap.ActSwallow:
		return nil
	case tap.ActCloseChannel, tap.ActCloseConnection:
		return v.Refusal()
	case tap.ActReset, tap.ActDamage:
		return t.damage(v.Act, channel, handle)
	case tap.ActBlock:
		err := handle()
		t.c.block(v)
		return err
	}
	return handle()
}

// pause makes the reader wait. Nobody is to wait with it.
func (t *interceptor) pause(v tap.Verdict) {
	c := t.c
	if v.Delay <= 0 {
		return
	}
	c.endBatch()
	t.setSuspended(true)
	defer t.setSuspended(false)
	t.wait(v.Delay, v.Waiting)
}

// wait waits on the broker's clock, unless the connection is to end.
func (t *interceptor) wait(d time.Duration, begun func()) {
	over := make(chan struct{})
	timer := t.clock.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	if begun != nil {
		begun()
	}
	select {
	case <-over:
	case <-t.life.Done():
	}
}

func (t *interceptor) setSuspended(suspended bool) {
	c := t.c
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	t.suspended = suspended
}

// connect has the protocol header answered.
func (t *interceptor) connect(greet func() error) error {
	if t == nil {
		return greet()
	}
	return t.apply(t.ask(tap.Call{Method: tap.CallConnect}), 0, greet)
}

// login logs a client in. A tap may refuse it.
func (t *interceptor) login(hs *handshake, creds access.Credentials) error {
	if t == nil {
		return hs.login(creds)
	}
	t.introduce(creds.User)
	v := t.ask(tap.Call{Method: tap.CallLogin})
	return t.apply(v, 0, func() error {
		if v.Act == tap.ActRefuse {
			return hs.refuseLogin(creds.User, creds.Mechanism, v.Text)
		}
		return hs.login(creds)
	})
}

// method0 has a method on channel 0 handled.
func (t *interceptor) method0(m amqp.Method, handle func(amqp.Method) error) error {
	if t == nil {
		return handle(m)
	}
	return t.apply(t.ask(tap.Call{Method: m.ID().String(), Args: m}), 0, func() error { return handle(m) })
}

// method has a method on a channel handled.
func (t *interceptor) method(ch *channel, m amqp.Method, handle func(*channel, amqp.Method) error) error {
	if t == nil {
		return handle(ch, m)
	}
	return t.apply(t.ask(ch.call(m)), ch.id, func() error { return handle(ch, m) })
}

// call describes a method on a channel.
func (ch *channel) call(m amqp.Method) tap.Call {
	call := tap.Call{Method: m.ID().String(), Channel: ch.id, Args: m}
	switch m := m.(type) {
	case *amqp.ExchangeDeclare:
		call.Exchange = m.Exchange
	case *amqp.ExchangeDelete:
		call.Exchange = m.Exchange
	case *amqp.ExchangeBind:
		call.Exchange, call.Key = m.Source, m.RoutingKey
	case *amqp.ExchangeUnbind:
		call.Exchange, call.Key = m.Source, m.RoutingKey
	case *amqp.QueueBind:
		call.Exchange, call.Key, call.Queue = m.Exchange, m.RoutingKey, m.Queue
	case *amqp.QueueUnbind:
		call.Exchange, call.Key, call.Queue = m.Exchange, m.RoutingKey, m.Queue
	case *amqp.QueueDeclare:
		call.Queue = m.Queue
	case *amqp.QueuePurge:
		call.Queue = m.Queue
	case *amqp.QueueDelete:
		call.Queue = m.Queue
	case *amqp.BasicGet:
		call.Queue = m.Queue
	case *amqp.BasicConsume:
		call.Queue, call.ConsumerTag = m.Queue, m.ConsumerTag
	case *amqp.BasicCancel:
		call.ConsumerTag = m.ConsumerTag
		call.Find = func() []string { return ch.consumerQueue(m.ConsumerTag) }
	case *amqp.BasicAck:
		call.Find = func() []string { return ch.heldQueues(m.DeliveryTag, m.Multiple) }
	case *amqp.BasicNack:
		call.Find = func() []string { return ch.heldQueues(m.DeliveryTag, m.Multiple) }
	case *amqp.BasicReject:
		call.Find = func() []string { return ch.heldQueues(m.DeliveryTag, false) }
	}
	return call
}

// consumerQueue is the queue of a consumer.
func (h *consumeHalf) consumerQueue(tag string) []string {
	h.c.out.mu.Lock()
	defer h.c.out.mu.Unlock()
	if s := h.consumers[tag]; s != nil {
		return []string{s.from.Name}
	}
	return nil
}

// heldQueues are the queues of the unacked deliveries that an acknowledgement
// settles.
func (h *consumeHalf) heldQueues(tag uint64, multiple bool) (names []string) {
	h.c.out.mu.Lock()
	defer h.c.out.mu.Unlock()
	for u := range h.unacked.All() {
		hit := u.Tag == tag || multiple && (u.Tag < tag || tag == 0)
		if hit && !slices.Contains(names, u.Queue.Name) {
			names = append(names, u.Queue.Name)
		}
	}
	return names
}

// publish takes one whole message.
func (t *interceptor) publish(h *publishHalf, rt *route, m *queue.Message, size uint64) error {
	if t == nil {
		return h.publish(rt, m, size)
	}
	c := t.c
	v := t.ask(h.publishCall(tap.CallPublish, rt, m))
	t.pause(v)
	switch v.Act {
	case tap.ActSwallow, tap.ActNack:
		c.flushPublishes()
		c.record.publish(h.ch, rt, m, v.Act, routing{}, nil)
		h.forgo(v.Act)
		return nil
	case tap.ActCloseChannel, tap.ActCloseConnection:
		e := v.Refusal()
		c.record.publish(h.ch, rt, m, v.Act, routing{}, e)
		return e
	case tap.ActReset, tap.ActDamage:
		return t.damage(v.Act, h.ch.id, func() error { return h.publishRecorded(rt, m, size, v.Act) })
	case tap.ActBlock:
		err := h.publishRecorded(rt, m, size, v.Act)
		c.block(v)
		return err
	case tap.ActDamageBody:
		m.Body = damageBody(m.Body)
	}
	return h.publishRecorded(rt, m, size, v.Act)
}

func (h *publishHalf) publishCall(name string, rt *route, m *queue.Message) tap.Call {
	return tap.Call{
		Method: name, Channel: h.ch.id, Exchange: rt.exchange, Key: rt.key, Msg: m,
		Args: &amqp.BasicPublish{Exchange: rt.exchange, RoutingKey: rt.key, Mandatory: rt.mandatory, Immediate: rt.immediate},
		Find: func() []string { return h.c.tapped.destinations(rt, m) },
	}
}

// destinations are the queues that a publish is going to reach, the requester of
// a direct reply included.
func (t *interceptor) destinations(rt *route, m *queue.Message) []string {
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
func (h *publishHalf) forgo(act tap.Act) {
	switch h.ch.mode {
	case modeTx:
		if act == tap.ActNack {
			h.ch.tx.publishes = append(h.ch.tx.publishes, txPublish{nacked: true})
		}
	case modeConfirm:
		h.numberPublish()
		if act == tap.ActNack {
			h.refused(h.published)
		} else {
			h.confirmFaults = append(h.confirmFaults, confirmFault{seq: h.published, act: tap.ActSwallow})
		}
	}
}

// publishRecorded is publish with what a verdict adds to it.
func (h *publishHalf) publishRecorded(rt *route, m *queue.Message, size uint64, act tap.Act) error {
	w, err := h.check(rt, m, size)
	if act == tap.ActUnroutable {
		w = routing{}
	}
	h.c.record.publish(h.ch, rt, m, act, w, err)
	if err != nil {
		return err
	}
	h.accept(m, w, rt.mandatory)
	if h.ch.mode != modeConfirm {
		return nil
	}
	f := confirmFault{seq: h.published, act: act}
	if act != tap.ActUnconfirmed {
		v := h.c.tapped.ask(h.publishCall(tap.CallConfirm, rt, m))
		f.act, f.delay, f.waiting = v.Act, v.Delay, v.Waiting
		switch v.Act {
		case tap.ActNack:
			h.refused(h.published)
		case tap.ActCloseChannel, tap.ActCloseConnection: // instead of the confirm
			h.confirmFaults = append(h.confirmFaults, confirmFault{seq: h.published, act: tap.ActSwallow})
			return v.Refusal()
		case tap.ActBlock:
			h.c.block(v)
		}
	}
	switch {
	case f.act != tap.ActPass || f.delay > 0:
		h.confirmFaults = append(h.confirmFaults, f)
	case h.unrouted == h.published && !h.gap && len(h.confirmFaults) == 0:
		h.ackUnroutable()
	}
	return nil
}

// confirmUnroutable acks a publish that no queue has, unless a tap is asked about that first.
func (t *interceptor) confirmUnroutable(h *publishHalf) {
	if t == nil {
		h.ackUnroutable()
	}
}
