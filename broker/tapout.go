package broker

import (
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/internal/unacked"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
)

// What a Tap's verdicts do to what clients are sent: frames that
// are damaged or cut, deliveries and confirms that come late, never, or twice.

// damage handles a call and has its answer damaged. The answer of a publish is
// its confirm.
func (t *interceptor) damage(act tap.Act, channel uint16, handle func() error) error {
	c := t.c
	c.sendConfirms() // those of publishes before are not meant
	s := &answerFault{act, channel}
	c.out.mu.Lock()
	c.out.answerFault = s
	c.out.mu.Unlock()
	err := handle()
	if err != nil {
		return err
	}
	c.sendConfirms()
	ch := c.channels[channel]
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.answerFault != s || ch != nil && ch.awaiting.Load() > 0 {
		return nil
	}
	c.out.answerFault = nil
	if act == tap.ActReset && !c.out.finished { // there is no answer to be halved: a heartbeat it is
		c.out.reserve()
		at := len(c.out.buf)
		c.out.buf = amqp.AppendHeartbeat(c.out.buf)
		c.out.damage(act, at)
		c.out.touch(&c.fx)
	}
	return nil
}

// A handover is one delivery: from what queue, to whom, under which tag.
type handover struct {
	to          interface{ again(it *queue.Item) uint64 } // counts a second delivery and returns its tag
	from        string
	consumerTag string
	tag         uint64
	noAck       bool
}

// askAboutDelivery asks the tap about a delivery that the queue has given away.
// Called with the lock held.
func (t *interceptor) askAboutDelivery(h *consumeHalf, d *handover, it *queue.Item) tap.Verdict {
	if t.tap.Decide == nil {
		return tap.Verdict{}
	}
	t.delivery = tap.Call{
		Method: tap.CallDeliver, Peer: t.peer, Channel: h.ch.id, Exchange: it.Msg.Exchange, Key: it.Msg.Key,
		Queue: d.from, ConsumerTag: d.consumerTag, Msg: it.Msg,
	}
	v := t.tap.Decide(&t.delivery)
	t.delivery = tap.Call{}
	return v
}

// deliver sends a delivery, as the tap says. Called with the lock held.
func (t *interceptor) deliver(h *consumeHalf, d handover, it *queue.Item, fx *queue.Effects) {
	c := h.c
	if t == nil {
		if c.counted.tracer.Load() != nil {
			h.recordDelivery(d.from, d.consumerTag, it, d.noAck, tap.ActPass)
		}
		h.sendDelivery(d.consumerTag, d.tag, it, fx)
		return
	}
	v := t.askAboutDelivery(h, &d, it)
	h.recordDelivery(d.from, d.consumerTag, it, d.noAck, v.Act)
	switch v.Act {
	case tap.ActSwallow:
		return
	case tap.ActCloseChannel, tap.ActCloseConnection:
		t.breakOff(h.ch, v)
		return
	case tap.ActDamageBody:
		damaged := *it.Msg
		damaged.Body = damageBody(it.Msg.Body)
		spare := *it
		spare.Msg = &damaged
		it = &spare
	}
	c.out.reserve()
	c.out.delay(v.Delay, v.Waiting)
	at := len(c.out.buf)
	h.sendDelivery(d.consumerTag, d.tag, it, fx)
	switch v.Act {
	case tap.ActTwice:
		second := *it
		second.Redelivered = true
		h.recordDelivery(d.from, d.consumerTag, &second, d.noAck, v.Act)
		h.sendDelivery(d.consumerTag, d.to.again(it), &second, fx)
	case tap.ActReset, tap.ActDamage:
		c.out.damage(v.Act, at)
	}
}

// breakOff has the reader close the channel or the connection. Called with the
// lock held.
func (t *interceptor) breakOff(ch *channel, v tap.Verdict) {
	c := t.c
	if v.Act == tap.ActCloseChannel {
		c.overdue = append(c.overdue, overdueChannel{channel: ch.id, why: v.Refusal()})
	} else if c.forced == nil {
		c.forced, c.over = v.Refusal(), true
	}
	c.interrupt()
}

// damageBody is a body with its first byte changed.
func damageBody(body []byte) []byte {
	damaged := slices.Clone(body)
	if len(damaged) > 0 {
		damaged[0] ^= 0xff
	}
	return damaged
}

// again counts a second delivery of an item. Its queue is one that has been
// deleted, so that nothing comes of settling it, or of returning it. Called with
// the lock held.
func (s *consumer) again(it *queue.Item) uint64 {
	ghost := s.ch.c.vhost.DeletedQueue(s.from.Name)
	second := *it
	second.Stored = false
	return s.assignTag(ghost, &second)
}

// A confirmFault is what a verdict does to the confirm of one publish.
type confirmFault struct {
	seq     uint64
	act     tap.Act
	delay   time.Duration
	waiting func()
}

// takeConfirmFaults takes those of the publishes that an answer is about.
func (h *publishHalf) takeConfirmFaults(to uint64) []confirmFault {
	n := 0
	for n < len(h.confirmFaults) && h.confirmFaults[n].seq <= to {
		n++
	}
	taken := slices.Clone(h.confirmFaults[:n])
	h.confirmFaults = h.confirmFaults[n:]
	return taken
}

// sendSingly is send where a confirm has a fault of its own, or where one before
// was never sent: nothing may cover that one. Called with the lock held.
func (a *answer) sendSingly(nackAll bool, fx *queue.Effects) {
	c, confirmFaults := a.ch.c, a.confirmFaults
	for seq := a.from + 1; seq <= a.to; seq++ {
		f := confirmFault{seq: seq}
		if len(confirmFaults) > 0 && confirmFaults[0].seq == seq {
			f, confirmFaults = confirmFaults[0], confirmFaults[1:]
		}
		if f.act == tap.ActSwallow || f.act == tap.ActUnconfirmed {
			a.ch.gap = true
			continue
		}
		c.out.reserve()
		c.out.delay(f.delay, f.waiting)
		at := len(c.out.buf)
		nack := nackAll || slices.Contains(a.nacks, seq)
		if nack {
			c.out.appendMethod(a.ch.id, &amqp.BasicNack{DeliveryTag: seq}, fx)
		} else {
			c.out.appendMethod(a.ch.id, &amqp.BasicAck{DeliveryTag: seq}, fx)
		}
		a.ch.recordConfirm(seq-1, seq, nack)
		if (f.act == tap.ActReset || f.act == tap.ActDamage) && len(c.out.buf) > at {
			c.out.damage(f.act, at)
		}
	}
}

// number gives a message the number of its publication.
func number(m *queue.Message, id uint64) {
	if id == m.Publication() {
		return
	}
	extra := queue.Extra{}
	if m.Extra != nil { // it may be another message's too
		extra = *m.Extra
	}
	extra.ID = id
	m.Extra = &extra
}

func names(queues []*topology.Queue) []string {
	list := make([]string, len(queues))
	for i, q := range queues {
		list[i] = q.Name
	}
	return list
}

// publish records a client's publish, before it goes anywhere.
func (r *recording) publish(ch *channel, rt *route, m *queue.Message, act tap.Act, w routing, err error) {
	if !r.on() {
		return
	}
	e := tap.Event{
		Kind: tap.EventPublished, Peer: r.who(), Channel: ch.id, Msg: m, VHost: r.vhost(),
		Queues: names(w.Queues), Requester: w.requester, Later: exchangesOf(w.Delays), Mandatory: rt.mandatory,
		Act: act, Err: err,
	}
	strict := slices.ContainsFunc(w.Delays, func(p topology.Delay) bool { return p.Strict })
	dropped := act == tap.ActSwallow || act == tap.ActNack || err != nil
	e.Tx = ch.mode == modeTx && !dropped
	e.Returned = rt.mandatory && len(w.Queues) == 0 && w.requester == "" && len(w.copied) == 0 && !strict && !dropped
	if ch.mode == modeConfirm && err == nil {
		e.Seq = ch.published + 1
	}
	number(m, r.n.record(e))
}

func exchangesOf(list []topology.Delay) (names []string) {
	for _, p := range list {
		names = append(names, p.Exchange())
	}
	return names
}

// recordDelivery records a delivery.
func (h *consumeHalf) recordDelivery(from, consumerTag string, it *queue.Item, noAck bool, act tap.Act) {
	c := h.c
	c.b.recordOne(c.vhost.Name, tap.Event{
		Kind: tap.EventDelivered, Peer: c.record.who(), Channel: h.ch.id, Queue: from,
		ConsumerTag: consumerTag, NoAck: noAck, Redelivered: it.Redelivered, Act: act,
	}, it.Msg)
}

// settled records how deliveries were settled.
func (r *recording) settled(out []unacked.Delivery[consumer], kind tap.EventKind) {
	for i := range out {
		r.n.recordOne(r.vhost(), tap.Event{Kind: kind, Peer: r.who(), Queue: out[i].Queue.Name}, out[i].Item.Msg)
	}
}

// settledAs are the events of the verdicts.
var settledAs = [...]tap.EventKind{
	verdictAck: tap.EventAcked, verdictRequeue: tap.EventRequeued, verdictFailed: tap.EventRequeued, verdictDrop: tap.EventRejected,
	verdictAckInTx: tap.EventAcked,
}

// recordConfirm records that a channel's publishes from+1 to to are answered.
func (h *publishHalf) recordConfirm(from, to uint64, nack bool) {
	c := h.c
	if !c.record.on() {
		return
	}
	e := tap.Event{Kind: tap.EventConfirmed, Peer: c.record.who(), Channel: h.ch.id, VHost: c.vhost.Name, Seq: from + 1, To: to}
	if nack {
		e.Kind = tap.EventNacked
	}
	c.b.record(e)
}

// tx records the end of a transaction's publishes.
func (r *recording) tx(publishes []txPublish, kind tap.EventKind) {
	for _, p := range publishes {
		if p.msg != nil {
			r.n.recordOne(r.vhost(), tap.Event{Kind: kind, Peer: r.who(), Later: exchangesOf(p.routing.Delays)}, p.msg)
		}
	}
}

// A recorder tells a Tap, and traces, what virtual hosts do by themselves.
type recorder struct{ b *node }

// Listens reports whether somebody wants to know.
func (r recorder) Listens(vhost string) bool { return r.b.recordsIn(vhost) }

// DeadLettered records the publish of a dead letter.
func (r recorder) DeadLettered(
	vhost string, d *queue.DeadLetter, m *queue.Message, queues []*topology.Queue, delays []topology.Delay, err error,
) {
	id := r.b.record(tap.Event{
		Kind: tap.EventPublished, Msg: m, VHost: vhost, Queues: names(queues), Later: exchangesOf(delays),
		Of: d.Item.Msg.Publication(), Reason: d.Reason, Queue: d.Queue, Err: err,
	})
	if err == nil {
		number(m, id)
	}
}

// Due records where a message has gone that a delayed exchange has kept.
func (r recorder) Due(vhost, exchange string, m *queue.Message, queues []*topology.Queue) {
	r.b.recordOne(vhost, tap.Event{Kind: tap.EventDue, Exchange: exchange, Queues: names(queues)}, m)
}

// Cancelled records a delay that comes to nothing.
func (r recorder) Cancelled(vhost, exchange string, publication uint64, why queue.Reason) {
	r.b.record(tap.Event{Kind: tap.EventCancelled, ID: publication, VHost: vhost, Exchange: exchange, Reason: why})
}

// Refused records a message that a full queue has rejected.
func (r recorder) Refused(vhost string, client any, queue string, m *queue.Message) {
	e := tap.Event{Kind: tap.EventRefused, Queue: queue}
	if c, ok := client.(*conn); ok {
		e.Peer = c.record.who()
	}
	r.b.recordOne(vhost, e, m)
}

// Gone records that a message has left a queue for no client.
func (r recorder) Gone(vhost, name string, m *queue.Message, why queue.Reason) {
	if why != queue.Rejected { // which is a client's doing, and recorded as such
		r.b.recordOne(vhost, tap.Event{Kind: tap.EventGone, Queue: name, Reason: why}, m)
	}
}
