package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/rabbetmq/rabbet/amqp"
)

const (
	// largestBuffer is to what a buffer grows, in bytes: two of the largest frames.
	largestBuffer = 2 * MaxFrame
	// least is the smallest buffer: what a frame may have before frame-max is agreed (CONN-41).
	least = 4096
)

// ErrSyntax ends a stream with a frame that is none.
var ErrSyntax = errors.New("the broker sent a malformed frame")

// A Frame is one that has been read. Its bytes are valid until the next read.
type Frame struct {
	Kind    byte
	Channel uint16
	// Whole is the frame from its type to its end octet.
	Whole []byte
}

// Payload is what the frame carries.
func (f Frame) Payload() []byte { return f.Whole[amqp.FrameHeaderSize : len(f.Whole)-1] }

// Method is the method of a method frame, which has one.
func (f Frame) Method() amqp.MethodID { return amqp.MethodID(binary.BigEndian.Uint32(f.Payload())) }

// Args are the arguments of a method frame.
func (f Frame) Args() []byte { return f.Payload()[4:] }

// A Reader takes frames out of a stream, as many as a read brings. It keeps the frame at
// hand whole and in place, so that a frame can be passed on as it is.
type Reader struct {
	src   io.Reader
	buf   []byte // what is read and not yet used is buf[r:w]
	r, w  int
	limit uint32 // of a whole frame
}

// NewReader reads from src. Its buffer has this many bytes at first, and grows while reads
// fill it.
func NewReader(src io.Reader, buffer int) *Reader {
	return &Reader{src: src, buf: make([]byte, min(max(buffer, least), largestBuffer)), limit: MaxFrame}
}

// Next waits for a frame. It returns io.EOF where the stream ends after a whole frame, and
// io.ErrUnexpectedEOF within one.
func (r *Reader) Next() (Frame, error) {
	for {
		f, ok, err := r.Buffered()
		if ok || err != nil {
			return f, err
		}
		if err := r.Fill(); err != nil {
			return Frame{}, err
		}
	}
}

// Buffered returns the next frame if the whole of it has been read. Method and header
// frames are as long as what they must have.
func (r *Reader) Buffered() (f Frame, ok bool, err error) {
	p := r.buf[r.r:r.w]
	if len(p) < amqp.FrameHeaderSize {
		return Frame{}, false, nil
	}
	size := binary.BigEndian.Uint32(p[3:])
	switch {
	case string(p[:4]) == amqp.ProtocolHeader[:4]:
		return Frame{}, false, errors.New("the broker does not speak AMQP 0-9-1")
	case size > r.limit-amqp.FrameOverhead: // CONN-41: larger than was agreed
		return Frame{}, false, fmt.Errorf("the broker sent a frame of %d bytes, where %d are agreed", uint64(size)+amqp.FrameOverhead, r.limit)
	case len(p) < int(size)+amqp.FrameOverhead:
		return Frame{}, false, nil
	}
	p = p[:size+amqp.FrameOverhead]
	if p[len(p)-1] != amqp.FrameEnd || p[0] == amqp.FrameMethod && size < 4 || p[0] == amqp.FrameHeader && size < 14 {
		return Frame{}, false, ErrSyntax
	}
	r.r += len(p)
	return Frame{p[0], binary.BigEndian.Uint16(p[1:]), p}, true, nil
}

// Fill reads once, into what the buffer has free. It invalidates the frames before.
func (r *Reader) Fill() error {
	to := r.buf
	if r.w == len(r.buf) && len(r.buf) < largestBuffer { // the last read has filled it
		to = make([]byte, min(4*len(r.buf), largestBuffer))
	}
	if r.r > 0 || len(to) > len(r.buf) {
		r.w = copy(to, r.buf[r.r:r.w])
		r.buf, r.r = to, 0
	}
	if r.w == len(r.buf) {
		return io.ErrShortBuffer
	}
	n, err := r.src.Read(r.buf[r.w:])
	r.w += n
	switch {
	case n > 0: // an error comes again
		return nil
	case errors.Is(err, io.EOF) && r.w > 0:
		return io.ErrUnexpectedEOF
	}
	return err
}

// Unread is what has been read and not yet used.
func (r *Reader) Unread() []byte { return r.buf[r.r:r.w] }

// Skip uses up n bytes of what is unread.
func (r *Reader) Skip(n int) { r.r += n }
