// Package export is how the management API hands out the messages of a queue, with all that
// they have, to a program that copies them elsewhere: one after the other, as bytes.
package export

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Message is one message.
type Message struct {
	// ID names it in its queue or delayed exchange for as long as it is there.
	ID string
	// Expires is when it expires, in milliseconds since 1970, and Due is when a delayed one
	// is routed; 0 is never.
	Expires, Due int64
	// Deliveries is how often a quorum queue has got it back.
	Deliveries uint32
	// Exchange and Key are those of the publish.
	Exchange, Key string
	// Properties are as in a content header, and Body is the body.
	Properties, Body []byte
}

// ErrMalformed is returned for bytes that no Append has made.
var ErrMalformed = errors.New("export: malformed message")

// fixed is the length of the fields that have one: the sizes of ID, exchange, key and
// properties among them.
const fixed = 8 + 8 + 4 + 1 + 2 + 2 + 4

// MaxMessage is the largest message that Read takes, in bytes.
const MaxMessage = 1 << 30

// Append appends a message. Names are cut where a length does not fit.
func Append(b []byte, m *Message) []byte {
	id, exchange, key := m.ID[:min(len(m.ID), 0xff)], m.Exchange[:min(len(m.Exchange), 0xffff)], m.Key[:min(len(m.Key), 0xffff)]
	b = binary.BigEndian.AppendUint32(b, uint32(fixed+len(id)+len(exchange)+len(key)+len(m.Properties)+len(m.Body)))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Expires))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Due))
	b = binary.BigEndian.AppendUint32(b, m.Deliveries)
	b = append(b, byte(len(id)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(exchange)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Properties)))
	b = append(append(append(b, id...), exchange...), key...)
	return append(append(b, m.Properties...), m.Body...)
}

// Read reads the next message; io.EOF is the end. The slices are the message's own.
func Read(r io.Reader) (m Message, err error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: it ends in a length", ErrMalformed)
		}
		return m, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < fixed || n > MaxMessage {
		return m, fmt.Errorf("%w: %d bytes", ErrMalformed, n)
	}
	b, err := readAll(r, int(n))
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	m.Expires, m.Due = int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))
	m.Deliveries = binary.BigEndian.Uint32(b[16:])
	id, exchange, key := int(b[20]), int(binary.BigEndian.Uint16(b[21:])), int(binary.BigEndian.Uint16(b[23:]))
	properties := int(binary.BigEndian.Uint32(b[25:]))
	b = b[fixed:]
	if id+exchange+key+properties > len(b) {
		return m, fmt.Errorf("%w: its parts are longer than all of it", ErrMalformed)
	}
	next := func(n int) (part []byte) {
		part, b = b[:n:n], b[n:]
		return part
	}
	m.ID, m.Exchange, m.Key = string(next(id)), string(next(exchange)), string(next(key))
	m.Properties, m.Body = next(properties), b
	return m, nil
}

// readAll reads n bytes, and takes memory for them as they come.
func readAll(r io.Reader, n int) ([]byte, error) {
	const step = 1 << 20
	b := make([]byte, 0, min(n, step))
	for len(b) < n {
		from := len(b)
		b = append(b, make([]byte, min(n-from, max(step, from)))...)
		if _, err := io.ReadFull(r, b[from:]); err != nil {
			return nil, err
		}
	}
	return b, nil
}
