// Frames: type, channel, payload size, payload, end octet (CONN-38). Appending
// is all that there is here: the reader of a stream of frames has to decide what
// to do with each broken one, and the header is seven bytes at fixed places.

package amqp

import "encoding/binary"

// The types of frames.
const (
	FrameMethod    = 1
	FrameHeader    = 2
	FrameBody      = 3
	FrameHeartbeat = 8
)

const (
	// FrameEnd is the last octet of every frame.
	FrameEnd = 0xCE
	// FrameHeaderSize is how many bytes precede a payload: type, channel, size.
	FrameHeaderSize = 7
	// FrameOverhead is how many bytes a frame has besides its payload. It counts
	// towards the negotiated frame-max (CONN-41).
	FrameOverhead = FrameHeaderSize + 1
)

// ProtocolHeader is what a client says first (CONN-1), and what RabbitMQ answers to
// anything else (CONN-4).
const ProtocolHeader = "AMQP\x00\x00\x09\x01"

// AppendFrame appends one frame with this payload.
func AppendFrame(b []byte, kind byte, channel uint16, payload []byte) []byte {
	b = appendFrameHeader(b, kind, channel, uint32(len(payload)))
	b = append(b, payload...)
	return append(b, FrameEnd)
}

// AppendMethod appends a method frame.
func AppendMethod(b []byte, channel uint16, m Method) []byte {
	b = appendFrameHeader(b, FrameMethod, channel, 0)
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(m.ID()))
	b = m.Append(b)
	binary.BigEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	return append(b, FrameEnd)
}

// AppendHeader appends a content header frame (BASIC-91). The class is that of the
// method before it, props are flags and values as [Properties.Append] writes
// them.
func AppendHeader(b []byte, channel, class uint16, bodySize uint64, props []byte) []byte {
	const fixed = 2 + 2 + 8 // class, weight, body size
	b = appendFrameHeader(b, FrameHeader, channel, uint32(fixed+len(props)))
	b = binary.BigEndian.AppendUint16(b, class)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint64(b, bodySize)
	b = append(b, props...)
	return append(b, FrameEnd)
}

// AppendBody appends the body frames of a content, as many as a frame-max of this
// many bytes makes necessary (CONN-41): none for an empty body (BASIC-91). A
// frame-max of 0 is no limit (CONN-42).
func AppendBody(b []byte, channel uint16, body []byte, frameMax uint32) []byte {
	largest := len(body)
	if frameMax > FrameOverhead {
		largest = min(largest, int(frameMax-FrameOverhead))
	}
	for len(body) > 0 {
		n := min(len(body), largest)
		b = AppendFrame(b, FrameBody, channel, body[:n])
		body = body[n:]
	}
	return b
}

// AppendHeartbeat appends a heartbeat frame.
func AppendHeartbeat(b []byte) []byte {
	return append(b, FrameHeartbeat, 0, 0, 0, 0, 0, 0, FrameEnd)
}

func appendFrameHeader(b []byte, kind byte, channel uint16, size uint32) []byte {
	return append(b, kind, byte(channel>>8), byte(channel), byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
}
