package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
)

// This file is the format of a chunk.
//
// A chunk's key is its log (8 bytes, big-endian) and the position of its first
// message (8 bytes). Its value:
//
//	version  1 byte, 1
//	sum      4 bytes: CRC-32C of all that follows
//	count    2 bytes: messages
//	volatile 2 bytes: of them, those that a restart drops
//	timed    2 bytes: of them, those with a deadline
//	span     4 bytes: the last message's position less the first's
//	size     8 bytes: sum of the messages' sizes as Message.Size tells
//
// and then the messages, in order of position:
//
//	step     uvarint: position less that of the message before; 0 for the first
//	flags    1 byte: bit 0 volatile
//	deadline uvarint: as the user counts; 0 is none
//	length   uvarint, and that many bytes of the message itself
//
// The settled positions of a chunk are a bitmap in another bucket under the
// same key: bit i, counted from the lowest bit of the first byte, is position
// first+i.
//
// Who changes what is written here, or what a user's message appends, raises
// formatVersion: a program that does not know a format must refuse to open it. What
// it finds inside and does not know is damaged.

const (
	chunkVersion = 1
	chunkHeader  = 1 + 4 + 2 + 2 + 2 + 4 + 8

	// chunkBytes and chunkMessages end a chunk; one message is never split.
	chunkBytes    = 32 << 10
	chunkMessages = 512
	// chunkSpan bounds the positions that a chunk covers, and so its bitmap.
	chunkSpan = 8192

	// recordOverhead is the most that a message takes in a chunk besides its own
	// bytes.
	recordOverhead = 3*binary.MaxVarintLen64 + 1

	flagVolatile = 1
)

var (
	errCorrupt = errors.New("corrupt chunk")
	errSum     = errors.New("corrupt chunk: its checksum is wrong")
)

// summed is where the bytes begin that a chunk's checksum covers.
const summed = 1 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Record is one message as Load finds it.
type Record struct {
	Seq      uint64
	Deadline int64
	Volatile bool
	// Redelivered says that the message may have been with a consumer before
	// the last restart.
	Redelivered bool
	// Data is what the message appended.
	Data []byte
}

// chunkMeta is a chunk's header with the position of its first message.
type chunkMeta struct {
	first                  uint64
	span                   uint32
	count, volatile, timed uint16
	size                   uint64
}

func (m *chunkMeta) last() uint64 { return m.first + uint64(m.span) }

// put writes the header into the first bytes of a chunk that is complete.
func (m *chunkMeta) put(b []byte) {
	b[0] = chunkVersion
	binary.BigEndian.PutUint16(b[5:], m.count)
	binary.BigEndian.PutUint16(b[7:], m.volatile)
	binary.BigEndian.PutUint16(b[9:], m.timed)
	binary.BigEndian.PutUint32(b[11:], m.span)
	binary.BigEndian.PutUint64(b[15:], m.size)
	binary.BigEndian.PutUint32(b[1:], crc32.Checksum(b[summed:], castagnoli))
}

func readMeta(first uint64, b []byte) (chunkMeta, error) {
	if len(b) < chunkHeader {
		return chunkMeta{}, errCorrupt
	}
	if b[0] != chunkVersion {
		return chunkMeta{}, fmt.Errorf("chunk of version %d; this program reads version %d", b[0], chunkVersion)
	}
	m := chunkMeta{
		first: first,
		count: binary.BigEndian.Uint16(b[5:]), volatile: binary.BigEndian.Uint16(b[7:]),
		timed: binary.BigEndian.Uint16(b[9:]), span: binary.BigEndian.Uint32(b[11:]),
		size: binary.BigEndian.Uint64(b[15:]),
	}
	if m.count == 0 || m.span > chunkSpan || m.volatile > m.count || m.timed > m.count {
		return chunkMeta{}, errCorrupt
	}
	return m, nil
}

// appendMessage appends one message to a chunk and counts it in its header.
func appendMessage(b []byte, meta *chunkMeta, op *op) []byte {
	flags := byte(0)
	if op.volatile {
		flags = flagVolatile
		meta.volatile++
	}
	if op.deadline != 0 {
		meta.timed++
	}
	b = binary.AppendUvarint(b, op.seq-meta.last())
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(op.deadline))
	n := op.msg.EncodedLen()
	b = binary.AppendUvarint(b, uint64(n))
	b = op.msg.AppendEncoded(b)
	meta.count++
	meta.span = uint32(op.seq - meta.first)
	meta.size += uint64(op.msg.Size())
	return b
}

// eachRecord visits a chunk's messages in order until visit returns false. The
// data is a view of b. A chunk whose checksum is wrong has none.
func eachRecord(meta *chunkMeta, b []byte, visit func(Record) bool) error {
	if binary.BigEndian.Uint32(b[1:]) != crc32.Checksum(b[summed:], castagnoli) {
		return errSum
	}
	b = b[chunkHeader:]
	seq := meta.first
	for range meta.count {
		step, n := binary.Uvarint(b)
		if n <= 0 || len(b) == n {
			return errCorrupt
		}
		flags := b[n]
		b = b[n+1:]
		if flags&^flagVolatile != 0 {
			return fmt.Errorf("message %d has flags %#x, of which this program knows %#x", seq+step, flags, flagVolatile)
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
		rec := Record{
			Seq: seq, Deadline: int64(deadline), Volatile: flags&flagVolatile != 0,
			Data: b[n : n+int(length) : n+int(length)],
		}
		b = b[n+int(length):]
		if !visit(rec) {
			return nil
		}
	}
	if len(b) > 0 {
		return errCorrupt
	}
	return nil
}

// eachIn is eachRecord for a chunk whose header has not been read.
func eachIn(first uint64, b []byte, visit func(Record) bool) error {
	meta, err := readMeta(first, b)
	if err != nil {
		return err
	}
	return eachRecord(&meta, b, visit)
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

// A LogID names a log: a queue and a priority level in it.
type LogID uint64

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
