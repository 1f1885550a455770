package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// A segment is a file of bodies, one after another. It begins with
//
//	mark    8 bytes, "rabbet\x00" and the format's version
//	number  8 bytes, big-endian
//
// and each body with
//
//	sum     4 bytes: CRC-32C of the body
//	length  8 bytes, big-endian
//
// What refers to a body has its length and its sum as well. A body is written once and
// never changed. A segment goes when nothing refers to it; until then what is not
// referred to is punched out where the file system can do so.

// SegmentFolder is the folder of the segments in a store's folder.
const SegmentFolder = "bodies"

const (
	segmentHeader = 16
	bodyHeader    = sumLen + 8
	// segmentBytes ends a segment; one body is never split.
	segmentBytes = 16 << 20
	// openSegments is how many files are kept open for reading.
	openSegments = 32
)

var segmentMark = []byte("rabbet\x00\x01")

// A segment is what is known of a file.
type segment struct {
	number uint64
	live   uint64 // bytes that are referred to, or reserved
	bodies int    // of them
	end    uint64 // where the next body goes
	open   bool   // a writer goes on with it
	found  bool   // it was there at the start
	made   bool   // the file is there, and its folder knows it
	file   *os.File
	info   os.FileInfo // of the file, while it is open
	busy   int         // how many use the file
	used   uint64      // when the file was last wanted, for closing the one that was not
}

// A segmentWriter fills one segment after another.
type segmentWriter struct{ current *segment }

// segments are the files. Those who write know which bytes are theirs; the lock is for
// what is known of the files.
type segments struct {
	dir string

	mu     sync.Mutex
	small  segmentWriter // bodies that a commit writes
	staged segmentWriter // those written ahead of it
	list   map[uint64]*segment
	last   uint64
	clock  uint64
	files  int
}

// open finds the segments that are there. They are empty until use says otherwise.
func (ss *segments) open(dir string) error {
	ss.dir = filepath.Join(dir, SegmentFolder)
	ss.list = make(map[uint64]*segment)
	entries, err := os.ReadDir(ss.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	for _, e := range entries {
		n, err := strconv.ParseUint(strings.TrimSuffix(e.Name(), ".seg"), 16, 64)
		if err != nil || e.Name() != segmentName(n) {
			continue // it is none of ours
		}
		ss.list[n] = &segment{number: n, found: true, made: true}
		ss.last = max(ss.last, n)
	}
	return nil
}

func segmentName(n uint64) string { return fmt.Sprintf("%016x.seg", n) }

func (ss *segments) path(n uint64) string { return filepath.Join(ss.dir, segmentName(n)) }

// reserve takes room for a body.
func (ss *segments) reserve(w *segmentWriter, content []byte) place {
	sum := crcOf(content)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	length := uint64(len(content))
	if s := w.current; s != nil && s.end+bodyHeader+length > segmentBytes {
		s.open = false
		w.current = nil
		if s.bodies == 0 {
			ss.remove(s)
		}
	}
	if w.current == nil {
		ss.last++
		w.current = &segment{number: ss.last, end: segmentHeader, open: true}
		ss.list[ss.last] = w.current
	}
	s := w.current
	p := place{segment: s.number, offset: s.end, length: length, sum: sum}
	s.end += bodyHeader + length
	s.live += bodyHeader + length
	s.bodies++
	return p
}

// use notes at the start that a body is referred to. Its segment may be missing, which
// reading will say.
func (ss *segments) use(p place) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s := ss.list[p.segment]; s != nil {
		s.live += bodyHeader + p.length
		s.bodies++
	}
	ss.last = max(ss.last, p.segment)
}

// free gives back the room of a body that nothing refers to.
func (ss *segments) free(p place) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.list[p.segment]
	if s == nil {
		return
	}
	s.live -= bodyHeader + p.length
	s.bodies--
	switch {
	case s.bodies == 0 && (!s.open || s.end > segmentBytes/4):
		ss.remove(s)
	default:
		if f, err := ss.handle(s, false); err == nil {
			punch(f, int64(p.offset), int64(bodyHeader+p.length))
		}
	}
}

// removeUnused removes what no body at the start refers to.
func (ss *segments) removeUnused() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for _, s := range ss.list {
		if s.bodies == 0 && !s.open {
			ss.remove(s)
		}
	}
}

// remove removes a segment. One that cannot be removed is left to the next start.
func (ss *segments) remove(s *segment) {
	for _, w := range []*segmentWriter{&ss.small, &ss.staged} {
		if w.current == s {
			w.current = nil
		}
	}
	ss.close(s)
	delete(ss.list, s.number)
	_ = os.Remove(ss.path(s.number))
}

func (ss *segments) close(s *segment) {
	if s.file != nil {
		_ = s.file.Close() // what was written to it is synced, or not confirmed
		s.file = nil
		ss.files--
	}
}

// handle is the open file of a segment, made if need be. Called with the lock held.
func (ss *segments) handle(s *segment, create bool) (*os.File, error) {
	ss.clock++
	s.used = ss.clock
	if s.file != nil {
		return s.file, nil
	}
	flag := os.O_RDWR
	if create && !s.made {
		if err := os.MkdirAll(ss.dir, 0o750); err != nil {
			return nil, err
		}
		flag |= os.O_CREATE
	}
	f, err := os.OpenFile(ss.path(s.number), flag, 0o640)
	if err != nil {
		return nil, err
	}
	if s.info, err = f.Stat(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.file = f
	if ss.files++; ss.files > openSegments {
		ss.closeOldest()
	}
	return f, nil
}

// with calls use with the file of a segment, without the lock.
func (ss *segments) with(n uint64, create bool, use func(s *segment, f *os.File) error) error {
	ss.mu.Lock()
	s := ss.list[n]
	if s == nil {
		ss.mu.Unlock()
		return fs.ErrNotExist
	}
	f, err := ss.handle(s, create)
	if err != nil {
		ss.mu.Unlock()
		return err
	}
	s.busy++
	ss.mu.Unlock()
	err = use(s, f)
	ss.mu.Lock()
	s.busy--
	ss.mu.Unlock()
	return err
}

// closeOldest closes the file that nobody wanted for the longest time.
func (ss *segments) closeOldest() {
	var oldest *segment
	for _, s := range ss.list {
		if s.file != nil && s.busy == 0 && (oldest == nil || s.used < oldest.used) {
			oldest = s
		}
	}
	if oldest != nil {
		ss.close(oldest)
	}
}

// write writes a body to its place.
func (ss *segments) write(p place, content []byte) error { return ss.writeAt(p, 0, content) }

// writeAt writes a part of a body, with its header before the first.
func (ss *segments) writeAt(p place, at uint64, part []byte) error {
	return ss.with(p.segment, true, func(_ *segment, f *os.File) error {
		if at == 0 {
			head := appendBodyHeader(nil, &p)
			if p.offset == segmentHeader {
				head = append(binary.BigEndian.AppendUint64(bytes.Clone(segmentMark), p.segment), head...)
			}
			if _, err := f.WriteAt(head, int64(p.offset)+bodyHeader-int64(len(head))); err != nil {
				return err
			}
		}
		_, err := f.WriteAt(part, int64(p.offset+bodyHeader+at))
		return err
	})
}

func appendBodyHeader(b []byte, p *place) []byte {
	b = binary.BigEndian.AppendUint32(b, p.sum)
	return binary.BigEndian.AppendUint64(b, p.length)
}

// sync makes a segment safe, and its name the first time.
func (ss *segments) sync(n uint64) error {
	return ss.with(n, true, func(s *segment, f *os.File) error {
		if err := datasync(f); err != nil {
			return err
		}
		if !isFile(ss.path(n), s.info) {
			return ErrMoved
		}
		ss.mu.Lock()
		made := s.made
		ss.mu.Unlock()
		if made {
			return nil
		}
		if err := errors.Join(syncDir(ss.dir), syncDir(filepath.Dir(ss.dir))); err != nil {
			return err
		}
		ss.mu.Lock()
		defer ss.mu.Unlock()
		s.made = true
		return nil
	})
}

// read reads a body and verifies it.
func (ss *segments) read(p *place) ([]byte, error) {
	var b []byte
	err := ss.with(p.segment, false, func(s *segment, f *os.File) error {
		if end := p.offset + bodyHeader + p.length; end < p.offset || s.found && int64(end) > s.info.Size() {
			return io.ErrUnexpectedEOF // before memory is taken for it
		}
		b = make([]byte, bodyHeader+p.length)
		_, err := f.ReadAt(b, int64(p.offset))
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %s, offset %d: %w", ErrDamaged, segmentName(p.segment), p.offset, err)
	case string(b[:bodyHeader]) != string(appendBodyHeader(nil, p)) || crcOf(b[bodyHeader:]) != p.sum:
		return nil, fmt.Errorf("%w: %s, offset %d: its checksum is wrong", ErrDamaged, segmentName(p.segment), p.offset)
	}
	return b[bodyHeader:len(b):len(b)], nil
}

// end closes all files.
func (ss *segments) end() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for _, s := range ss.list {
		ss.close(s)
	}
}
