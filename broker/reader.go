package broker

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
)

// This file reads: bytes from the socket into a buffer that grows and shrinks
// with the traffic, frames out of the buffer, each to who handles it. What one
// read brought is a batch; endBatch does what its messages can share.

const (
	// smallBuffer is the read buffer of a quiet connection.
	smallBuffer = 1 << 10
	// largeBuffer is the size up to which a busy one's grows for speed; a
	// single frame can ask for more.
	largeBuffer = 256 << 10
	// streamSize is the body frame size from which the payload is read
	// straight into the message.
	streamSize = 8 << 10
	// streamHead is how much is read at once after such a frame.
	streamHead = 1 << 10
	// quietReads is the number of small reads in a row that shrink a buffer.
	quietReads = 32
)

type reader struct {
	buf   []byte
	r, w  int  // buf[r:w] is received and not handled yet
	need  int  // bytes that the next frame asks the buffer to hold
	quiet int  // small reads in a row
	bulky bool // the frame before was read straight into a message

	nc   net.Conn
	idle func()     // called when there is nothing to read, or where that cannot be seen before each read
	try  *tryReader // nil where a read does not show that it has waited
}

// newReader returns the reading half of a connection.
func newReader(nc net.Conn, idle func()) reader {
	in := reader{nc: nc, idle: idle}
	if raw := rawSocket(nc); raw != nil {
		in.try = newTryReader(nc, raw, idle)
	}
	return in
}

// run handles frames until the connection ends.
func (in *reader) run(c *conn) error {
	defer c.backlog.idle()
	held := false // frames that have come are still to be handled
	for {
		if !c.awaitAlarms() && !held {
			if err := in.fill(c); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) && c.interrupted() {
					continue
				}
				return err
			}
		}
		held = false
		for !c.blocking && !held {
			handled, err := in.next(c)
			if err != nil {
				return err
			}
			if !handled {
				break
			}
			held = c.out.unread.Load()
		}
		c.endBatch()
		c.awaitWriter()
		c.throttle()
	}
}

// fill reads once, after making room.
func (in *reader) fill(c *conn) error {
	if in.r == in.w {
		in.r, in.w = 0, 0
	}
	size := len(in.buf)
	switch {
	case size < in.need:
		size = in.need
	case size == 0:
		size = smallBuffer
	case in.quiet >= quietReads && in.w == 0 && size > smallBuffer:
		size, in.quiet = smallBuffer, 0
	}
	switch {
	case size != len(in.buf):
		buf := make([]byte, size)
		in.w = copy(buf, in.buf[in.r:in.w])
		in.buf, in.r = buf, 0
	case in.r > 0:
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	room := in.buf[in.w:]
	if in.bulky { // the next frame's start will do, the rest need not be copied
		room = room[:min(len(room), streamHead)]
		in.bulky = false
	}
	n, busy, err := in.read(room)
	c.fx.Busy = busy
	c.received.Add(uint64(n))
	c.reads.Add(1)
	in.w += n
	in.need = 0
	if in.w == len(in.buf) && size < largeBuffer {
		in.need = size * 4
	}
	if n < size/8 {
		in.quiet++
	} else {
		in.quiet = 0
	}
	if n > 0 {
		return nil
	}
	return err
}

// read reads once. busy reports whether the bytes had come before: a client that sends
// faster than the broker reads will have sent more by the time that these are handled.
func (in *reader) read(room []byte) (n int, busy bool, err error) {
	if in.try == nil {
		in.idle()
		n, err = in.nc.Read(room)
		return n, false, err
	}
	n, waited, err := in.try.read(room)
	return n, !waited, err
}

// next handles the frame at the start of the buffer. False means that it is
// not all there yet.
func (in *reader) next(c *conn) (bool, error) {
	b := in.buf[in.r:in.w]
	switch {
	case c.state == stateLinger:
		in.r = in.w
		return false, nil
	case c.state == stateHeader:
		if len(b) < 8 {
			return false, nil
		}
		in.r += 8
		return c.proceed(c.protocolHeader([8]byte(b)), 0)
	case len(b) < amqp.FrameHeaderSize:
		return false, nil
	}
	kind, channel := b[0], binary.BigEndian.Uint16(b[1:])
	size := binary.BigEndian.Uint32(b[3:])
	if err := c.checkFrameSize(kind, size); err != nil {
		return c.proceed(err, 0)
	}
	whole := int(size) + amqp.FrameOverhead
	if len(b) < whole {
		if kind == amqp.FrameBody && size >= streamSize && c.wantsBody(channel) {
			return in.stream(c, channel, int(size))
		}
		in.need = max(in.need, whole)
		return false, nil
	}
	in.r += whole
	payload := b[amqp.FrameHeaderSize : whole-1 : whole-1]
	if end := b[whole-1]; end != amqp.FrameEnd {
		return c.proceed(errFrameEnd(kind, payload, end), 0)
	}
	return c.frame(kind, channel, payload)
}

// stream reads the rest of a large body frame straight to its destination.
func (in *reader) stream(c *conn, channel uint16, size int) (bool, error) {
	ch := c.channels[channel]
	have := in.buf[in.r+amqp.FrameHeaderSize : in.w]
	dst := ch.content.room(size) // and the end of the frame
	n := copy(dst, have)
	in.r, in.w, in.bulky = 0, 0, true
	c.checkAlarms()
	c.endBatch() // nobody is to wait for the rest, which may be long in coming
	if _, err := c.readFull(dst[n:]); err != nil {
		return false, err
	}
	end, dst := dst[size], dst[:size]
	switch {
	case c.state != stateRunning: // interrupted on the way
		return true, nil
	case end != amqp.FrameEnd:
		return c.proceed(errFrameEnd(amqp.FrameBody, dst, end), 0)
	}
	return c.proceed(ch.bodyArrived(), 0)
}

// readFull is io.ReadFull that survives being interrupted.
func (c *conn) readFull(dst []byte) (int, error) {
	for have := 0; ; {
		n, err := io.ReadFull(c.nc, dst[have:])
		c.received.Add(uint64(n))
		c.reads.Add(1)
		have += n
		if !errors.Is(err, os.ErrDeadlineExceeded) || !c.interrupted() {
			return have, err
		}
	}
}

// checkFrameSize is CONN-26 and CONN-40: a payload may exceed the strict limit
// by the eight bytes of a frame's overhead.
func (c *conn) checkFrameSize(kind byte, size uint32) error {
	switch {
	case c.out.frameMax == 0 || size <= c.out.frameMax:
		return nil
	case c.state < stateOpen:
		return refusal.Silently("frame of %d bytes before tuning", size)
	}
	return fatalFrame("%s", amqp.FrameErrorText(kind, nil, "frame_too_large", size, c.out.frameMax-amqp.FrameOverhead))
}

// errFrameEnd is CONN-39.
func errFrameEnd(kind byte, payload []byte, end byte) error {
	return fatalFrame("%s", amqp.FrameErrorText(kind, payload, "invalid_frame_end_marker", uint32(end)))
}

// errUnexpected refuses a frame that has no place where it came.
func errUnexpected(kind byte, payload []byte) error {
	return refusal.WithoutMethod(amqp.UnexpectedFrame, "%s", amqp.FrameErrorText(kind, payload, ""))
}

// fatalFrame is a framing error: nothing received after it is looked at.
func fatalFrame(format string, args ...any) error {
	e := refusal.WithoutMethod(amqp.FrameError, format, args...)
	e.Fatal = true
	return e
}

// proceed ends the connection, or goes on, as the error of a handler asks.
func (c *conn) proceed(err error, blame amqp.MethodID) (bool, error) {
	if err == nil {
		return true, nil
	}
	if errors.Is(err, errFinished) || !c.fail(err, blame) {
		c.endBatch()
		return false, err
	}
	return true, nil
}

// errFinished ends the reader after an orderly close.
var errFinished = errors.New("connection closed")

// frame hands one frame on.
func (c *conn) frame(kind byte, channel uint16, payload []byte) (bool, error) {
	if c.state == stateClosing {
		return c.closingFrame(kind, channel, payload)
	}
	switch kind {
	case amqp.FrameMethod:
		if len(payload) < 4 {
			break
		}
		id := amqp.MethodID(binary.BigEndian.Uint32(payload))
		switch {
		case channel == 0:
			id = c.old.named(id)
			return c.proceed(c.method0(id, payload[4:]), id)
		case c.state == stateRunning:
			return c.proceed(c.channelMethod(channel, id, payload[4:]), id)
		}
		return c.proceed(errUnexpected(kind, payload), 0)
	case amqp.FrameHeader, amqp.FrameBody:
		if kind == amqp.FrameHeader && len(payload) < 12 {
			break
		}
		if channel == 0 || c.state != stateRunning { // CONN-48: 505 for content on channel 0
			return c.proceed(errUnexpected(kind, payload), 0)
		}
		return c.contentFrame(kind, channel, payload)
	case amqp.FrameHeartbeat:
		if len(payload) > 0 {
			break
		}
		if channel != 0 { // CONN-36: heartbeats are for channel 0
			return c.proceed(errUnexpected(kind, payload), 0)
		}
		c.in.quiet = quietReads // who has time for heartbeats needs no large buffer
		return true, nil
	}
	return c.proceed(fatalFrame("%s", amqp.FrameErrorText(kind, payload, "unknown_frame")), 0) // CONN-43: 501 for an unknown type
}

// closingFrame is CONN-70: all but close-ok and close is ignored.
func (c *conn) closingFrame(kind byte, channel uint16, payload []byte) (bool, error) {
	if kind != amqp.FrameMethod || channel != 0 || len(payload) < 4 {
		return true, nil
	}
	switch c.old.named(amqp.MethodID(binary.BigEndian.Uint32(payload))) {
	case amqp.ConnectionCloseOkID:
		return false, errFinished
	case amqp.ConnectionCloseID:
		c.out.sendClosing(&amqp.ConnectionCloseOk{}, c.old, &c.fx)
	}
	return true, nil
}

// endBatch does what the messages of one read share: publishes go to their
// queues, confirms go out, touched writers wake.
func (c *conn) endBatch() {
	c.flushPublishes()
	c.endCounts()
	c.sendConfirms()
	c.performEffects()
	c.forgetLeaving()
	c.fx.Flush()
	c.batch.release()
	if c.b.cfg.Store != nil {
		c.b.cfg.Store.Release() // what was acked may let publishers go on (BASIC-17)
	}
	if c.fx.Logged {
		c.fx.Logged = false
		_ = c.b.cfg.Store.Wait(c.b.life, &c.share) // publishers must not outrun the disk
	}
}
