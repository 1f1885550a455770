package broker

import (
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is what a Tap is told: the life of each message.

// tapRecords reports whether a Tap listens.
func (b *node) tapRecords() bool { return b.cfg.Tap != nil && b.cfg.Tap.Record != nil }

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
func (r *recording) publish(ch *channel, rt *route, m *queue.Message, act tap.Act, w way, err error) {
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

// recordOne records what has happened to a message that is known.
func (b *node) recordOne(vhost string, e tap.Event, m *queue.Message) {
	if e.ID = m.Publication(); e.ID != 0 && b.recordsIn(vhost) {
		e.VHost = vhost
		b.record(e)
	}
}

// recordDelivery records a delivery.
func (ch *channel) recordDelivery(from, consumerTag string, it *queue.Item, noAck bool, act tap.Act) {
	c := ch.c
	c.b.recordOne(c.vhost.Name, tap.Event{
		Kind: tap.EventDelivered, Peer: c.record.who(), Channel: ch.id, Queue: from,
		ConsumerTag: consumerTag, NoAck: noAck, Redelivered: it.Redelivered, Act: act,
	}, it.Msg)
}

// settled records what became of deliveries.
func (r *recording) settled(out []unacked, kind tap.EventKind) {
	for i := range out {
		r.n.recordOne(r.vhost(), tap.Event{Kind: kind, Peer: r.who(), Queue: out[i].queue.Name}, out[i].item.Msg)
	}
}

// settledAs are the events of the verdicts.
var settledAs = [...]tap.EventKind{
	verdictAck: tap.EventAcked, verdictRequeue: tap.EventRequeued, verdictFailed: tap.EventRequeued, verdictDrop: tap.EventRejected,
	verdictAckInTx: tap.EventAcked,
}

// recordConfirm records that a channel's publishes from+1 to to are answered.
func (ch *channel) recordConfirm(from, to uint64, nack bool) {
	c := ch.c
	if !c.record.on() {
		return
	}
	e := tap.Event{Kind: tap.EventConfirmed, Peer: c.record.who(), Channel: ch.id, VHost: c.vhost.Name, Seq: from + 1, To: to}
	if nack {
		e.Kind = tap.EventNacked
	}
	c.b.record(e)
}

// tx records the end of a transaction's publishes.
func (r *recording) tx(publishes []txPublish, kind tap.EventKind) {
	for _, p := range publishes {
		if p.msg != nil {
			r.n.recordOne(r.vhost(), tap.Event{Kind: kind, Peer: r.who(), Later: exchangesOf(p.way.Delays)}, p.msg)
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
