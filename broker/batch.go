package broker

import (
	"github.com/rabbetmq/rabbet/queue"
)

// Publishes of one read share memory, and one call a queue for a run of messages that
// go to the same queues.

const (
	// slabMessages and slabBytes bound what messages allocated together can
	// keep alive: one that stays in a queue for long holds no more than that.
	slabMessages = 32
	slabBytes    = 8 << 10
)

// A publishBatch is what the publishes of one read share besides the publisher.
type publishBatch struct {
	origin []origin // of each message that the publisher holds back

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

// expect guesses how many messages of that size the unhandled bytes hold.
func (b *publishBatch) expect(unhandled, size int) {
	const overhead = 64 // of the frames around them, about
	b.pending = 1 + unhandled/(overhead+size)
}

// release lets go of what a finished batch has left over.
func (b *publishBatch) release() { b.slab, b.arena = nil, nil }
