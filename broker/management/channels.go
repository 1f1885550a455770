package management

import (
	"cmp"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/broker"
)

func compareText(a, b string) int { return cmp.Compare(a, b) }

// errNoStats refuses what is nothing but statistics where there are none.
var errNoStats = badRequest("Stats in management UI are disabled on this node")

func (q *request) listChannels() error {
	if q.statsDisabled() {
		return errNoStats
	}
	conns, err := q.connections()
	if err != nil {
		return err
	}
	return q.channels(conns)
}

func (q *request) listChannelsOfConnection() error {
	c, err := q.connection()
	if err != nil {
		return err
	}
	return q.channels([]broker.ConnectionInfo{c})
}

func (q *request) channels(conns []broker.ConnectionInfo) error {
	w, err := q.windows()
	if err != nil {
		return err
	}
	return list(q, listing[channelRef]{
		items: channelsOf(conns), name: channelRef.id,
		write: func(e *encoder, c channelRef) bool {
			q.writeChannel(e, c, w)
			return true
		},
	})
}

func (q *request) getChannel() error {
	if q.statsDisabled() {
		return errNotFound
	}
	w, err := q.windows()
	if err != nil {
		return err
	}
	for _, c := range channelsOf(q.s.broker.Connections()) {
		if c.id() != q.variable("channel") {
			continue
		}
		if err := q.owns(c.conn.User); err != nil {
			return err
		}
		return q.reply(func(e *encoder) {
			q.writeChannel(e, c, w)
			if e.array("consumer_details") {
				for i := range c.Consumers {
					e.open()
					q.writeConsumer(e, consumerRef{c, &c.Consumers[i]})
					e.shut()
				}
				e.endArray()
			}
			e.strs("deliveries", nil)
			e.strs("publishes", nil)
		})
	}
	return errNotFound
}

func (q *request) writeChannel(e *encoder, c channelRef, w windows) {
	e.num("acks_uncommitted", int64(c.UncommittedAcks))
	e.boolean("confirm", c.Confirm)
	writePeerOf(e, "connection_details", c.conn.ID)
	e.num("consumer_count", int64(len(c.Consumers)))
	writeNoGarbage(e)
	e.num("global_prefetch_count", int64(c.GlobalPrefetch))
	q.s.lookAtChannel(c, w, func(r recorded) { r.messageStats(e, &c.Stats, w.messages, false) })
	e.num("messages_unacknowledged", int64(c.Unacked))
	e.num("messages_uncommitted", int64(c.Uncommitted))
	e.num("messages_unconfirmed", int64(c.Unconfirmed))
	e.str("name", c.id())
	e.str("node", q.s.cfg.NodeName)
	e.num("number", int64(c.Number))
	e.num("pending_raft_commands", 0)
	e.num("prefetch_count", int64(c.Prefetch))
	e.num("reductions", 0)
	zeroDetails(e, "reductions")
	e.str("state", "running")
	e.boolean("transactional", c.Transactional)
	e.str("user", c.conn.User)
	e.str("user_who_performed_action", c.conn.User)
	e.str("vhost", c.conn.VHost)
}

// A consumerRef is a consumer of a client in a list.
type consumerRef struct {
	channelRef
	*broker.ConsumerInfo
}

func (q *request) listConsumers() error {
	if q.statsDisabled() {
		return errNoStats
	}
	conns, err := q.connections()
	if err != nil {
		return err
	}
	var refs []consumerRef
	for _, c := range channelsOf(conns) {
		for i := range c.Consumers {
			refs = append(refs, consumerRef{c, &c.Consumers[i]})
		}
	}
	return list(q, listing[consumerRef]{items: refs, write: func(e *encoder, c consumerRef) bool {
		q.writeConsumer(e, c)
		return true
	}})
}

// writeConsumersOf writes the consumers of one queue.
func (q *request) writeConsumersOf(e *encoder, at place, queue string) {
	if !e.array("consumer_details") {
		return
	}
	for _, c := range channelsOf(q.s.broker.Connections()) {
		for i := range c.Consumers {
			if c.conn.VHost == at.name && c.Consumers[i].Queue == queue {
				e.open()
				q.writeConsumer(e, consumerRef{c, &c.Consumers[i]})
				e.shut()
			}
		}
	}
	e.endArray()
}

func (q *request) writeConsumer(e *encoder, c consumerRef) {
	e.arguments("arguments", c.Args)
	e.boolean("ack_required", !c.NoAck)
	e.boolean("active", c.Active)
	e.str("activity_status", activity(c))
	if e.object("channel_details") {
		host, port := splitAddress(c.conn.Peer)
		e.str("connection_name", c.conn.ID)
		e.str("name", c.id())
		e.str("node", q.s.cfg.NodeName)
		e.num("number", int64(c.Number))
		e.str("peer_host", host)
		e.num("peer_port", int64(port))
		e.str("user", c.conn.User)
		e.end()
	}
	e.num("consumer_timeout", int64(c.Timeout/time.Millisecond))
	e.str("consumer_tag", c.Tag)
	e.boolean("exclusive", c.Exclusive)
	e.num("prefetch_count", int64(c.ConsumerInfo.Prefetch))
	if e.object("queue") {
		e.str("name", c.Queue)
		e.str("vhost", c.conn.VHost)
		e.end()
	}
}

// cancelConsumer ends consumers of a queue with a tag: on the channel that the query names,
// or on all. Who may close a connection may end its consumers.
func (q *request) cancelConsumer() error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	queue, tag, channel := q.variable("queue"), q.variable("tag"), q.query.Get("channel")
	var chosen []channelRef
	for _, c := range channelsOf(q.s.broker.Connections()) {
		if c.conn.VHost != q.variable("vhost") || channel != "" && c.id() != channel {
			continue
		}
		if slices.ContainsFunc(c.Consumers, func(s broker.ConsumerInfo) bool { return s.Tag == tag && s.Queue == queue }) {
			if err := q.owns(c.conn.User); err != nil {
				return err
			}
			chosen = append(chosen, c)
		}
	}
	ended := false
	for _, c := range chosen {
		found, err := v.CancelConsumer(queue, tag, c.conn.ID, c.Number)
		if err != nil {
			return refusal(err)
		}
		ended = ended || found
	}
	if !ended {
		return errNotFound
	}
	return q.done(false)
}

// activity is a word for whether a consumer gets deliveries.
func activity(c consumerRef) string {
	switch {
	case !c.Active:
		return "waiting"
	case c.SingleActive:
		return "single_active"
	}
	return "up"
}
