package broker

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// This file publishes: the checks in RabbitMQ's order (BASIC-1), the route,
// and returns (BASIC-2 to BASIC-12).

// A route is one set of basic.publish arguments and, while the topology does
// not change, the queues that it leads to.
type route struct {
	exchange, key        string
	mandatory, immediate bool

	known  bool // queues is valid while the virtual host's generation is gen
	gen    uint64
	queues []*queue.Queue
}

// maxRoutes is the number of routes that a connection remembers.
const maxRoutes = 1024

// beginPublish handles the method; the content follows.
func (c *conn) beginPublish(ch *channel, args []byte) error {
	rt := ch.lastRoute
	if rt == nil || !bytes.Equal(args, ch.lastArgs) {
		if rt = c.routes[string(args)]; rt == nil {
			var m amqp.BasicPublish
			if err := decodeMethod(&m, args); err != nil {
				return err
			}
			rt = &route{exchange: m.Exchange, key: m.RoutingKey, mandatory: m.Mandatory, immediate: m.Immediate}
			if c.routes == nil || len(c.routes) >= maxRoutes {
				c.routes = make(map[string]*route)
			}
			c.routes[string(args)] = rt
		}
		ch.lastArgs, ch.lastRoute = append(ch.lastArgs[:0], args...), rt
	}
	ch.content.route, ch.content.phase = rt, contentHeader
	return nil
}

// publish takes one whole message (CONN-56). The size is the body's, which is
// not in m if it is too large.
func (ch *channel) publish(rt *route, m *queue.Message, size uint64) error {
	w, err := ch.check(rt, m, size)
	if err != nil {
		return err
	}
	ch.accept(m, w, rt.mandatory)
	return nil
}

// A way is where a message goes: to queues, to a direct reply-to consumer, or to
// delayed exchanges that keep it.
type way struct {
	queues    []*queue.Queue
	requester string
	later     []postponement
}

// check is all that a publish can fail for. It returns what prepare does.
func (ch *channel) check(rt *route, m *queue.Message, size uint64) (way, error) {
	if rt.immediate { // BASIC-2
		return way{}, refuse(amqp.NotImplemented, "immediate=true")
	}
	if ch.mode == modeTx {
		if err := ch.checkTxSize(); err != nil {
			return way{}, err
		}
	}
	if err := ch.c.b.cfg.checkSize(size); err != nil {
		return way{}, err
	}
	return ch.prepare(rt, m)
}

// accept takes a routed message, to be passed on now or with the transaction.
func (ch *channel) accept(m *queue.Message, w way, mandatory bool) {
	if len(w.later) > 0 {
		w.later = ch.postpone(m, w.later)
	}
	switch ch.mode {
	case modeTx:
		ch.tx.publish(m, w, mandatory)
		return
	case modeConfirm:
		ch.count()
	}
	ch.pass(m, w, mandatory)
}

// count gives a publish on a confirm channel its number (BASIC-14).
func (ch *channel) count() {
	ch.published++
	if !ch.toConfirm {
		ch.toConfirm = true
		ch.c.confirms = append(ch.c.confirms, ch)
	}
}

// pass sends a routed message on: to its queues, to a waiting requester, to
// strict delayed exchanges, or back to the publisher (BASIC-3).
func (ch *channel) pass(m *queue.Message, w way, mandatory bool) {
	replied := false // as far as the publisher is told (BASIC-75)
	if w.requester != "" {
		ch.c.flushPublishes()
		ch.c.b.replies.deliver(w.requester, m, &ch.c.fx)
		replied = ch.c.b.profile.repliesAreQueued && isReplyName(w.requester)
	}
	switch {
	case len(w.queues) > 0:
		ch.c.add(ch, w.queues, m)
	case mandatory && len(w.later) == 0 && !replied:
		ch.returnMessage(m)
	}
	keep(w.later, m, &ch.c.fx)
}

// prepare checks a message and finds where it goes.
func (ch *channel) prepare(rt *route, m *queue.Message) (way, error) {
	c := ch.c
	flags := m.Props.Flags()
	readMarks(m, flags)
	if !rt.known || rt.gen != c.vhost.gen.Load() || flags&inspected != 0 {
		return ch.prepareSlowly(rt, m)
	}
	if err := m.Props.Validate(); err != nil {
		return way{}, errInternal() // CONN-55
	}
	return way{queues: rt.queues}, nil
}

// readMarks takes out of the properties what queues look at.
func readMarks(m *queue.Message, flags amqp.PropertyFlags) {
	if flags&amqp.HasPriority != 0 {
		m.Priority = m.Props.Priority()
	}
	if flags&amqp.HasDeliveryMode != 0 {
		m.Persistent = m.Props.DeliveryMode() == 2 // BASIC-8
	}
}

// inspected are the properties that a publish looks into.
const inspected = amqp.HasHeaders | amqp.HasReplyTo | amqp.HasExpiration | amqp.HasUserID

// prepareSlowly is prepare without what the route already knows.
func (ch *channel) prepareSlowly(rt *route, m *queue.Message) (way, error) {
	c := ch.c
	c.flushPublishes()
	c.vhost.mu.RLock()
	x := c.vhost.exchanges[rt.exchange]
	c.vhost.mu.RUnlock()
	switch {
	case x == nil: // EXCH-21
		return way{}, errNoExchange(rt.exchange, c.vhost.name)
	case x.internal: // EXCH-20
		return way{}, refuse(amqp.AccessRefused, "cannot publish to internal %s", exchangeText(x.name, c.vhost.name))
	}
	if err := m.Props.Validate(); err != nil {
		return way{}, errInternal() // CONN-55
	}
	var extra []string
	headers := m.Props.Headers()
	if m.Props.Flags()&inspected != 0 {
		var err error
		if extra, headers, err = ch.inspect(m); err != nil {
			return way{}, err
		}
	}
	if rt.exchange == "" && strings.HasPrefix(rt.key, replyTo+".") {
		return way{requester: rt.key}, nil // BASIC-73
	}
	queues := c.resolve(rt, x, extra, headers)
	return way{queues: queues, later: c.router.later}, c.router.refusal
}

// resolve finds a route's queues and remembers them if they depend on nothing
// but the topology. A route to nowhere is not remembered: declaring a queue
// does not change the generation.
func (c *conn) resolve(rt *route, x *exchangeRecord, extra []string, headers amqp.RawTable) []*queue.Queue {
	c.keys = append(append(c.keys[:0], rt.key), extra...)
	c.vhost.mu.RLock()
	defer c.vhost.mu.RUnlock()
	gen := c.vhost.gen.Load()
	if len(extra) > 0 {
		c.scratch = c.router.route(c.scratch[:0], c.vhost, x, c.keys, headers)
		return c.scratch
	}
	rt.queues = c.router.route(rt.queues[:0], c.vhost, x, c.keys, headers)
	rt.gen, rt.known = gen, c.router.keyOnly && len(rt.queues) > 0
	return rt.queues
}

// inspect checks user-id, expiration and headers, makes what 3.13 makes of
// headers (BASIC-11), and returns what rewriteHeaders does.
func (ch *channel) inspect(m *queue.Message) (keys []string, routed amqp.RawTable, err error) {
	p := ch.c.b.profile
	if err := ch.bindReplyTo(m); err != nil {
		return nil, nil, err
	}
	if !p.userIDLast {
		if err := ch.checkUserID(m); err != nil {
			return nil, nil, err
		}
	}
	if err := readTTL(m); err != nil {
		return nil, nil, err
	}
	if m.Props.Headers() != nil {
		if keys, routed, err = p.rewriteHeaders(m); err != nil {
			return nil, nil, err
		}
	}
	if p.userIDLast {
		err = ch.checkUserID(m)
	}
	return keys, routed, err
}

// checkUserID is BASIC-5.
func (ch *channel) checkUserID(m *queue.Message) error {
	id, ok := m.Props.UserID()
	if !ok || string(id) == ch.c.user.name || ch.c.user.impersonator {
		return nil
	}
	return refuse(amqp.PreconditionFailed, "user_id property set to '%s' but authenticated user was '%s'", id, ch.c.user.name)
}

// readTTL takes the expiration out of the properties, and writes it there as a
// plain number, as 3.13 delivers it (BASIC-6).
func readTTL(m *queue.Message) error {
	s, ok := m.Props.Expiration()
	if !ok {
		return nil
	}
	if detail := checkExpiration(string(s)); detail != "" {
		return refuse(amqp.PreconditionFailed, "invalid expiration '%s': %s", s, detail)
	}
	ms, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil {
		return err
	}
	m.TTL = ms + 1
	if plain := strconv.FormatInt(ms, 10); plain != string(s) {
		var p amqp.Properties
		if err := p.Decode(m.Props); err != nil {
			return errInternal()
		}
		p.Expiration = plain
		m.Props = p.Append(nil)
	}
	return nil
}

// checkExpiration returns what is wrong with an expiration, or "" (BASIC-6).
func checkExpiration(s string) string {
	digits := 0
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = 1
	}
	end := digits
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	switch {
	case end == digits:
		return "no_integer"
	case end < len(s):
		return "{leftover_string," + fmt.Sprintf("%q", s[end:]) + "}"
	case s[0] == '-' && strings.Trim(s[1:end], "0") != "":
		return "{value_negative," + "-" + strings.TrimLeft(s[1:end], "0") + "}"
	case err != nil || n > maxMillis:
		return "{value_too_large," + strings.TrimLeft(strings.TrimPrefix(s[:end], "+"), "0") + "}"
	}
	return ""
}

// returnMessage sends basic.return (BASIC-3).
func (ch *channel) returnMessage(m *queue.Message) {
	c := ch.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.appendMethod(ch.id, &amqp.BasicReturn{
		ReplyCode: uint16(amqp.NoRoute), ReplyText: amqp.NoRoute.String(), Exchange: m.Exchange, RoutingKey: m.Key,
	}, &c.fx)
	c.appendContent(ch.id, m)
}

// appendContent appends header and body frames. Called with the lock held,
// after a method was appended.
func (c *conn) appendContent(channel uint16, m *queue.Message) {
	if c.finished {
		return
	}
	c.out.buf = amqp.AppendHeader(c.out.buf, channel, 60, uint64(len(m.Body)), m.Props)
	c.out.appendBody(channel, m.Body, c.frameMax)
	c.out.answers += len(m.Props) + len(m.Body)
}
