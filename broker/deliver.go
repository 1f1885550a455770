package broker

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/announce"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/internal/unacked"
	"github.com/rabbetmq/rabbet/queue"
)

// The delivering side of a consumer: credit, and the frames of
// basic.deliver. It runs under the queue's lock and the connection's.

// A consumer is one consumer of one channel. What is not in the Subscription
// belongs to the connection's lock.
type consumer struct {
	queue.Subscription
	ch   *channel
	from *topology.Queue
	tag  string
	args amqp.Table

	timeout   time.Duration // of its own for acknowledgements; 0 is none (BASIC-66)
	prefetch  int           // unacked deliveries allowed; 0 is no limit
	unacked   int
	cancelled bool
	parked    bool   // has refused an offer and waits for Unpark
	stalled   bool   // listed in conn.stalled
	number    uint64 // orders the consumers of a channel
	parkedAt  uint64 // orders the consumers of a connection that are parked
}

// tagOrNone is empty for what went out by basic.get, which has no consumer.
func (s *consumer) tagOrNone() string {
	if s == nil {
		return ""
	}
	return s.tag
}

// order is that in which the consumers of a channel came; what went out by basic.get is
// behind them.
func (s *consumer) order() uint64 {
	if s == nil {
		return math.MaxUint64
	}
	return s.number
}

// A sharedLimit is qos with global=true: one limit for all of a channel's
// consumers (BASIC-45, BASIC-46).
type sharedLimit struct {
	limit int // 0 is none
	out   int // unacked deliveries that count
}

// Offer takes a delivery if the consumer has credit and the outbox has room.
// It is the queue.Receiver's side of the hot path.
func (s *consumer) Offer(it *queue.Item, fx *queue.Effects) bool {
	ch := s.ch
	c := ch.c
	switch {
	case s.cancelled || c.out.finished:
		return false
	case !s.hasCredit(): // a no-ack consumer is held back by the shared limit alone (BASIC-47)
		s.park()
		return false
	case c.out.size() > highWater: // BASIC-38: the connection does not read
		s.park()
		if !s.stalled {
			s.stalled = true
			c.out.stalled = append(c.out.stalled, s)
		}
		return false
	}
	tag := s.assignTag(s.from, it)
	if c.counted.firehose.on.Load() {
		ch.traceDelivery(s.from.Name, it)
	}
	c.tapped.deliver(&ch.consumeHalf, handover{s, s.from.Name, s.tag, tag, s.NoAck}, it, fx)
	return true
}

// park notes that the consumer has refused an offer, and when. Called with the lock
// held.
func (s *consumer) park() {
	c := s.ch.c
	c.parkings++
	s.parked, s.parkedAt = true, c.parkings
}

// assignTag takes a delivery on, and returns its tag.
func (s *consumer) assignTag(from *topology.Queue, it *queue.Item) uint64 {
	ch := s.ch
	ch.tag++
	ch.stats.countDelivery(s.NoAck, it.Redelivered)
	if !s.NoAck {
		s.unacked++
		u := unacked.Delivery[consumer]{Tag: ch.tag, Queue: from, Consumer: s, Item: *it}
		if ch.shared.limit > 0 {
			u.Shared = true
			ch.shared.out++
		}
		ch.unacked.Push(u)
		ch.c.b.acks.arm()
	}
	return ch.tag
}

// sendDelivery appends a delivery to the outbox. Called with the lock held.
func (h *consumeHalf) sendDelivery(consumerTag string, tag uint64, it *queue.Item, fx *queue.Effects) {
	c := h.c
	c.out.reserve()
	c.out.appendDelivery(h.ch.id, consumerTag, tag, it, c.out.frameMax)
	c.out.touch(fx)
}

func (s *consumer) hasCredit() bool {
	shared := &s.ch.shared
	return (s.prefetch == 0 || s.unacked < s.prefetch) && (shared.limit == 0 || shared.out < shared.limit)
}

// unstall lets a consumer go on that an overfull outbox had parked.
func (s *consumer) unstall() {
	c := s.ch.c
	c.out.mu.Lock()
	parked := s.parked
	s.stalled, s.parked = false, false
	c.out.mu.Unlock()
	if parked {
		var fx queue.Effects
		s.from.Unpark(&s.Subscription, &fx)
		c.vhost.Perform(&fx)
	}
}

// describe says what events tell of the consumer.
func (s *consumer) describe() announce.Consumer {
	return announce.Consumer{
		Tag: s.tag, Queue: s.from.Name, Channel: s.ch.serial, Exclusive: s.Exclusive, NoAck: s.NoAck, Prefetch: s.prefetch, Args: s.args,
	}
}

// QueueDeleted tells the client that the consumer's queue is gone (BASIC-34,
// BASIC-35).
func (s *consumer) QueueDeleted(fx *queue.Effects) {
	c := s.ch.c
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if s.cancelled {
		return
	}
	s.cancelled = true
	if s.ch.consumers[s.tag] != s { // basic.consume is not answered yet: it fails
		return
	}
	s.tellCancelled(fx)
}

// tellCancelled forgets the consumer and tells its client, if that wants to know (BASIC-34,
// BASIC-35). Called with the lock held.
func (s *consumer) tellCancelled(fx *queue.Effects) {
	c := s.ch.c
	delete(s.ch.consumers, s.tag)
	c.b.events.ConsumesNoMore(describing(c), s.describe(), "")
	if c.client.cancelNotify {
		c.out.appendMethod(s.ch.id, &amqp.BasicCancel{ConsumerTag: s.tag, NoWait: true}, fx)
	}
}

// appendDelivery appends basic.deliver with its content.
func (o *outbox) appendDelivery(channel uint16, consumerTag string, tag uint64, it *queue.Item, frameMax uint32) {
	m := it.Msg
	props := deliveredProps(it)
	args := 1 + len(consumerTag) + 8 + 1 + 1 + len(m.Exchange) + 1 + len(m.Key)
	// Method, header and one body frame, each with its overhead.
	b := slices.Grow(o.buf, 3*amqp.FrameOverhead+4+args+12+len(props)+min(len(m.Body), spliceSize))
	b = append(b, amqp.FrameMethod, byte(channel>>8), byte(channel))
	b = binary.BigEndian.AppendUint32(b, uint32(4+args))
	b = append(b, 0, 60, 0, 60, byte(len(consumerTag)))
	b = append(b, consumerTag...)
	b = binary.BigEndian.AppendUint64(b, tag)
	redelivered := byte(0)
	if it.Redelivered {
		redelivered = 1
	}
	b = append(b, redelivered, byte(len(m.Exchange)))
	b = append(b, m.Exchange...)
	b = append(b, byte(len(m.Key)))
	b = append(b, m.Key...)
	b = append(b, amqp.FrameEnd)
	o.buf = amqp.AppendHeader(b, channel, 60, uint64(len(m.Body)), props)
	o.appendBody(channel, m.Body, frameMax)
}

// deliveredProps are the properties as a client gets them: a quorum queue tells
// how often the message has come back (QUEUE-94).
func deliveredProps(it *queue.Item) amqp.RawProperties {
	if it.Returns|it.Acquired == 0 {
		return it.Msg.Props
	}
	var p amqp.Properties
	if err := p.Decode(it.Msg.Props); err != nil { // checked when it was published
		return it.Msg.Props
	}
	if it.Returns > 0 {
		message.SetHeader(&p, "x-delivery-count", int64(it.Returns))
	}
	if it.Acquired > 0 {
		message.SetHeader(&p, "x-acquired-count", int64(it.Acquired))
	}
	p.Flags |= amqp.HasHeaders
	if tidy := message.TidyHeaders(p.Headers); tidy != nil {
		p.Headers = tidy
	}
	return p.Append(nil)
}

// traceDelivery copies a delivery (TRACE-2).
func (h *consumeHalf) traceDelivery(q string, it *queue.Item) {
	if it.Msg.Exchange == topology.TraceExchange { // TRACE-4: copies are not copied
		return
	}
	redelivered := int32(0)
	if it.Redelivered {
		redelivered = 1
	}
	headers := append(h.ch.traceHeaders(it.Msg), amqp.Field{Key: "redelivered", Value: redelivered})
	h.c.counted.firehose.Send(traceCopy("deliver."+q, headers, it.Msg.Body))
}

// traceHeaders are what both kinds of copies have (TRACE-3).
func (ch *channel) traceHeaders(m *queue.Message) amqp.Table {
	var keys amqp.Array
	for _, key := range message.AppendKeys(nil, m) {
		keys = append(keys, key)
	}
	return amqp.Table{
		{Key: "exchange_name", Value: m.Exchange}, {Key: "routing_keys", Value: keys},
		{Key: "properties", Value: tracedProperties(m.Props)}, {Key: "node", Value: ch.c.b.cfg.ClusterName},
		{Key: "vhost", Value: ch.c.vhost.Name}, {Key: "connection", Value: ch.c.id()},
		{Key: "channel", Value: int32(ch.id)}, {Key: "user", Value: ch.c.identity.User},
	}
}
