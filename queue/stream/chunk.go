package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// A chunk is a header, the filter, and the messages:
//
//	magic    4 bytes, "RbSt"
//	sum      4 bytes: CRC-32C of what follows, up to the end of the filter
//	version  1 byte, 1
//	flags    1 byte: bit 0 says that some messages have no filter value
//	filter   1 byte: its length; 0 says that no message has a filter value
//	         1 byte, 0
//	body sum 4 bytes: CRC-32C of the messages
//	first    8 bytes: offset of the first message
//	time     8 bytes: when the last message came, in milliseconds since 1970
//	write    8 bytes: where in the segment the write began that this chunk was part of
//	length   4 bytes: of the messages
//	count    4 bytes: number of messages
//	filter   a Bloom filter of the messages' filter values
//	messages each a uvarint of length, and as queue.Message encodes itself
//
// All numbers are big-endian. Who changes any of it raises the version.

const (
	chunkMagic   = "RbSt"
	chunkVersion = 1
	headerLen    = 48
	summed       = 8 // where the bytes begin that the header's checksum covers

	flagUnfiltered = 1

	// chunkBytes and chunkMessages end a chunk; one message is never split.
	chunkBytes    = 64 << 10
	chunkMessages = 2048
	// chunkSpan is for how long a chunk takes messages, in milliseconds, so that its
	// time is that of all of them.
	chunkSpan = 50
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged says that part of a segment makes no sense. Its messages are left out.
var ErrDamaged = errors.New("stream: damaged segment")

// A header is a chunk's header.
type header struct {
	first      uint64
	time       int64
	write      int64
	length     uint32
	count      uint32
	bodySum    uint32
	unfiltered bool
	filter     filter
}

// size is the length of the whole chunk.
func (h *header) size() int64 { return int64(headerLen+len(h.filter)) + int64(h.length) }

// next is the offset behind the chunk.
func (h *header) next() uint64 { return h.first + uint64(h.count) }

// put completes a chunk: b is the whole of it, with the messages in place.
func (h *header) put(b []byte) {
	copy(b, chunkMagic)
	b[8], b[9], b[10], b[11] = chunkVersion, 0, byte(len(h.filter)), 0
	if h.unfiltered {
		b[9] = flagUnfiltered
	}
	copy(b[headerLen:], h.filter)
	body := headerLen + len(h.filter)
	h.length, h.bodySum = uint32(len(b)-body), crc32.Checksum(b[body:], castagnoli)
	binary.BigEndian.PutUint32(b[12:], h.bodySum)
	binary.BigEndian.PutUint64(b[16:], h.first)
	binary.BigEndian.PutUint64(b[24:], uint64(h.time))
	binary.BigEndian.PutUint64(b[32:], uint64(h.write))
	binary.BigEndian.PutUint32(b[40:], h.length)
	binary.BigEndian.PutUint32(b[44:], h.count)
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[summed:body], castagnoli))
}

// parseHeader reads a header with its filter, which is a view of b. It is false if
// that is none, or is cut off.
func parseHeader(b []byte) (h header, ok bool) {
	if len(b) < headerLen || string(b[:4]) != chunkMagic || b[8] != chunkVersion {
		return h, false
	}
	end := headerLen + int(b[10])
	if len(b) < end || binary.BigEndian.Uint32(b[4:]) != crc32.Checksum(b[summed:end], castagnoli) {
		return h, false
	}
	h = header{
		first: binary.BigEndian.Uint64(b[16:]), time: int64(binary.BigEndian.Uint64(b[24:])),
		write: int64(binary.BigEndian.Uint64(b[32:])), length: binary.BigEndian.Uint32(b[40:]),
		count: binary.BigEndian.Uint32(b[44:]), bodySum: binary.BigEndian.Uint32(b[12:]),
		unfiltered: b[9]&flagUnfiltered != 0, filter: b[headerLen:end:end],
	}
	return h, h.count > 0
}

// soundBody reports whether the messages are what was written.
func (h *header) soundBody(body []byte) bool {
	return uint32(len(body)) == h.length && crc32.Checksum(body, castagnoli) == h.bodySum
}

// A batch is the messages of some chunks that follow each other, decoded. It does not
// change any more once it is shared.
type batch struct {
	offsets []uint64
	items   []queue.Message
	next    uint64 // offset behind the chunks
	arena   []byte // of the properties
}

// decode adds the messages of a chunk, whose body they refer to. Each gets the header
// x-stream-offset (STREAM-30). With an error none is added.
func (b *batch) decode(h *header, body []byte) error {
	if !h.soundBody(body) {
		return fmt.Errorf("%w: checksum of the chunk at offset %d", ErrDamaged, h.first)
	}
	before := len(b.items)
	b.items = slices.Grow(b.items, int(h.count))
	b.offsets = slices.Grow(b.offsets, int(h.count))
	for i := range uint64(h.count) {
		n, size := binary.Uvarint(body)
		if size <= 0 || n > uint64(len(body)-size) {
			return b.undo(before, h.first+i, errLength)
		}
		end := size + int(n)
		b.items = append(b.items, queue.Message{})
		m := &b.items[len(b.items)-1]
		var last *queue.Message
		if len(b.items) > 1 {
			last = &b.items[len(b.items)-2]
		}
		if err := queue.ViewStored(m, body[size:end:end], last); err != nil {
			return b.undo(before, h.first+i, err)
		}
		b.arena, m.Props = appendWithOffset(b.arena, m.Props, h.first+i)
		b.offsets = append(b.offsets, h.first+i)
		body = body[end:]
	}
	return nil
}

var errLength = errors.New("length")

// undo takes out what was decoded of a chunk that makes no sense.
func (b *batch) undo(n int, offset uint64, err error) error {
	b.items, b.offsets = b.items[:n], b.offsets[:n]
	return fmt.Errorf("%w: message %d: %w", ErrDamaged, offset, err)
}

// offsetRoom is the most that the header x-stream-offset adds to properties.
const offsetRoom = 4 + offsetEntry

const (
	offsetName  = "x-stream-offset"
	offsetEntry = 1 + len(offsetName) + 1 + 8
)

// appendWithOffset appends properties with the header x-stream-offset in front of
// the others, and returns them as well.
func appendWithOffset(b []byte, props amqp.RawProperties, offset uint64) ([]byte, amqp.RawProperties) {
	if cap(b)-len(b) < len(props)+offsetRoom {
		b = make([]byte, 0, max(chunkBytes, len(props)+offsetRoom))
	}
	start := len(b)
	flags, at := props.Flags(), 2
	for _, before := range [...]amqp.PropertyFlags{amqp.HasContentType, amqp.HasContentEncoding} {
		if flags&before != 0 {
			at += 1 + int(props[at])
		}
	}
	b = binary.BigEndian.AppendUint16(b, uint16(flags|amqp.HasHeaders))
	b = append(b, props[2:at]...)
	length := uint32(offsetEntry)
	if flags&amqp.HasHeaders != 0 {
		length += binary.BigEndian.Uint32(props[at:])
		at += 4
	}
	b = binary.BigEndian.AppendUint32(b, length)
	b = append(append(append(b, byte(len(offsetName))), offsetName...), 'l')
	b = binary.BigEndian.AppendUint64(b, offset)
	b = append(b, props[at:]...)
	return b, amqp.RawProperties(b[start:len(b):len(b)])
}
