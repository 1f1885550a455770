package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

// The pages of the database as bbolt lays them out, read without it: bbolt takes them
// as they are, and what makes no sense ends the process, or leaves out keys without a
// word. Numbers are in the byte order of the machine, as bbolt has them.

const (
	pageHeader  = 16 // id 8, flags 2, count 2, overflow 4
	elementLen  = 16 // of a branch: pos 4, ksize 4, page 8; of a leaf: flags 4, pos 4, ksize 4, vsize 4
	metaLen     = 64 // after the header
	metaSummed  = 56
	metaMagic   = 0xED0CDAED
	metaVersion = 2

	branchPage = 1
	leafPage   = 2
	bucketLeaf = 1

	bucketHeader = 16 // page 8, sequence 8; a page of 0 follows right there
	maxDepth     = 64
)

var order = binary.NativeEndian

// A walker visits all that a database holds.
type walker struct {
	file  io.ReaderAt
	page  int64 // bytes of a page
	pages uint64
	used  []uint64 // a bit for each page that was met
	visit func(bucket string, e *entry) error
	// metaFault says that one of the two meta pages makes no sense.
	metaFault error
}

// An entry is a key and its value. The value is read when it is asked for.
type entry struct {
	key  []byte
	size int
	read func(n int) ([]byte, error)
}

// walk visits every key of every bucket, in order, and fails with ErrDamaged and the
// page where something makes no sense.
func (w *walker) walk(size int64) error {
	root, err := w.meta(size)
	if err == nil {
		w.used = make([]uint64, w.pages/64+1)
		w.used[0] = 3 // the meta pages
		err = w.tree("", root, nil, nil, 0)
	}
	if format := formatError(""); err != nil && !errors.As(err, &format) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// meta reads the two meta pages, of which the younger one counts.
func (w *walker) meta(size int64) (root uint64, err error) {
	first := w.readMeta(0, 0)
	var second *metaPage
	if first != nil {
		second = w.readMeta(first.size, 1)
	} else { // the size of a page is not known
		for at := int64(1 << 10); at <= 64<<10 && second == nil; at *= 2 {
			second = w.readMeta(at, 1)
		}
	}
	best := first
	switch {
	case first == nil && second == nil:
		return 0, errors.New("both meta pages make no sense")
	case first == nil || second == nil:
		w.metaFault = fmt.Errorf("%w: one of the two meta pages makes no sense: the last commit may be missing", ErrDamaged)
	case first.misplaced || second.misplaced || first.txid != second.txid+1 && second.txid != first.txid+1:
		// Commits are written to the two in turns. What is there instead of the last one may
		// be as old as it was before that, which everything else fits.
		w.metaFault = fmt.Errorf("%w: the two meta pages are not those of two commits in turn: the last commit may be missing", ErrDamaged)
	}
	if first == nil || second != nil && second.txid > first.txid { // as bbolt chooses
		best = second
	}
	w.page, w.pages = best.size, best.pages
	if want := int64(w.pages) * w.page; w.pages > math.MaxInt64/uint64(w.page) || size < want {
		return 0, fmt.Errorf("the file has %d bytes, not the %d it should have", size, want)
	}
	return best.root, nil
}

// A metaPage is what a meta page says.
type metaPage struct {
	size              int64 // of a page, in bytes
	root, pages, txid uint64
	misplaced         bool // it is not the page that it says, or that its commit belongs to
}

// readMeta reads the meta page at an offset, the first or the second of the two. It is
// nil if it makes no sense.
func (w *walker) readMeta(at int64, number uint64) *metaPage {
	b := make([]byte, pageHeader+metaLen)
	if _, err := w.file.ReadAt(b, at); err != nil {
		return nil
	}
	m := b[pageHeader:]
	h := fnv.New64a()
	h.Write(m[:metaSummed])
	if order.Uint32(m) != metaMagic || order.Uint32(m[4:]) != metaVersion || order.Uint64(m[metaSummed:]) != h.Sum64() {
		return nil
	}
	p := &metaPage{size: int64(order.Uint32(m[8:])), root: order.Uint64(m[16:]), pages: order.Uint64(m[40:]), txid: order.Uint64(m[48:])}
	p.misplaced = order.Uint64(b) != number || p.txid%2 != number
	return p
}

// A run is a page with those that continue it. Its beginning is in memory.
type run struct {
	file        io.ReaderAt
	at          int64
	size        int
	head        []byte
	flags       uint16
	count       int
	description string
}

// run reads the beginning of a page.
func (w *walker) run(id uint64) (*run, error) {
	if id < 2 || id >= w.pages {
		return nil, fmt.Errorf("page %d: there is none", id)
	}
	r := &run{file: w.file, at: int64(id) * w.page, head: make([]byte, w.page), description: fmt.Sprint("page ", id)}
	if _, err := w.file.ReadAt(r.head, r.at); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	overflow := uint64(order.Uint32(r.head[12:]))
	switch {
	case order.Uint64(r.head) != id:
		return nil, fmt.Errorf("page %d: it says that it is page %d", id, order.Uint64(r.head))
	case id+overflow >= w.pages:
		return nil, fmt.Errorf("page %d: it is longer than the file", id)
	}
	for p := id; p <= id+overflow; p++ {
		if w.used[p/64]&(1<<(p%64)) != 0 {
			return nil, fmt.Errorf("page %d: it is used twice", p)
		}
		w.used[p/64] |= 1 << (p % 64)
	}
	r.size = int(overflow+1) * int(w.page)
	r.flags, r.count = order.Uint16(r.head[8:]), int(order.Uint16(r.head[10:]))
	return r, nil
}

// bytes are n bytes of a run from an offset.
func (r *run) bytes(off, n int) ([]byte, error) {
	switch {
	case off < 0 || n < 0 || off > r.size-n:
		return nil, fmt.Errorf("%s: something in it is longer than it", r.description)
	case off+n <= len(r.head):
		return r.head[off : off+n : off+n], nil
	case r.file == nil:
		return nil, fmt.Errorf("%s: something in it is longer than it", r.description)
	}
	b := make([]byte, n)
	if _, err := r.file.ReadAt(b, r.at+int64(off)); err != nil {
		return nil, fmt.Errorf("%s: %w", r.description, err)
	}
	return b, nil
}

// tree visits a page and all below it. Its keys are from low on, and below high unless
// that is nil.
func (w *walker) tree(bucket string, id uint64, low, high []byte, depth int) error {
	r, err := w.run(id)
	if err != nil {
		return err
	}
	return w.elements(bucket, r, low, high, depth)
}

func (w *walker) elements(bucket string, r *run, low, high []byte, depth int) error {
	if r.flags != branchPage && r.flags != leafPage || r.flags == branchPage && r.count == 0 || depth > maxDepth {
		return fmt.Errorf("%s: it is no page of keys", r.description)
	}
	table, err := r.bytes(pageHeader, r.count*elementLen)
	if err != nil {
		return err
	}
	elements := make([]element, r.count)
	end := pageHeader + r.count*elementLen
	for i := range elements {
		e := &elements[i]
		if err := e.read(r, table[i*elementLen:], pageHeader+i*elementLen, end); err != nil {
			return err
		}
		end = e.end()
		last := low
		if i > 0 {
			last = elements[i-1].key
		}
		if c := bytes.Compare(last, e.key); c > 0 || c == 0 && i > 0 || high != nil && bytes.Compare(e.key, high) >= 0 {
			return fmt.Errorf("%s: key %x is out of order", r.description, e.key)
		}
	}
	for i := range elements {
		e := &elements[i]
		if r.flags == leafPage {
			err = w.leaf(bucket, r, e, depth)
		} else {
			next := high
			if i+1 < len(elements) {
				next = elements[i+1].key
			}
			err = w.tree(bucket, e.page, e.key, next, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// An element is an entry of a page.
type element struct {
	key   []byte
	flags uint32
	page  uint64 // of a branch
	value int    // of a leaf, where it begins
	vsize int
}

func (e *element) end() int { return e.value + e.vsize }

// read reads an element, whose bytes begin where those of the one before end.
func (e *element) read(r *run, table []byte, at, begin int) (err error) {
	var pos, ksize uint32
	if r.flags == branchPage {
		pos, ksize, e.page = order.Uint32(table), order.Uint32(table[4:]), order.Uint64(table[8:])
	} else {
		e.flags, pos, ksize = order.Uint32(table), order.Uint32(table[4:]), order.Uint32(table[8:])
		e.vsize = int(order.Uint32(table[12:]))
	}
	if at+int(pos) != begin {
		return fmt.Errorf("%s: an element is not where it should be", r.description)
	}
	if e.key, err = r.bytes(begin, int(ksize)); err != nil {
		return err
	}
	e.value = begin + int(ksize)
	if e.end() > r.size {
		return fmt.Errorf("%s: key %x: its value is longer than the page", r.description, e.key)
	}
	return nil
}

// leaf visits a key, or the bucket that it is.
func (w *walker) leaf(bucket string, r *run, e *element, depth int) error {
	if bucket == "" {
		if e.flags != bucketLeaf {
			return fmt.Errorf("%s: %q is no bucket", r.description, e.key)
		}
		return w.bucket(r, e, depth)
	}
	if e.flags != 0 {
		return fmt.Errorf("%s: key %x: unknown flags %x", r.description, e.key, e.flags)
	}
	return w.visit(bucket, &entry{key: e.key, size: e.vsize, read: func(n int) ([]byte, error) {
		return r.bytes(e.value, min(n, e.vsize))
	}})
}

func (w *walker) bucket(r *run, e *element, depth int) error {
	v, err := r.bytes(e.value, e.vsize)
	if err != nil {
		return err
	}
	if len(v) < bucketHeader {
		return fmt.Errorf("%s: bucket %q is cut short", r.description, e.key)
	}
	if id := order.Uint64(v); id != 0 {
		return w.tree(string(e.key), id, nil, nil, depth+1)
	}
	v = v[bucketHeader:]
	if len(v) < pageHeader {
		return fmt.Errorf("%s: bucket %q is cut short", r.description, e.key)
	}
	inline := &run{
		size: len(v), head: v, flags: order.Uint16(v[8:]), count: int(order.Uint16(v[10:])),
		description: fmt.Sprintf("%s: bucket %q", r.description, e.key),
	}
	if inline.flags != leafPage {
		return fmt.Errorf("%s: it is no page of keys", inline.description)
	}
	return w.elements(string(e.key), inline, nil, nil, depth+1)
}
