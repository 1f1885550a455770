package broker

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/queue"
)

// Direct reply-to: a pseudo-queue that is a channel (BASIC-70 to
// BASIC-80).

// A replyConsumer is a channel's consumer of direct replies.
type replyConsumer struct {
	ch   *channel
	tag  string
	name string // the generated, unguessable queue name (BASIC-72)
}

func (r *replyConsumer) hasTag(tag string) bool { return r != nil && r.tag == tag }

// checkRequester answers a declare: how a responder asks whether the requester lives
// (BASIC-77).
func (ch *channel) checkRequester(name string) error {
	b := ch.c.b
	if r := b.replies.get(name); name == replyTo || r != nil && !(r == requester(ch.reply) && b.profile.RepliesAreQueued) {
		return nil
	}
	return refusal.NoQueue(name, ch.c.vhost.Name)
}

// replyTag is the tag of the next reply: the channel's next, which it does not use
// up where replies are no queue's (BASIC-74). Called with the lock held.
func (h *consumeHalf) replyTag() uint64 {
	if !h.c.b.profile.RepliesAreQueued {
		return h.tag + 1
	}
	h.tag++
	return h.tag
}

// consumeReplies is basic.consume of the pseudo-queue (BASIC-70, BASIC-71).
func (h *consumeHalf) consumeReplies(m *amqp.BasicConsume) error {
	switch {
	case !m.NoAck:
		return amqp.Errorf(amqp.PreconditionFailed, "reply consumer cannot acknowledge")
	case h.reply != nil:
		return amqp.Errorf(amqp.PreconditionFailed, "reply consumer already set")
	}
	h.setReply(&replyConsumer{ch: h.ch, tag: m.ConsumerTag, name: h.replyName()})
	err := h.ch.reply0(nil, m.NoWait, &amqp.BasicConsumeOk{ConsumerTag: m.ConsumerTag})
	h.c.b.replies.set(h.reply.name, h.reply)
	return err
}

// replyName makes the address that a requester is given: two parts in base64 with a dot
// between, of which the first says whose it is and the second cannot be guessed
// (BASIC-72).
func (h *consumeHalf) replyName() string {
	whose := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(nil, h.c.number), h.ch.id)
	var secret [16]byte
	rand.Read(secret[:]) // never fails
	b64 := base64.StdEncoding
	return replyTo + "." + b64.EncodeToString(whose) + "." + b64.EncodeToString(secret[:])
}

// dropReply ends the channel's reply consumer, if it has one.
func (h *consumeHalf) dropReply() {
	if h.reply != nil {
		h.c.b.replies.set(h.reply.name, nil)
		h.setReply(nil)
	}
}

// setReply changes the reply consumer: when it returns, none before gets
// anything more.
func (h *consumeHalf) setReply(r *replyConsumer) {
	h.c.out.mu.Lock()
	defer h.c.out.mu.Unlock()
	h.reply = r
}

// bindReplyTo rewrites the reply-to of a request to the channel's generated
// name (BASIC-72).
func (h *publishHalf) bindReplyTo(m *queue.Message) error {
	if to, ok := m.Props.ReplyTo(); !ok || string(to) != replyTo {
		return nil
	}
	if h.ch.reply == nil {
		return amqp.Errorf(amqp.PreconditionFailed, "fast reply consumer does not exist")
	}
	var p amqp.Properties
	if err := p.Decode(m.Props); err != nil {
		return amqp.NewInternalError()
	}
	p.ReplyTo = h.ch.reply.name
	m.Props = p.Append(nil)
	return nil
}

// take sends a reply to the requester, if it still wants any (BASIC-74, BASIC-76). No queue
// holds replies back, so those to a client that does not read at all are dropped in the end.
func (r *replyConsumer) take(m *queue.Message, fx *queue.Effects) {
	c := r.ch.c
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.finished || r.ch.reply != r || c.out.size() > replyWater {
		return
	}
	tag := r.ch.replyTag()
	c.tapped.deliver(&r.ch.consumeHalf, handover{r, r.name, r.tag, tag, true}, &queue.Item{Msg: m}, fx)
}

// again counts a second delivery of a reply. Called with the lock held.
func (r *replyConsumer) again(*queue.Item) uint64 { return r.ch.replyTag() }
