package broker

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is direct reply-to: a pseudo-queue that is a channel (BASIC-70 to
// BASIC-80).

// replyTo is the pseudo-queue's name.
const replyTo = "amq.rabbitmq.reply-to"

// A replyConsumer is a channel's consumer of direct replies.
type replyConsumer struct {
	ch   *channel
	tag  string
	name string // the generated, unguessable queue name (BASIC-72)
}

func (r *replyConsumer) hasTag(tag string) bool { return r != nil && r.tag == tag }

// replies knows the requesters of a broker by their generated names.
type replies struct {
	mu     sync.RWMutex
	byName map[string]*replyConsumer
}

func (rs *replies) get(name string) *replyConsumer {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return rs.byName[name]
}

func (rs *replies) set(name string, r *replyConsumer) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r == nil {
		delete(rs.byName, name)
		return
	}
	if rs.byName == nil {
		rs.byName = make(map[string]*replyConsumer)
	}
	rs.byName[name] = r
}

// checkRequester answers a declare: how a responder asks whether the requester lives
// (BASIC-77).
func (ch *channel) checkRequester(name string) error {
	b := ch.c.b
	if r := b.replies.get(name); name == replyTo || r != nil && !(r.ch == ch && b.profile.RepliesAreQueued) {
		return nil
	}
	return topology.NoQueue(name, ch.c.vhost.Name)
}

// isVolatile reports whether a name is the address of a requester that lives, where that
// is a queue (BASIC-78).
func (b *node) isVolatile(name string) bool {
	return b.profile.RepliesAreQueued && strings.HasPrefix(name, replyTo) && b.replies.get(name) != nil
}

// isReplyName reports whether a name is of the form that requesters are given,
// whether or not there is such a requester.
func isReplyName(name string) bool {
	parts, ok := strings.CutPrefix(name, replyTo+".")
	whose, secret, two := strings.Cut(parts, ".")
	isBase64 := func(s string) bool {
		_, err := base64.StdEncoding.DecodeString(s)
		return s != "" && err == nil
	}
	return ok && two && isBase64(whose) && isBase64(secret)
}

// deliver hands a reply to its requester, if there is one still (BASIC-73,
// BASIC-74, BASIC-76). No queue holds replies back, so those to a client that
// does not read at all are dropped in the end.
func (rs *replies) deliver(name string, m *queue.Message, fx *queue.Effects) {
	r := rs.get(name)
	if r == nil {
		return
	}
	c := r.ch.c
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.finished || r.ch.reply != r || c.out.size() > replyWater {
		return
	}
	tag := r.ch.replyTag()
	if c.tapped != nil {
		again := func(*queue.Item) uint64 { return r.ch.replyTag() }
		r.ch.deliverAsked(name, r.tag, tag, &queue.Item{Msg: m}, true, again, fx)
		return
	}
	it := &queue.Item{Msg: m}
	if c.counted.tracer.Load() != nil {
		r.ch.recordDelivery(name, r.tag, it, true, tap.ActPass)
	}
	r.ch.sendDelivery(r.tag, tag, it, fx)
}

// replyTag is the tag of the next reply: the channel's next, which it does not use
// up where replies are no queue's (BASIC-74). Called with the lock held.
func (ch *channel) replyTag() uint64 {
	if !ch.c.b.profile.RepliesAreQueued {
		return ch.tag + 1
	}
	ch.tag++
	return ch.tag
}

// consumeReplies is basic.consume of the pseudo-queue (BASIC-70, BASIC-71).
func (ch *channel) consumeReplies(m *amqp.BasicConsume) error {
	switch {
	case !m.NoAck:
		return amqp.Errorf(amqp.PreconditionFailed, "reply consumer cannot acknowledge")
	case ch.reply != nil:
		return amqp.Errorf(amqp.PreconditionFailed, "reply consumer already set")
	}
	ch.setReply(&replyConsumer{ch: ch, tag: m.ConsumerTag, name: ch.replyName()})
	err := ch.reply0(nil, m.NoWait, &amqp.BasicConsumeOk{ConsumerTag: m.ConsumerTag})
	ch.c.b.replies.set(ch.reply.name, ch.reply)
	return err
}

// replyName makes the address that a requester is given: two parts in base64 with a dot
// between, of which the first says whose it is and the second cannot be guessed
// (BASIC-72).
func (ch *channel) replyName() string {
	whose := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(nil, ch.c.number), ch.id)
	var secret [16]byte
	rand.Read(secret[:]) // never fails
	b64 := base64.StdEncoding
	return replyTo + "." + b64.EncodeToString(whose) + "." + b64.EncodeToString(secret[:])
}

// dropReply ends the channel's reply consumer, if it has one.
func (ch *channel) dropReply() {
	if ch.reply != nil {
		ch.c.b.replies.set(ch.reply.name, nil)
		ch.setReply(nil)
	}
}

// setReply changes the reply consumer: when it returns, none before gets
// anything more.
func (ch *channel) setReply(r *replyConsumer) {
	ch.c.out.mu.Lock()
	defer ch.c.out.mu.Unlock()
	ch.reply = r
}

// bindReplyTo rewrites the reply-to of a request to the channel's generated
// name (BASIC-72).
func (ch *channel) bindReplyTo(m *queue.Message) error {
	if to, ok := m.Props.ReplyTo(); !ok || string(to) != replyTo {
		return nil
	}
	if ch.reply == nil {
		return amqp.Errorf(amqp.PreconditionFailed, "fast reply consumer does not exist")
	}
	var p amqp.Properties
	if err := p.Decode(m.Props); err != nil {
		return amqp.NewInternalError()
	}
	p.ReplyTo = ch.reply.name
	m.Props = p.Append(nil)
	return nil
}
