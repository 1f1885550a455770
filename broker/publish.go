package broker

import (
	"bytes"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/message"
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
func (ch *channel) publish(rt *route, m *queue.Message, size uint64) error {
	w, err := ch.check(rt, m, size)
	if ch.c.counted.tracer.Load() != nil {
		ch.c.record.publish(ch, rt, m, tap.ActPass, w, err)
	}
	if err != nil {
		return err
	}
	if size >= store.StageBytes && m.Persistent {
		ch.c.stage(m, w.Queues)
	}
	ch.accept(m, w, rt.mandatory)
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

// A way is where a message goes: along a route of the topology, or to a direct reply-to
// consumer.
type way struct {
	topology.Route
	requester string
	copied    []string // requesters that CC and BCC name
}

// check is all that a publish can fail for. It returns what prepare does.
func (ch *channel) check(rt *route, m *queue.Message, size uint64) (way, error) {
	if rt.immediate { // BASIC-2
		return way{}, amqp.Errorf(amqp.NotImplemented, "immediate=true")
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
	if len(w.Delays) > 0 {
		w.Delays = topology.StartLax(w.Delays, m, &ch.c.fx)
		ch.tx.logged = ch.tx.logged || ch.c.fx.Logged
	}
	switch ch.mode {
	case modeTx:
		ch.tx.publish(m, w, mandatory, ch.c.vhost.Generation())
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
		replied = ch.answerRequest(w.requester, m)
	}
	for _, requester := range w.copied {
		replied = ch.answerRequest(requester, m) || replied
	}
	unroutable := len(w.Queues) == 0 && len(w.Delays) == 0 && !replied
	ch.countPublish(w.Exchange, len(w.Queues), unroutable && mandatory, unroutable && w.requester == "" && len(w.copied) == 0)
	if unroutable && mandatory {
		ch.returnMessage(m)
	}
	ch.c.handOver(ch, m, w.Route)
	if ch.c.counted.firehose.on.Load() {
		ch.tracePublish(m, w.Queues)
	}
	if unroutable && ch.mode == modeConfirm {
		if ch.unrouted = ch.published; ch.c.tapped == nil { // a tap is asked before
			ch.ackUnroutable()
		}
	}
}

// answerRequest hands a message to a requester, and reports whether it counts as routed.
func (ch *channel) answerRequest(requester string, m *queue.Message) bool {
	ch.c.flushPublishes()
	ch.c.b.replies.deliver(requester, m, &ch.c.fx)
	return ch.c.b.profile.RepliesAreQueued && isReplyName(requester)
}

// inspected are the properties that a publish looks into.
const inspected = amqp.HasHeaders | amqp.HasReplyTo | amqp.HasExpiration | amqp.HasUserID

// prepare checks a message and finds where it goes. What the connection knows of the route
// is not asked again; the message's own properties are looked at each time.
func (ch *channel) prepare(rt *route, m *queue.Message) (way, error) {
	c := ch.c
	flags := m.Props.Flags()
	message.ReadMarks(m, flags)
	gen := c.vhost.Generation() // before permissions are looked at: a change of them raises it
	known := rt.Lasting && rt.Generation == gen && (!rt.HeadersCount || flags&amqp.HasHeaders == 0)
	x := rt.Exchange
	if !known {
		c.flushPublishes()
		var err error
		if x, err = ch.target(rt, gen); err != nil {
			return way{}, err
		}
	}
	extra, headers, err := ch.inspect(m, flags)
	if err != nil {
		return way{}, err
	}
	if known && len(extra) == 0 {
		return way{Route: rt.Route}, nil
	}
	c.flushPublishes()
	return ch.find(rt, x, gen, extra, headers, m.Props)
}

// target is the exchange that a publish names, if the client may publish to it.
func (ch *channel) target(rt *route, gen uint64) (*topology.Exchange, error) {
	c := ch.c
	if rt.permitted != gen+1 {
		if err := topology.MayPublish(c, rt.exchange); err != nil { // PERM-9
			return nil, err
		}
	}
	x := c.vhost.Exchange(rt.exchange)
	switch {
	case x == nil: // EXCH-21
		return nil, topology.NoExchange(rt.exchange, c.vhost.Name)
	case x.Internal: // EXCH-20
		return nil, amqp.Errorf(amqp.AccessRefused, "cannot publish to internal %s", topology.ExchangeText(x.Name, c.vhost.Name))
	}
	if rt.permitted != gen+1 {
		if err := x.MayPublishTopic(c, rt.key); err != nil { // PERM-11
			return nil, err
		}
		rt.permitted = gen + 1
	}
	return x, nil
}

// find finds where a publish goes: to requesters by their names, and along bindings.
func (ch *channel) find(
	rt *route, x *topology.Exchange, gen uint64, extra []string, headers amqp.RawTable, props amqp.RawProperties,
) (way, error) {
	var w way
	if rt.exchange == "" { // BASIC-73
		if strings.HasPrefix(rt.key, replyTo+".") {
			if w.requester = rt.key; len(extra) == 0 {
				w.Exchange = x
				return w, nil
			}
		}
		for _, key := range extra { // EXCH-45
			if strings.HasPrefix(key, replyTo+".") && key != w.requester && !slices.Contains(w.copied, key) {
				w.copied = append(w.copied, key)
			}
		}
	}
	to, err := ch.c.resolve(rt, x, extra, headers, props)
	rt.Lasting = rt.Lasting && rt.Generation == gen
	w.Route = to
	return w, err
}

// inspect checks the properties, user-id and expiration among them, makes what 3.13 makes
// of headers (BASIC-11), and returns what RewriteHeaders does.
func (ch *channel) inspect(m *queue.Message, flags amqp.PropertyFlags) (keys []string, routed amqp.RawTable, err error) {
	p := ch.c.b.profile
	rewrite, err := ch.c.checker.Check(m.Props)
	if err != nil || flags&inspected == 0 {
		return nil, nil, err
	}
	if err := ch.bindReplyTo(m); err != nil {
		return nil, nil, err
	}
	if !p.UserIDLast {
		if err := ch.checkUserID(m); err != nil {
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
		err = ch.checkUserID(m)
	}
	return keys, routed, err
}

// checkUserID is BASIC-5.
func (ch *channel) checkUserID(m *queue.Message) error {
	id, ok := m.Props.UserID()
	user := &ch.c.identity
	if !ok || string(id) == user.User || user.HasTag(access.Impersonator) || ch.c.kind == connTrusted {
		return nil
	}
	return amqp.Errorf(amqp.PreconditionFailed, "user_id property set to '%s' but authenticated user was '%s'", id, user.User)
}

// returnMessage sends basic.return (BASIC-3).
func (ch *channel) returnMessage(m *queue.Message) {
	c := ch.c
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	before, answers := c.out.size(), c.out.answers
	c.out.appendMethod(ch.id, &amqp.BasicReturn{
		ReplyCode: uint16(amqp.NoRoute), ReplyText: amqp.NoRoute.String(), Exchange: m.Exchange, RoutingKey: m.Key,
	}, &c.fx)
	c.out.appendContent(ch.id, m)
	// A client with one thread publishes all that it has before it reads what came back.
	c.out.answers = answers
	if c.out.returns += int64(c.out.size() - before); c.out.returns > c.b.cfg.MaxUnreadReturns {
		c.out.unread.Store(true)
	}
}
