package broker

import (
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

// CancelConsumer ends a client's consumer of a queue: the one with this tag on the channel of
// this number, on the connection with this ID. As when its queue is deleted, a client is told
// that wants to be (BASIC-34); what the consumer holds it may still acknowledge. It reports
// whether there was one, and fails with NOT_FOUND if there is no such queue.
func (h VHostHolders) CancelConsumer(name, tag, connection string, channel uint16) (bool, error) {
	q, err := h.v.vh.Queue(name, nil)
	if err != nil {
		return false, err
	}
	return h.v.b.cancelConsumer(q, tag, connection, channel), nil
}

// cancelConsumer ends a consumer of a queue on another goroutine than its reader.
func (cs *clients) cancelConsumer(q *topology.Queue, tag, connection string, channel uint16) bool {
	conns := cs.openConns()
	i := slices.IndexFunc(conns, func(c *conn) bool { return c.id() == connection })
	if i < 0 {
		return false
	}
	c := conns[i]
	var fx queue.Effects
	c.out.mu.Lock()
	var s *consumer
	if ch := c.channels[channel]; ch != nil {
		s = ch.consumers[tag]
	}
	if s == nil || s.from != q || s.cancelled {
		c.out.mu.Unlock()
		return false
	}
	s.cancelled = true
	s.tellCancelled(&fx)
	vh := c.vhost // set before there was a channel
	c.out.mu.Unlock()
	q.Unsubscribe(&s.Subscription, &fx)
	vh.Perform(&fx)
	return true
}
