package broker

import (
	"bytes"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// This file publishes: the checks in RabbitMQ's order (BASIC-1), the route,
// and returns (BASIC-2 to BASIC-12).

// A route is one set of basic.publish arguments and, while the topology does
// not change, the queues that it leads to.
type route struct {
	exchange, key        string
	mandatory, immediate bool

	topology.Route // as long as it lasts

	permitted uint64 // one more than the generation under which the client may publish so
}

// A connection remembers at most maxRoutes routes, and maxRouteQueues queues in all of
// them: an idle one must not hold what a fanout to thousands of queues has cost once.
const (
	maxRoutes      = 1024
	maxRouteQueues = 32 << 10
)

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
			if c.routes == nil || len(c.routes) >= maxRoutes || c.routeQueues > maxRouteQueues {
				c.routes, c.routeQueues = make(map[string]*route), 0
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
func (h *publishHalf) publish(rt *route, m *queue.Message, size uint64) error {
	w, err := h.check(rt, m, size)
	if h.c.counted.tracer.Load() != nil {
		h.c.record.publish(h.ch, rt, m, tap.ActPass, w, err)
	}
	if err != nil {
		return err
	}
	if size >= store.StageBytes && m.Persistent {
		h.c.stage(m, w.Queues)
	}
	h.accept(m, w, rt.mandatory)
	return nil
}

// stage writes a large body that will be stored to the disk before its message goes on:
// nobody else's confirm is to wait for that. What fails here the commit tries again.
func (c *conn) stage(m *queue.Message, queues []*topology.Queue) {
	durable := func(q *topology.Queue) bool { return q.Durable }
	if c.b.cfg.Store != nil && slices.ContainsFunc(queues, durable) {
		c.endBatch() // nobody is to wait for it
		_ = c.b.cfg.Store.Stage(m.Body)
	}
}

// A routing is where a message goes: along a route of the topology, or to a direct reply-to
// consumer.
type routing struct {
	topology.Route
	requester string
	copied    []string // requesters that CC and BCC name
	delayed   bool     // a delayed exchange has it, which may have given it to the store
}

// check is all that a publish can fail for. It returns what prepare does.
func (h *publishHalf) check(rt *route, m *queue.Message, size uint64) (routing, error) {
	if rt.immediate { // BASIC-2: immediate is refused
		return routing{}, amqp.Errorf(amqp.NotImplemented, "immediate=true")
	}
	if h.ch.mode == modeTx {
		if err := h.ch.checkTxSize(); err != nil {
			return routing{}, err
		}
	}
	if err := h.c.b.cfg.checkSize(size); err != nil {
		return routing{}, err
	}
	return h.prepare(rt, m)
}

// accept takes a routed message, to be passed on now or with the transaction.
func (h *publishHalf) accept(m *queue.Message, w routing, mandatory bool) {
	if len(w.Delays) > 0 {
		w.delayed = true
		w.Delays = topology.StartLax(w.Delays, m, &h.c.fx)
	}
	h.ch.tx.logged = h.ch.tx.logged || h.c.fx.Logged && (w.Repeats || w.delayed)
	switch h.ch.mode {
	case modeTx:
		h.ch.tx.publish(m, w, mandatory, h.c.vhost.Generation())
		h.uncommitted.Add(1)
		return
	case modeConfirm:
		h.numberPublish()
	}
	h.pass(m, w, mandatory)
}

// numberPublish gives a publish on a confirm channel its number (BASIC-14).
func (h *publishHalf) numberPublish() {
	h.published++
	if !h.toConfirm {
		h.toConfirm = true
		h.c.confirms = append(h.c.confirms, h.ch)
	}
}

// pass sends a routed message on: to its queues, to a waiting requester, to
// strict delayed exchanges, or back to the publisher (BASIC-3).
func (h *publishHalf) pass(m *queue.Message, w routing, mandatory bool) {
	replied := false // as far as the publisher is told (BASIC-75)
	if w.requester != "" {
		replied = h.answerRequest(w.requester, m)
	}
	for _, requester := range w.copied {
		replied = h.answerRequest(requester, m) || replied
	}
	unroutable := len(w.Queues) == 0 && len(w.Delays) == 0 && !replied
	h.countPublish(w.Exchange, len(w.Queues), unroutable && mandatory, unroutable && w.requester == "" && len(w.copied) == 0)
	if unroutable && mandatory {
		h.returnMessage(m)
	}
	h.c.handOver(h.ch, m, w.Route)
	if h.c.counted.firehose.on.Load() {
		h.tracePublish(m, w.Queues)
	}
	if unroutable && !w.delayed && !w.Repeats && h.ch.mode == modeConfirm {
		h.unrouted = h.published
		h.c.tapped.confirmUnroutable(h)
	}
}

// answerRequest hands a message to a requester, and reports whether it counts as routed.
func (h *publishHalf) answerRequest(requester string, m *queue.Message) bool {
	h.c.flushPublishes()
	h.c.b.replies.deliver(requester, m, &h.c.fx)
	return h.c.b.profile.RepliesAreQueued && isReplyName(requester)
}

// inspected are the properties that a publish looks into.
const inspected = amqp.HasHeaders | amqp.HasReplyTo | amqp.HasExpiration | amqp.HasUserID

// prepare checks a message and finds where it goes. What the connection knows of the route
// is not asked again; the message's own properties are looked at each time.
func (h *publishHalf) prepare(rt *route, m *queue.Message) (routing, error) {
	c := h.c
	if c.b.cfg.Stamps != nil {
		c.b.stamp(m)
	}
	flags := m.Props.Flags()
	message.ReadMarks(m, flags)
	gen := c.vhost.Generation() // before permissions are looked at: a change of them raises it
	known := rt.Lasting && rt.Generation == gen && (!rt.HeadersCount || flags&amqp.HasHeaders == 0)
	x := rt.Exchange
	if !known {
		c.flushPublishes()
		var err error
		if x, err = h.target(rt, gen); err != nil {
			return routing{}, err
		}
	}
	extra, headers, err := h.inspect(m, flags)
	if err != nil {
		return routing{}, err
	}
	if known && len(extra) == 0 {
		return routing{Route: rt.Route}, nil
	}
	c.flushPublishes()
	return h.findRoute(rt, x, gen, extra, headers, m.Props)
}

// target is the exchange that a publish names, if the client may publish to it.
func (h *publishHalf) target(rt *route, gen uint64) (*topology.Exchange, error) {
	c := h.c
	if rt.permitted != gen+1 {
		if err := topology.MayPublish(c, rt.exchange); err != nil { // PERM-9: write on the exchange
			return nil, err
		}
	}
	x := c.vhost.Exchange(rt.exchange)
	switch {
	case x == nil: // EXCH-21: a missing exchange
		return nil, refusal.NoExchange(rt.exchange, c.vhost.Name)
	case x.Internal: // EXCH-20: an internal exchange
		return nil, amqp.Errorf(amqp.AccessRefused, "cannot publish to internal %s", refusal.ExchangeText(x.Name, c.vhost.Name))
	}
	if rt.permitted != gen+1 {
		if err := x.MayPublishTopic(c, rt.key); err != nil { // PERM-11: topic permissions check the key
			return nil, err
		}
		rt.permitted = gen + 1
	}
	return x, nil
}

// findRoute returns where a publish goes: to requesters by their names, and along bindings.
func (h *publishHalf) findRoute(
	rt *route, x *topology.Exchange, gen uint64, extra []string, headers amqp.RawTable, props amqp.RawProperties,
) (routing, error) {
	var w routing
	if rt.exchange == "" { // BASIC-73: replies go through the default exchange
		if strings.HasPrefix(rt.key, replyTo+".") {
			if w.requester = rt.key; len(extra) == 0 {
				w.Exchange = x
				return w, nil
			}
		}
		for _, key := range extra { // EXCH-45: CC and BCC add keys
			if strings.HasPrefix(key, replyTo+".") && key != w.requester && !slices.Contains(w.copied, key) {
				w.copied = append(w.copied, key)
			}
		}
	}
	to, err := h.c.resolve(rt, x, extra, headers, props)
	rt.Lasting = rt.Lasting && rt.Generation == gen
	w.Route = to
	return w, err
}

// inspect checks the properties, user-id and expiration among them, makes what 3.13 makes
// of headers (BASIC-11), and returns what RewriteHeaders does.
func (h *publishHalf) inspect(m *queue.Message, flags amqp.PropertyFlags) (keys []string, routed amqp.RawTable, err error) {
	p := h.c.b.profile
	rewrite, err := h.c.checker.Check(m.Props)
	if err != nil || flags&inspected == 0 {
		return nil, nil, err
	}
	if err := h.bindReplyTo(m); err != nil {
		return nil, nil, err
	}
	if !p.UserIDLast {
		if err := h.checkUserID(m); err != nil {
			return nil, nil, err
		}
	}
	if err := message.ReadTTL(m); err != nil {
		return nil, nil, err
	}
	if rewrite {
		if keys, routed, err = message.RewriteHeaders(m, p.ClientDeaths); err != nil {
			return nil, nil, err
		}
	} else {
		routed = m.Props.Headers()
	}
	if p.UserIDLast {
		err = h.checkUserID(m)
	}
	return keys, routed, err
}

// checkUserID is BASIC-5.
func (h *publishHalf) checkUserID(m *queue.Message) error {
	id, ok := m.Props.UserID()
	user := &h.c.identity
	if !ok || string(id) == user.User || user.HasTag(access.Impersonator) || h.c.kind == connTrusted {
		return nil
	}
	return amqp.Errorf(amqp.PreconditionFailed, "user_id property set to '%s' but authenticated user was '%s'", id, user.User)
}

// returnMessage sends basic.return (BASIC-3).
func (h *publishHalf) returnMessage(m *queue.Message) {
	c := h.c
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	before, answers := c.out.size(), c.out.answers
	c.out.appendMethod(h.ch.id, &amqp.BasicReturn{
		ReplyCode: uint16(amqp.NoRoute), ReplyText: amqp.NoRoute.String(), Exchange: m.Exchange, RoutingKey: m.Key,
	}, &c.fx)
	c.out.appendContent(h.ch.id, m)
	// A client with one thread publishes all that it has before it reads what came back.
	c.out.answers = answers
	if c.out.returns += int64(c.out.size() - before); c.out.returns > c.b.cfg.MaxUnreadReturns {
		c.out.unread.Store(true)
	}
}

// countPublish counts a publish to an exchange that goes to so many queues; one that
// goes nowhere was returned, or dropped, or neither. Called by the reader.
func (h *publishHalf) countPublish(x *topology.Exchange, queues int, returned, dropped bool) {
	c := h.c
	s := &h.ch.stats
	s.batch.published++
	s.batch.routed += uint64(queues)
	if h.ch.mode == modeConfirm {
		s.batch.confirming++
	}
	switch {
	case returned:
		s.batch.returned++
	case dropped:
		s.batch.dropped++
	}
	if !s.listed {
		s.listed = true
		c.counting = append(c.counting, h.ch)
	}
	if c.run.x != x {
		c.endRun()
		c.run.x = x
	}
	c.run.in++
	c.run.out += uint64(queues)
}

// tracePublish copies a publish that has been routed (TRACE-2).
func (h *publishHalf) tracePublish(m *queue.Message, queues []*topology.Queue) {
	if m.Exchange == topology.TraceExchange { // TRACE-4: copies are not copied
		return
	}
	routed := make(amqp.Array, len(queues))
	for i, q := range queues {
		routed[i] = q.Name
	}
	if m.Exchange == "" { // which leads to the queues that the keys name, there or not
		routed = routed[:0]
		keys := message.AppendKeys(nil, m)
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			routed = append(routed, key)
		}
	}
	headers := append(h.ch.traceHeaders(m), amqp.Field{Key: "routed_queues", Value: routed})
	h.c.counted.firehose.Send(traceCopy("publish."+m.Exchange, headers, m.Body))
}
