package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
)

// A segment: one file of chunks, with its sparse index.

// indexEvery is about how many bytes of a segment go with one entry of its index.
const indexEvery = 256 << 10

// maxChunks is how many chunks a segment holds at most (STREAM-6).
const maxChunks = 256_000

// An indexEntry says where a chunk is. In the index file it has 32 bytes: offset,
// time, position of 8 bytes each, and a CRC-32C of these in the last 4.
type indexEntry struct {
	first uint64
	time  int64
	pos   int64
}

const indexEntryLen = 32

// A segment is some of a stream's messages. What changes is guarded by the stream's
// lock; all but the last segment only lose their files.
type segment struct {
	first    uint64 // offset of the first message, and the file's name
	next     uint64 // offset behind the last
	size     int64  // of the chunks, in bytes
	chunks   int
	lastTime int64 // of the last chunk, in milliseconds since 1970

	f     file // nil while it is closed
	users int  // those that have it open: readers, and of the last segment the writer

	indexed bool // index is what there is
	index   []indexEntry
	indexF  file // of the last segment
}

// note takes a chunk that was written at pos into account.
func (g *segment) note(h *header, pos int64) {
	var last int64
	n := len(g.index)
	if n > 0 {
		last = g.index[n-1].pos
	}
	if g.indexed && pos-last >= indexEvery {
		g.index = append(g.index, indexEntry{h.first, h.time, pos})
		g.writeIndex(n)
	}
	g.next, g.size, g.lastTime = h.next(), pos+h.size(), h.time
	g.chunks++
}

// writeIndex writes one entry. A fault of the disk costs the index, which is no loss
// but of time.
func (g *segment) writeIndex(n int) {
	if g.indexF == nil {
		return
	}
	e := g.index[n]
	var b [indexEntryLen]byte
	binary.BigEndian.PutUint64(b[0:], e.first)
	binary.BigEndian.PutUint64(b[8:], uint64(e.time))
	binary.BigEndian.PutUint64(b[16:], uint64(e.pos))
	binary.BigEndian.PutUint32(b[28:], crc32.Checksum(b[:28], castagnoli))
	if _, err := g.indexF.WriteAt(b[:], int64(n)*indexEntryLen); err != nil {
		g.indexF.Close()
		g.indexF = nil
	}
}

// readIndex reads an index as far as it makes sense for a segment of a size.
func readIndex(f file, fileSize, size int64) (list []indexEntry) {
	b := make([]byte, fileSize/indexEntryLen*indexEntryLen)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	before := indexEntry{}
	for ; len(b) > 0; b = b[indexEntryLen:] {
		e := indexEntry{
			binary.BigEndian.Uint64(b), int64(binary.BigEndian.Uint64(b[8:])), int64(binary.BigEndian.Uint64(b[16:])),
		}
		if binary.BigEndian.Uint32(b[28:]) != crc32.Checksum(b[:28], castagnoli) || e.pos <= before.pos || e.pos >= size ||
			e.first <= before.first {
			break
		}
		list = append(list, e)
		before = e
	}
	return list
}

// loadIndex makes the index known. Called with nothing but the segment in use.
func (g *segment) loadIndex(d folder) []indexEntry {
	f, size, err := d.open(indexName(g.first))
	if err != nil {
		return nil
	}
	defer f.Close()
	return readIndex(f, size, g.size)
}

// before is the position of the last chunk of an index for which not is false; the
// index is ordered so that these come first.
func before(index []indexEntry, not func(e indexEntry) bool) int64 {
	i := sort.Search(len(index), func(i int) bool { return not(index[i]) })
	if i == 0 {
		return 0
	}
	return index[i-1].pos
}

// seek finds the first chunk from a position on for which there is true, with its
// header. The error is io.EOF if there is none, or that of reading; damage is told to
// fault and passed over.
func seek(f file, from, end int64, there func(h *header) bool, fault func(error)) (h header, at int64, err error) {
	sc := newScanner(f, from, end)
	for {
		h, at, err = sc.next()
		if errors.Is(err, ErrDamaged) {
			fault(err)
			err = sc.resync()
			if err == nil {
				continue
			}
		}
		if err != nil || there(&h) {
			return h, at, err
		}
	}
}

// readWindow is how many bytes of a segment are read at once, unless a chunk is
// larger.
const readWindow = chunkBytes + 4<<10

// readBatch reads the chunks from a position on that fit in one window, at least one,
// and returns where the next begins. It leaves out those that a filter with these
// hashes does not want. Chunks behind one that is damaged are left to the next call;
// with ErrDamaged there was none before it.
func readBatch(f file, pos, end int64, want *Filter, hashes []uint64) (b *batch, next int64, err error) {
	buf := make([]byte, min(readWindow, end-pos))
	if buf, err = readFull(f, buf, pos); err != nil {
		return nil, pos, err
	}
	if h, ok := parseHeader(buf); ok && h.size() > int64(len(buf)) && h.size() <= end-pos {
		if buf, err = readFull(f, make([]byte, h.size()), pos); err != nil {
			return nil, pos, err
		}
	}
	b, n, err := decodeAll(buf, want, hashes)
	return b, pos + n, err
}

// readFull reads as much of a segment as fits, and returns it.
func readFull(f file, buf []byte, pos int64) ([]byte, error) {
	n, err := f.ReadAt(buf, pos)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return buf[:n], err
}

// decodeAll decodes the whole chunks in front of buf, and returns how many bytes they
// are.
func decodeAll(buf []byte, want *Filter, hashes []uint64) (b *batch, n int64, err error) {
	b = &batch{}
	for {
		h, ok := parseHeader(buf)
		switch {
		case ok && h.size() > int64(len(buf)) && n > 0, len(buf) == 0 && n > 0:
			return b, n, nil
		case !ok || h.size() > int64(len(buf)):
			err = fmt.Errorf("%w: no chunk", ErrDamaged)
		case h.mayMatch(want, hashes):
			err = b.decode(&h, buf[headerLen+len(h.filter):h.size()])
		}
		if err != nil && n > 0 { // the next call says so
			return b, n, nil
		}
		if err != nil {
			return nil, 0, err
		}
		b.next = h.next()
		n += h.size()
		buf = buf[h.size():]
	}
}
