package broker

import (
	"io"
	"net"
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
)

// What a connection has yet to write: frames are appended under
// the connection's lock, the writer goroutine takes them all at once.

const (
	// highWater is the number of bytes in an outbox past which consumers of
	// the connection are parked until the writer has caught up. With what the
	// writer has taken it bounds the memory that a slow reader costs.
	highWater = 512 << 10
	// replyWater is where even direct replies, which no queue can hold back,
	// are dropped.
	replyWater = 16 << 20
	// answerWater is the number of bytes of answers that wait for the client to read:
	// past it nothing more is read from it. Returned messages have Config.MaxUnreadReturns.
	answerWater = 1 << 20
	// spliceSize is the body size from which a body is not copied into the
	// outbox but written from where it is.
	spliceSize = 4 << 10
	// pooledSize is the largest buffer kept for reuse.
	pooledSize = 1 << 20
	// pooledSplices is the same for the list of spliced bodies.
	pooledSplices = 1 << 10
)

// An outbox is bytes to write, with large bodies spliced in.
type outbox struct {
	buf     []byte
	splices []splice
	lent    *memory // where buf and splices came from
	spliced int     // sum of the spliced bodies' bytes
	answers int     // bytes of all but deliveries and returned messages
	returns int64   // bytes of returned messages
	marks   []mark  // what a Tap has in store for the writer
}

// A splice is a piece of a body that belongs before buf[at].
type splice struct {
	at   int
	data []byte
}

func (o *outbox) size() int { return len(o.buf) + o.spliced }

// unreadPast reports whether more answers wait for the client than may.
func (o *outbox) unreadPast(maxReturns int64) bool {
	return o.answers > answerWater || o.returns > maxReturns
}

func (o *outbox) splice(data []byte) {
	o.splices = append(o.splices, splice{len(o.buf), data})
	o.spliced += len(data)
}

// write writes everything, or after an error what was left then, and reports the bytes
// written.
func (o *outbox) write(w io.Writer) (int64, error) {
	if o.lent.vec == nil {
		o.lent.vec = o.pieces(o.lent.spare[:0])
		o.lent.rest = o.lent.vec
	}
	n, err := o.lent.rest.WriteTo(w)
	if len(o.lent.rest) == 0 {
		clear(o.lent.vec)
		o.lent.spare, o.lent.vec, o.lent.rest = o.lent.vec, nil, nil
	}
	return n, err
}

// pieces appends what is to be written, in order.
func (o *outbox) pieces(vec net.Buffers) net.Buffers {
	from := 0
	for _, s := range o.splices {
		vec = append(vec, o.buf[from:s.at], s.data)
		from = s.at
	}
	return append(vec, o.buf[from:])
}

// memory is what one outbox at a time is kept in and written from.
type memory struct {
	buf       []byte
	splices   []splice
	vec, rest net.Buffers // of a write under way: all of it, and what is left to write
	spare     net.Buffers // for the next
}

// buffers lends the memory behind outboxes, so that an idle connection holds
// none.
type buffers struct{ pool sync.Pool }

// get lends empty memory.
func (b *buffers) get() *memory {
	if m, ok := b.pool.Get().(*memory); ok {
		return m
	}
	return &memory{buf: make([]byte, 0, 4<<10)}
}

// put takes back what an outbox was lent, as far as it has grown.
func (b *buffers) put(o *outbox) {
	if o.lent == nil || cap(o.buf) > pooledSize || cap(o.splices) > pooledSplices {
		return
	}
	clear(o.splices)
	o.lent.buf, o.lent.splices, o.lent.vec, o.lent.rest = o.buf[:0], o.splices[:0], nil, nil
	b.pool.Put(o.lent)
}

// appendBody appends the body frames of one content, spliced when large.
func (o *outbox) appendBody(channel uint16, body []byte, frameMax uint32) {
	if len(body) < spliceSize {
		o.buf = amqp.AppendBody(o.buf, channel, body, frameMax)
		return
	}
	piece := len(body)
	if frameMax > 0 {
		piece = int(frameMax) - amqp.FrameOverhead // CONN-41: bodies are split at frame-max
	}
	for len(body) > 0 {
		n := min(piece, len(body))
		o.buf = append(o.buf, amqp.FrameBody, byte(channel>>8), byte(channel),
			byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		o.splice(body[:n])
		o.buf = append(o.buf, amqp.FrameEnd)
		body = body[n:]
	}
}
