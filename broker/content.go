package broker

import (
	"encoding/binary"
	"strings"
	"unsafe"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/queue"
)

// This file assembles a content, publish method, header and bodies, into one
// message (CONN-49 to CONN-56).

type contentPhase uint8

const (
	contentNone   contentPhase = iota // no content under way
	contentHeader                     // the header is next
	contentBody                       // body bytes are missing
)

// A content is what one channel has received of a message.
type content struct {
	phase contentPhase
	route *route
	size  uint64 // the body's, as the header gave it
	got   uint64 // of the body
	over  bool   // more came than the header announced (CONN-53)
	// refusal is what the method gets when its content is complete; nil for a publish
	// on an open channel.
	refusal *amqp.Error
	drop    bool // too large (BASIC-7): the body is counted and not kept
	// bytes holds the properties, then the body as far as it has come.
	bytes []byte
	props int // length of the properties
}

// maxUpfront is the largest body for which memory is taken before it came: a
// header alone must not make the broker allocate what it claims.
const maxUpfront = streamSize

func (ct *content) reset() { *ct = content{} }

// interrupted is what a method amidst a content gets (CONN-50, CONN-52).
func (ct *content) interrupted() error {
	if ct.phase == contentHeader {
		return ct.violation("expected content header for class 60, got non content header frame instead")
	}
	return ct.violation("expected content body, got non content body frame instead")
}

func (ct *content) violation(format string, args ...any) error {
	return ct.blame(amqp.Errorf(amqp.UnexpectedFrame, format, args...))
}

// broken is the refusal of a size that cannot be.
func (ct *content) broken(format string, args ...any) error {
	return ct.blame(amqp.Errorf(amqp.FrameError, format, args...))
}

// blame notes the method whose content it is.
func (ct *content) blame(e *amqp.Error) error {
	e.Method = amqp.BasicPublishID
	if ct.refusal != nil {
		e.Method = ct.refusal.Method
	}
	return e
}

// refuse has a method refused when its content is complete, as RabbitMQ does
// (CONN-59, CONN-60).
func (ct *content) refuse(method amqp.MethodID, why *amqp.Error) {
	why.Method = method
	*ct = content{phase: contentHeader, refusal: why, drop: true}
}

// contentFrame handles a header or body frame on a channel other than 0.
func (c *conn) contentFrame(kind byte, id uint16, payload []byte) (bool, error) {
	ch := c.channel(id)
	if ch == nil || ch.content.phase == contentNone {
		if ch == nil {
			if err := c.checkChannelMax(); err != nil {
				return c.proceed(err, 0)
			}
		}
		return c.proceed(refusal.WithoutMethod(amqp.UnexpectedFrame,
			"expected method frame, got non method frame instead"), 0) // CONN-49: 505 for content out of place
	}
	c.checkAlarms()
	var err error
	if kind == amqp.FrameHeader {
		err = ch.headerArrived(payload)
	} else {
		err = ch.bodyFrame(payload)
	}
	return c.proceed(err, amqp.BasicPublishID)
}

// headerArrived takes a content header: class, weight, body size, properties.
func (ch *channel) headerArrived(payload []byte) error {
	ct := &ch.content
	class, weight := binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])
	switch {
	case ct.phase == contentBody, weight != 0:
		return ct.interrupted()
	case class != 60: // CONN-51: 505 for another class
		return ct.violation("expected content header for class 60, got one for class %d instead", class)
	}
	props := payload[12:]
	ct.size = binary.BigEndian.Uint64(payload[4:])
	if most := ch.c.b.profile.MaxHeader; most > 0 && ct.size > most {
		return ct.broken("content body size %d exceeds maximum allowed size %d", ct.size, most)
	}
	ct.props = len(props)
	upfront := 0
	if ct.size <= maxUpfront {
		upfront = int(ct.size)
	}
	ct.drop = ct.refusal != nil || ch.c.b.cfg.checkSize(ct.size) != nil
	ch.c.batch.expect(ch.c.in.w-ch.c.in.r, len(props)+upfront)
	ct.bytes = append(ch.c.batch.bytes(len(props)+upfront), props...)
	ct.phase = contentBody
	if ct.size == 0 {
		return ch.contentComplete()
	}
	return nil
}

// bodyFrame takes a body frame that is in the read buffer.
func (ch *channel) bodyFrame(payload []byte) error {
	ct := &ch.content
	if ct.phase != contentBody {
		return ct.interrupted()
	}
	if ct.take(len(payload)) {
		ct.bytes = append(ct.bytes, payload...)
	}
	return ch.bodyArrived()
}

// take counts body bytes and reports whether they are to be kept. With bytes
// beyond the announced size the content is never complete (CONN-53).
func (ct *content) take(n int) bool {
	if ct.over = ct.over || uint64(n) > ct.size-ct.got; ct.over {
		return false
	}
	ct.got += uint64(n)
	return !ct.drop
}

// wantsBody reports whether a body frame on the channel can be read straight
// into a message.
func (c *conn) wantsBody(id uint16) bool {
	if c.state != stateRunning {
		return false
	}
	ch := c.channel(id)
	return ch != nil && ch.content.phase == contentBody && !ch.content.over
}

// room extends the body by n bytes and returns them to be filled, and one more byte for
// the end of the frame. Bytes that are not kept get memory of their own, and no place in
// the message.
func (ct *content) room(n int) []byte {
	if !ct.take(n) {
		return make([]byte, n+1)
	}
	have := len(ct.bytes)
	if cap(ct.bytes)-have <= n {
		// Grow towards the announced size, but never past twice what has come.
		total := min(uint64(ct.props)+ct.size, max(uint64(2*have), uint64(have+n)))
		ct.bytes = append(uncleared(int(total) + 1)[:0], ct.bytes...)
	}
	ct.bytes = ct.bytes[:have+n]
	return ct.bytes[have : have+n+1]
}

// uncleared is memory of n bytes, at least one, that hold anything: to clear what is
// overwritten at once takes a tenth of the time that a large body costs. Only a
// strings.Builder has such memory; nothing else refers to this one's.
func uncleared(n int) []byte {
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), n)
}

// bodyArrived goes on once body bytes are in place.
func (ch *channel) bodyArrived() error {
	ct := &ch.content
	if ct.over && ch.c.b.profile.ExcessDies { // CONN-53: at once from 4.3
		return ct.broken("content body frame exceeds remaining content size")
	}
	if ct.over || ct.got < ct.size {
		return nil
	}
	return ch.contentComplete()
}

// contentComplete publishes what has been assembled.
func (ch *channel) contentComplete() error {
	ct := &ch.content
	rt, size, refusal := ct.route, ct.size, ct.refusal
	props, body := ct.bytes[:ct.props:ct.props], ct.bytes[ct.props:]
	ct.reset()
	switch {
	case refusal != nil:
		return refusal
	case ch.closing: // CONN-64: a closing channel ignores what comes
		return nil
	}
	m := ch.c.batch.message()
	*m = queue.Message{Exchange: rt.exchange, Key: rt.key, Props: props, Body: body}
	return ch.c.channelFailed(ch, amqp.BasicPublishID, ch.c.tapped.publish(&ch.publishHalf, rt, m, size))
}
