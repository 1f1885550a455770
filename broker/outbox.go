package broker

import (
	"net"
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
)

// This file is what a connection has yet to write: frames are appended under
// the connection's lock, the writer goroutine takes them all at once.

const (
	// highWater is the number of bytes in an outbox past which consumers of
	// the connection are parked until the writer has caught up. With what the
	// writer has taken it bounds the memory that a slow reader costs.
	highWater = 512 << 10
	// replyWater is where even direct replies, which no queue can hold back,
	// are dropped.
	replyWater = 16 << 20
	// answerWater is the number of bytes of answers, returned messages included,
	// that wait for the client to read: past it nothing more is read from it.
	answerWater = 1 << 20
	// spliceSize is the body size from which a body is not copied into the
	// outbox but written from where it is.
	spliceSize = 4 << 10
	// pooledSize is the largest buffer kept for reuse.
	pooledSize = 1 << 20
)

// An outbox is bytes to write, with large bodies spliced in.
type outbox struct {
	buf     []byte
	lent    *[]byte // where buf came from
	splices []splice
	spliced int // sum of the spliced bodies' bytes
	answers int // bytes of all but deliveries
}

// A splice is a piece of a body that belongs before buf[at].
type splice struct {
	at   int
	data []byte
}

func (o *outbox) size() int { return len(o.buf) + o.spliced }

func (o *outbox) splice(data []byte) {
	o.splices = append(o.splices, splice{len(o.buf), data})
	o.spliced += len(data)
}

// write writes everything and reports the bytes written.
func (o *outbox) write(nc net.Conn) (int64, error) {
	if len(o.splices) == 0 {
		n, err := nc.Write(o.buf)
		return int64(n), err
	}
	vec := make(net.Buffers, 0, 2*len(o.splices)+1)
	from := 0
	for _, s := range o.splices {
		vec = append(vec, o.buf[from:s.at], s.data)
		from = s.at
	}
	vec = append(vec, o.buf[from:])
	return vec.WriteTo(nc)
}

// buffers lends the memory behind outboxes, so that an idle connection holds
// none.
type buffers struct{ pool sync.Pool }

// get lends an empty buffer.
func (b *buffers) get() *[]byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return p
	}
	p := make([]byte, 0, 4<<10)
	return &p
}

// put takes back what an outbox was lent, as far as it has grown.
func (b *buffers) put(o *outbox) {
	if o.lent != nil && cap(o.buf) <= pooledSize {
		*o.lent = o.buf[:0]
		b.pool.Put(o.lent)
	}
}

// appendBody appends the body frames of one content, spliced when large.
func (o *outbox) appendBody(channel uint16, body []byte, frameMax uint32) {
	if len(body) < spliceSize {
		o.buf = amqp.AppendBody(o.buf, channel, body, frameMax)
		return
	}
	piece := len(body)
	if frameMax > 0 {
		piece = int(frameMax) - amqp.FrameOverhead // CONN-41
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
