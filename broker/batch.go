package broker

import (
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is what publishes of one read share: memory, and one call a queue
// for a run of messages that go to the same queues.

const (
	// slabMessages and slabBytes bound what messages allocated together can
	// keep alive: one that stays in a queue for long holds no more than that.
	slabMessages = 32
	slabBytes    = 8 << 10
)

// A publishBatch is a run of messages on their way to the same queues.
type publishBatch struct {
	queues []*topology.Queue
	msgs   []*queue.Message
	origin []origin // of each message

	slab    []queue.Message
	arena   []byte
	pending int // messages like this one that the bytes not yet handled may hold
}

// An origin is the publish that a message came with.
type origin struct {
	ch  *channel
	seq uint64 // its number on a confirm channel
}

// message allocates one message, as part of a slab if more are to come.
func (b *publishBatch) message() *queue.Message {
	if len(b.slab) == 0 {
		b.slab = make([]queue.Message, max(1, min(slabMessages, b.pending)))
	}
	m := &b.slab[0]
	b.slab = b.slab[1:]
	return m
}

// bytes allocates an empty slice of capacity n, as part of an arena if more
// are to come.
func (b *publishBatch) bytes(n int) []byte {
	if n > slabBytes/8 {
		return make([]byte, 0, n)
	}
	if n > len(b.arena) {
		b.arena = make([]byte, max(n, min(slabBytes, n*b.pending)))
	}
	p := b.arena[:0:n]
	b.arena = b.arena[n:]
	return p
}

// add puts a message on its way. The list of queues is copied if it is kept.
func (c *conn) add(ch *channel, queues []*topology.Queue, m *queue.Message) {
	b := &c.batch
	if len(b.msgs) > 0 && (len(b.msgs) >= topology.MaxRun || !slices.Equal(b.queues, queues)) {
		c.flushPublishes()
	}
	if len(b.msgs) == 0 {
		b.queues = append(b.queues[:0], queues...)
	}
	b.msgs = append(b.msgs, m)
	b.origin = append(b.origin, origin{ch, ch.published})
}

// flushPublishes hands the run to its queues. Every other method does it
// first, so that a channel's effects are in order (BASIC-68).
func (c *conn) flushPublishes() {
	b := &c.batch
	if len(b.msgs) == 0 {
		return
	}
	for _, q := range b.queues {
		refused := len(c.fx.Refused)
		// A queue deleted since the route was found drops them (QUEUE-27).
		_ = q.Publish(b.msgs, &c.fx)
		if c.tapped != nil {
			c.b.recordRefused(c.vhost.Name, c.tapped.peer, q, b.msgs, c.fx.Refused[refused:])
		}
	}
	for _, i := range c.fx.Refused {
		b.origin[i].ch.refused(b.origin[i].seq)
	}
	c.fx.Refused = c.fx.Refused[:0]
	clear(b.msgs)
	clear(b.origin)
	b.msgs, b.origin = b.msgs[:0], b.origin[:0]
}

// expect guesses how many messages of that size the unhandled bytes hold.
func (b *publishBatch) expect(unhandled, size int) {
	const overhead = 64 // of the frames around them, about
	b.pending = 1 + unhandled/(overhead+size)
}

// release lets go of what a finished batch has left over.
func (b *publishBatch) release() { b.slab, b.arena = nil, nil }
