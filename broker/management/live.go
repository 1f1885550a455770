package management

import (
	"errors"
	"strings"
	"time"
)

// Bounds of followNumbers.
const (
	maxSubscriptions = 50
	maxLiveItems     = 500
)

// A subscription is an object whose numbers are followed.
type subscription struct {
	path  string
	write func(*encoder) bool // false once the object is gone
}

// followNumbers sends numbers of what the query names, again and again.
func (q *request) followNumbers() error {
	interval, err := q.bounded("interval", 1000, 250, 60_000)
	if err != nil {
		return err
	}
	paths := q.query["subscribe"]
	if len(paths) == 0 || len(paths) > maxSubscriptions {
		return badRequest("subscribe must be given, at most 50 times")
	}
	var subs []subscription
	for _, path := range paths {
		s, err := q.subscribe(path)
		if err != nil {
			return err
		}
		subs = append(subs, s)
	}
	out, err := q.stream()
	if err != nil {
		return err
	}
	defer out.end()
	for {
		if err := out.send("sample", 0, func(e *encoder) { q.writeSample(e, subs) }); err != nil {
			return nil // the client has gone
		}
		if out.wait(nil, time.Duration(interval)*time.Millisecond) != nil {
			return nil
		}
	}
}

func (q *request) writeSample(e *encoder, subs []subscription) {
	e.num("at", millis(q.s.clock.Now()))
	if !e.object("objects") {
		return
	}
	for _, s := range subs {
		start := len(e.buf)
		e.object(s.path)
		if s.write(e) {
			e.end()
			continue
		}
		e.ascend()
		e.buf = e.buf[:start]
		e.null(s.path)
	}
	e.end()
}

var errNoSuchSubscription = errors.New("no such path")

// subscribe finds what a path below /api stands for, and whether the user may see it.
func (q *request) subscribe(path string) (subscription, error) {
	s := subscription{path: path}
	found, values, err := q.s.routes.match("/" + path)
	if err != nil || found == nil {
		return s, badRequest("cannot subscribe to " + path)
	}
	inner := &request{s: q.s, w: q.w, r: q.r, route: found, variables: values, query: q.query, login: q.login, peer: q.peer}
	endpoint := found.methods["GET"]
	if endpoint == nil || endpoint.gate == nil {
		return s, badRequest("cannot subscribe to " + path)
	}
	if err := endpoint.gate(inner); err != nil {
		return s, err
	}
	if s.write, err = inner.numbers(); err != nil {
		if errors.Is(err, errNoSuchSubscription) {
			return s, badRequest("cannot subscribe to " + path)
		}
		return s, err
	}
	return s, nil
}

// numbers chooses what is written of an object.
func (q *request) numbers() (func(*encoder) bool, error) {
	switch q.route.pattern {
	case "/overview":
		return q.overviewNumbers, nil
	case "/nodes/{node}":
		return q.nodeNumbers, nil
	case "/vhosts/{vhost}":
		return q.vhostNumbers, nil
	case "/queues/{vhost}":
		return q.queuesNumbers, nil
	case "/queues/{vhost}/{queue}":
		return q.queueNumbers, nil
	case "/exchanges/{vhost}/{exchange}":
		return q.exchangeNumbers, nil
	case "/connections/{connection}":
		if c, ok := q.s.broker.Connection(q.variable("connection")); ok && q.owns(c.User) != nil {
			return nil, notAuthorised(notOwner)
		}
		return q.connectionNumbers, nil
	case "/channels/{channel}":
		return q.channelNumbers, q.ownsChannel()
	}
	return nil, errNoSuchSubscription
}

func (q *request) overviewNumbers(e *encoder) bool {
	q.writeTotals(e, windows{})
	return true
}

func (q *request) nodeNumbers(e *encoder) bool {
	if q.requireNode() != nil {
		return false
	}
	writeProcess(e, q.s.process())
	return true
}

func (q *request) vhostNumbers(e *encoder) bool {
	v, err := q.vhost()
	if err != nil {
		return false
	}
	t := v.Totals()
	q.s.lookAtVHost(place{q.variable("vhost"), v}, windows{}, func(r recorded) {
		r.figure(e, "recv_oct", t.Received, figureReceived, nil)
		r.figure(e, "send_oct", t.Sent, figureSent, nil)
		r.lengths(e, t.Ready, t.Unacked, t.Away, nil)
		r.messageStats(e, &t.Messages, nil, true)
	})
	return true
}

func (q *request) queuesNumbers(e *encoder) bool {
	v, err := q.vhost()
	if err != nil {
		return false
	}
	if !e.object("items") {
		return true
	}
	names := v.QueueNames()
	for _, name := range names[:min(len(names), maxLiveItems)] {
		info, ok := v.Queue(name)
		if !ok || !e.object(name) {
			continue
		}
		e.num("messages", int64(info.Ready+info.Unacked+info.Away))
		e.num("messages_ready", int64(info.Ready))
		e.num("messages_unacknowledged", int64(info.Unacked))
		e.num("consumers", int64(info.Consumers))
		e.end()
	}
	e.end()
	return true
}

func (q *request) queueNumbers(e *encoder) bool {
	v, err := q.vhost()
	if err != nil {
		return false
	}
	info, ok := v.Queue(q.variable("queue"))
	if !ok {
		return false
	}
	e.num("consumers", int64(info.Consumers))
	q.s.lookAtQueue(place{q.variable("vhost"), v}, info, windows{}, func(r recorded) {
		r.lengths(e, info.Ready, info.Unacked, info.Away, nil)
		r.messageStats(e, &info.Stats, nil, false)
	})
	writeQueueBytes(e, info)
	return true
}

func (q *request) exchangeNumbers(e *encoder) bool {
	v, err := q.vhost()
	if err != nil {
		return false
	}
	info, ok := v.Exchange(q.exchange("exchange"))
	if !ok {
		return false
	}
	q.s.lookAtExchange(place{q.variable("vhost"), v}, info, windows{}, func(r recorded) {
		if e.object("message_stats") {
			r.figure(e, "publish_in", info.Stats.PublishIn, 0, nil)
			r.figure(e, "publish_out", info.Stats.PublishOut, 1, nil)
			e.end()
		}
	})
	return true
}

func (q *request) connectionNumbers(e *encoder) bool {
	c, ok := q.s.broker.Connection(q.variable("connection"))
	if !ok {
		return false
	}
	e.str("state", c.State)
	e.num("channels", int64(len(c.Channels)))
	q.s.lookAtConnection(c, windows{}, func(r recorded) {
		r.figure(e, "recv_oct", c.Received, 0, nil)
		r.figure(e, "send_oct", c.Sent, 1, nil)
	})
	return true
}

// channelByName finds the channel that the path names.
func (q *request) channelByName() (channelRef, bool) {
	name := q.variable("channel")
	connection, _, _ := strings.Cut(name, " (")
	c, _ := q.s.broker.Connection(connection)
	for i := range c.Channels {
		if ref := (channelRef{&c, &c.Channels[i]}); ref.id() == name {
			return ref, true
		}
	}
	return channelRef{}, false
}

func (q *request) ownsChannel() error {
	c, ok := q.channelByName()
	if !ok {
		return nil
	}
	return q.owns(c.conn.User)
}

func (q *request) channelNumbers(e *encoder) bool {
	c, ok := q.channelByName()
	if !ok {
		return false
	}
	e.num("consumer_count", int64(len(c.Consumers)))
	e.num("messages_unacknowledged", int64(c.Unacked))
	q.s.lookAtChannel(c, windows{}, func(r recorded) { r.messageStats(e, &c.Stats, nil, false) })
	return true
}
