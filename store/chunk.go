package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// The format of a chunk.
//
// A chunk's key is its log (8 bytes, big-endian) and the position of its first
// message (8 bytes). Its value:
//
//	sum      4 bytes, as each value has it
//	version  1 byte, 2
//	count    2 bytes: messages
//	volatile 2 bytes: of them, those that a restart drops
//	timed    2 bytes: of them, those with a deadline
//	bodies   2 bytes: of them, those whose content is in a segment
//	span     4 bytes: the last message's position less the first's
//	size     8 bytes: sum of the messages' sizes as Message.Size tells
//
// and then the messages, in order of position:
//
//	step     uvarint: position less that of the message before; 0 for the first
//	flags    1 byte: bit 0 volatile, bit 1 the content is in a segment
//	deadline uvarint: as the user counts; 0 is none
//	length   uvarint, and that many bytes: the message's head, and its content unless
//	         that is in a segment
//	content  if it is in a segment, where: number of the segment, offset and length as
//	         uvarints, and its CRC-32C (4 bytes)
//
// The settled positions of a chunk are a bitmap in another bucket under the
// same key: bit i, counted from the lowest bit of the first byte, is position
// first+i. So are the messages that may have been with a consumer, with notes behind the
// bitmap: see notes.go.
//
// Who changes what is written here, or what a user's message appends, raises
// formatVersion: a program that does not know a format must refuse to open it. What
// it finds inside and does not know is damaged.

const (
	chunkVersion = 2
	chunkHeader  = sumLen + 1 + 2 + 2 + 2 + 2 + 4 + 8

	// chunkBytes and chunkMessages end a chunk; one message is never split.
	chunkBytes    = 32 << 10
	chunkMessages = 512
	// chunkSpan bounds the positions that a chunk covers, and so its bitmap.
	chunkSpan = 8192

	// recordOverhead is the most that a message takes in a chunk besides its own
	// bytes.
	recordOverhead = 6*binary.MaxVarintLen64 + 1 + sumLen

	flagVolatile = 1
	flagBody     = 2
)

var (
	errCorrupt = errors.New("corrupt chunk")
	errSum     = errors.New("corrupt chunk: its checksum is wrong")
)

// chunkMeta is a chunk's header with the position of its first message.
type chunkMeta struct {
	first                  uint64
	span                   uint32
	count, volatile, timed uint16
	bodies                 uint16
	size                   uint64
}

func (m *chunkMeta) last() uint64 { return m.first + uint64(m.span) }

// put writes the header into the first bytes of a chunk that is complete.
func (m *chunkMeta) put(b, key []byte) {
	b[4] = chunkVersion
	binary.BigEndian.PutUint16(b[5:], m.count)
	binary.BigEndian.PutUint16(b[7:], m.volatile)
	binary.BigEndian.PutUint16(b[9:], m.timed)
	binary.BigEndian.PutUint16(b[11:], m.bodies)
	binary.BigEndian.PutUint32(b[13:], m.span)
	binary.BigEndian.PutUint64(b[17:], m.size)
	binary.BigEndian.PutUint32(b, sumOf(bucketChunks, key, b[sumLen:]))
}

func readMeta(first uint64, b []byte) (chunkMeta, error) {
	if len(b) < chunkHeader {
		return chunkMeta{}, errCorrupt
	}
	if b[4] != chunkVersion {
		return chunkMeta{}, fmt.Errorf("chunk of version %d; this program reads version %d", b[4], chunkVersion)
	}
	m := chunkMeta{
		first: first,
		count: binary.BigEndian.Uint16(b[5:]), volatile: binary.BigEndian.Uint16(b[7:]),
		timed: binary.BigEndian.Uint16(b[9:]), bodies: binary.BigEndian.Uint16(b[11:]),
		span: binary.BigEndian.Uint32(b[13:]), size: binary.BigEndian.Uint64(b[17:]),
	}
	if m.count == 0 || m.span > chunkSpan || m.volatile > m.count || m.timed > m.count || m.bodies > m.count {
		return chunkMeta{}, errCorrupt
	}
	return m, nil
}

// appendMessage appends one message to a chunk and counts it in its header. With a
// body its content is where that says.
func appendMessage(b []byte, meta *chunkMeta, op *Op, body *body) []byte {
	flags := byte(0)
	if op.Volatile {
		flags = flagVolatile
		meta.volatile++
	}
	if op.Deadline != 0 {
		meta.timed++
	}
	content := op.Message.Content()
	n := op.Message.EncodedLen()
	if body != nil {
		flags |= flagBody
		meta.bodies++
	} else {
		n += len(content)
	}
	b = binary.AppendUvarint(b, op.Seq-meta.last())
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(op.Deadline))
	b = binary.AppendUvarint(b, uint64(n))
	b = op.Message.AppendEncoded(b)
	if body != nil {
		b = body.place.append(b)
	} else {
		b = append(b, content...)
	}
	meta.count++
	meta.span = uint32(op.Seq - meta.first)
	meta.size += uint64(op.Message.Size())
	return b
}

// A stored is one message as a chunk has it.
type stored struct {
	Record
	place place // of its content; zero if that is in Data
}

// eachRecord visits a chunk's messages in order until visit returns false. What it gets
// is valid during the visit, and the data is a view of b. A chunk whose checksum is wrong has none.
func eachRecord(meta *chunkMeta, key, b []byte, visit func(*stored) bool) error {
	if _, ok := unseal(bucketChunks, key, b); !ok {
		return errSum
	}
	b = b[chunkHeader:]
	seq := meta.first
	var rec stored // one for all: it escapes
	for range meta.count {
		step, n := binary.Uvarint(b)
		if n <= 0 || len(b) == n {
			return errCorrupt
		}
		flags := b[n]
		b = b[n+1:]
		if flags&^(flagVolatile|flagBody) != 0 {
			return fmt.Errorf("message %d has flags %#x, of which this program knows %#x", seq+step, flags, flagVolatile|flagBody)
		}
		deadline, n := binary.Uvarint(b)
		if n <= 0 {
			return errCorrupt
		}
		b = b[n:]
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return errCorrupt
		}
		seq += step
		if seq > meta.last() {
			return errCorrupt
		}
		rec = stored{Record: Record{
			Seq: seq, Deadline: int64(deadline), Volatile: flags&flagVolatile != 0,
			Data: b[n : n+int(length) : n+int(length)],
		}}
		b = b[n+int(length):]
		if flags&flagBody != 0 {
			if b = rec.place.read(b); b == nil {
				return errCorrupt
			}
		}
		if !visit(&rec) {
			return nil
		}
	}
	if len(b) > 0 {
		return errCorrupt
	}
	return nil
}

// eachIn is eachRecord for a chunk whose header has not been read.
func eachIn(first uint64, key, b []byte, visit func(*stored) bool) error {
	meta, err := readMeta(first, b)
	if err != nil {
		return err
	}
	return eachRecord(&meta, key, b, visit)
}

// A bitmap marks positions of a chunk, counted from its first.
type bitmap []byte

func (m bitmap) has(i uint64) bool {
	return i/8 < uint64(len(m)) && m[i/8]&(1<<(i%8)) != 0
}

// count is the number of positions that are marked.
func (m bitmap) count() (n int) {
	for _, b := range m {
		n += bits.OnesCount8(b)
	}
	return n
}

// set marks a position and reports whether that was new.
func (m *bitmap) set(i uint64) bool {
	for uint64(len(*m)) <= i/8 {
		*m = append(*m, 0)
	}
	if m.has(i) {
		return false
	}
	(*m)[i/8] |= 1 << (i % 8)
	return true
}

const maxLogID = LogID(math.MaxUint64)

const chunkKeyLen = 8 + 8

func chunkKey(b []byte, id LogID, first uint64) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(id))
	return binary.BigEndian.AppendUint64(b, first)
}

func splitKey(k []byte) (LogID, uint64, error) {
	if len(k) != chunkKeyLen {
		return 0, 0, errCorrupt
	}
	return LogID(binary.BigEndian.Uint64(k)), binary.BigEndian.Uint64(k[8:]), nil
}
