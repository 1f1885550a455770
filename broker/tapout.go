package broker

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is what a Tap's verdicts do to what clients are sent: frames that
// are damaged or cut, deliveries and confirms that come late, never, or twice.

// A spoiled is the answer that is to be spoiled: the next one on a channel.
type spoiled struct {
	act     tap.Act
	channel uint16
}

// A mark is something that befalls the writer on its way through an outbox.
type mark struct {
	at    int // before buf[at]
	pause time.Duration
	begun func() // told of the pause; may be nil
	reset bool
}

// errReset ends a connection that a verdict has reset.
var errReset = errors.New("reset by a tap")

// spoil handles a call whose answer is to be spoiled. The answer of a publish is
// its confirm.
func (t *tapped) spoil(act tap.Act, channel uint16, handle func() error) error {
	c := t.c
	c.sendConfirms() // those of publishes before are not meant
	s := &spoiled{act, channel}
	c.out.mu.Lock()
	t.spoiled = s
	c.out.mu.Unlock()
	err := handle()
	if err != nil {
		return err
	}
	c.sendConfirms()
	ch := c.channels[channel]
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if t.spoiled != s || ch != nil && ch.awaiting.Load() > 0 {
		return nil
	}
	t.spoiled = nil
	if act == tap.ActReset && !c.out.finished { // there is no answer to be halved: a heartbeat it is
		c.out.reserve()
		at := len(c.out.buf)
		c.out.buf = amqp.AppendHeartbeat(c.out.buf)
		c.out.spoil(act, at)
		c.out.touch(&c.fx)
	}
	return nil
}

// spoilAnswer spoils the frame at buf[at] if it is the one. Called with the lock
// held.
func (o *outbound) spoilAnswer(channel uint16, at int) {
	if s := o.tapped.spoiled; s != nil && s.channel == channel {
		o.tapped.spoiled = nil
		o.spoil(s.act, at)
	}
}

// spoil damages the frame at buf[at], or has the connection reset amidst it.
func (o *outbox) spoil(act tap.Act, at int) {
	end := at + amqp.FrameHeaderSize + int(binary.BigEndian.Uint32(o.buf[at+3:]))
	switch act {
	case tap.ActReset:
		o.marks = append(o.marks, mark{at: (at + end) / 2, reset: true})
	case tap.ActDamage:
		o.buf[end] = 0
	}
}

// delay makes the writer pause before what is appended next.
func (o *outbox) delay(d time.Duration, begun func()) {
	if d > 0 {
		o.marks = append(o.marks, mark{at: len(o.buf), pause: d, begun: begun})
	}
}

// writeMarked is outbox.write with marks.
func (o *outbound) writeMarked(out *outbox) (sent int64, err error) {
	splices, from := out.splices, 0
	put := func(p []byte) {
		if err == nil && len(p) > 0 {
			var n int
			n, err = o.nc.Write(p)
			sent += int64(n)
		}
	}
	upTo := func(at int) {
		for len(splices) > 0 && splices[0].at <= at {
			put(out.buf[from:splices[0].at])
			put(splices[0].data)
			from, splices = splices[0].at, splices[1:]
		}
		put(out.buf[from:at])
		from = at
	}
	for _, m := range out.marks {
		upTo(m.at)
		if m.pause > 0 {
			o.tapped.wait(m.pause, m.begun)
		}
		if m.reset {
			abort(o.nc)
			return sent, errReset
		}
	}
	upTo(len(out.buf))
	return sent, err
}

// abort closes a connection with a reset, as far as it knows such a thing.
func abort(nc net.Conn) {
	if l, ok := nc.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
	nc.Close()
}

// askAboutDelivery asks the tap about a delivery that the queue has given away.
// Called with the lock held.
func (ch *channel) askAboutDelivery(from, consumerTag string, it *queue.Item) tap.Verdict {
	t := ch.c.tapped
	if t.tap.Decide == nil {
		return tap.Verdict{}
	}
	t.delivery = tap.Call{
		Method: tap.CallDeliver, Peer: t.peer, Channel: ch.id, Exchange: it.Msg.Exchange, Key: it.Msg.Key,
		Queue: from, ConsumerTag: consumerTag, Msg: it.Msg,
	}
	v := t.tap.Decide(&t.delivery)
	t.delivery = tap.Call{}
	return v
}

// deliverAsked is sendDelivery as the tap says; again counts a second delivery
// and returns its tag. Called with the lock held.
func (ch *channel) deliverAsked(
	from, consumerTag string, tag uint64, it *queue.Item, noAck bool, again func(*queue.Item) uint64, fx *queue.Effects,
) {
	c := ch.c
	v := ch.askAboutDelivery(from, consumerTag, it)
	ch.recordDelivery(from, consumerTag, it, noAck, v.Act)
	switch v.Act {
	case tap.ActSwallow:
		return
	case tap.ActCloseChannel, tap.ActCloseConnection:
		c.tapped.breakOff(ch, v)
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
	ch.sendDelivery(consumerTag, tag, it, fx)
	switch v.Act {
	case tap.ActTwice:
		second := *it
		second.Redelivered = true
		ch.recordDelivery(from, consumerTag, &second, noAck, v.Act)
		ch.sendDelivery(consumerTag, again(it), &second, fx)
	case tap.ActReset, tap.ActDamage:
		c.out.spoil(v.Act, at)
	}
}

// breakOff has the reader close the channel or the connection. Called with the
// lock held.
func (t *tapped) breakOff(ch *channel, v tap.Verdict) {
	c := t.c
	if v.Act == tap.ActCloseChannel {
		c.overdue = append(c.overdue, overdue{channel: ch.id, why: v.Refusal()})
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
	return s.count(ghost, &second)
}

// A fate is what becomes of the confirm of one publish.
type fate struct {
	seq     uint64
	act     tap.Act
	delay   time.Duration
	waiting func()
}

// takeFates takes the fates of the publishes that an answer is about.
func (ch *channel) takeFates(to uint64) []fate {
	n := 0
	for n < len(ch.fates) && ch.fates[n].seq <= to {
		n++
	}
	taken := slices.Clone(ch.fates[:n])
	ch.fates = ch.fates[n:]
	return taken
}

// sendSingly is send where a confirm has a fate of its own, or where one before
// was never sent: nothing may cover that one. Called with the lock held.
func (a *answer) sendSingly(nackAll bool, fx *queue.Effects) {
	c, fates := a.ch.c, a.fates
	for seq := a.from + 1; seq <= a.to; seq++ {
		f := fate{seq: seq}
		if len(fates) > 0 && fates[0].seq == seq {
			f, fates = fates[0], fates[1:]
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
			c.out.spoil(f.act, at)
		}
	}
}
