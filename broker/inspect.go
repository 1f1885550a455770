package broker

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/internal/unacked"
)

// This file tells who holds the messages that a queue has given out.

// An Unacked is a message that is out and not settled, with its holder.
type Unacked struct {
	Message
	// ID names the message in its queue, and Deliveries is how often a quorum queue has
	// got it back.
	ID         string
	Deliveries int
	// DeliveryTag is the holder's number for it; Consumer is the consumer's
	// tag, "" for basic.get.
	DeliveryTag uint64
	Consumer    string
	// ConnectionID, Peer and Connection are RabbitMQ's name, address and own name of the
	// client's connection, and Channel its channel; they are zero for a holder in this
	// program.
	ConnectionID, Peer, Connection string
	Channel                        uint16
	// Delivered is when the holder got it, at most a second too late, and Timeout how long
	// it may be held; both are zero for a holder in this program, and zero is not known
	// and without end.
	Delivered time.Time
	Timeout   time.Duration
	// InTx says that it is settled in a transaction that is still open.
	InTx bool
}

// VHostHolders are the consumers of a virtual host's queues, and what they hold. Its methods
// are those of a VHost.
type VHostHolders struct{ v *VHost }

// Unacked returns a queue's messages that are out and not settled, in the
// queue's order, and changes nothing. The bodies are shared with the queue: do not
// write to them.
func (h VHostHolders) Unacked(name string) ([]Unacked, error) {
	v := h.v
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return nil, err
	}
	v.b.mu.Lock()
	conns := slices.Collect(maps.Keys(v.b.conns))
	consumers := slices.Collect(maps.Keys(v.b.consumers))
	v.b.mu.Unlock()
	var found []holding
	now := v.b.clock.Now()
	for _, c := range conns {
		found = c.holds(found, q, now)
	}
	for _, c := range consumers {
		found = c.held.of(found, q, Unacked{Consumer: c.opts.Tag})
	}
	found = v.gets.of(found, q, Unacked{})
	slices.SortFunc(found, func(a, b holding) int { return cmp.Compare(a.out.Item.Seq, b.out.Item.Seq) })
	list := make([]Unacked, len(found))
	for i := range found {
		u := found[i].by
		if u.Message, err = messageOf(&found[i].out.Item, deliveredProps(&found[i].out.Item)); err != nil {
			return nil, err
		}
		if u.ConnectionID != "" {
			u.Timeout = max(v.b.ackTimeout(holder{q, found[i].out.Consumer}), 0)
		}
		u.ID, u.Deliveries = strconv.FormatUint(found[i].out.Item.Seq, 10), int(found[i].out.Item.Returns)
		list[i] = u
	}
	return list, nil
}

// A holding is a delivery, and an Unacked that says who holds it.
type holding struct {
	out unacked.Delivery[consumer]
	by  Unacked
}

// holds appends what a connection holds of a queue.
func (c *conn) holds(list []holding, q *topology.Queue, now time.Time) []holding {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for id, ch := range c.channels {
		before := len(list)
		by := Unacked{ConnectionID: c.id(), Peer: c.nc.RemoteAddr().String(), Connection: c.name, Channel: id}
		list = heldOf(list, ch.unacked.All(), q, by)
		by.InTx = true
		for _, s := range ch.tx.settled {
			list = heldOf(list, slices.Values(s.out), q, by)
		}
		for i := before; i < len(list); i++ {
			list[i].by.Delivered = ch.deliveredAt(list[i].by.DeliveryTag, now)
		}
	}
	return list
}

// of appends what is held of a queue.
func (l *local) of(list []holding, q *topology.Queue, by Unacked) []holding {
	l.mu.Lock()
	defer l.mu.Unlock()
	return heldOf(list, l.unacked.All(), q, by)
}

// heldOf appends those deliveries that are of a queue.
func heldOf(list []holding, deliveries iter.Seq[unacked.Delivery[consumer]], q *topology.Queue, by Unacked) []holding {
	for u := range deliveries {
		if u.Queue != q {
			continue
		}
		h := holding{u, by}
		h.by.DeliveryTag = u.Tag
		if u.Consumer != nil {
			h.by.Consumer = u.Consumer.tag
		}
		list = append(list, h)
	}
	return list
}
