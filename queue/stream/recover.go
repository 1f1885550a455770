package stream

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rabbetmq/rabbet/store"
)

// This file opens a stream that is on disk. What it costs depends on the number of
// segments, not on that of messages.

// Resume removes what has grown too old meanwhile.
func (s *Stream) Resume() { s.retain() }

// DropUnknown removes the streams of a store that keep does not want, and returns the
// largest ID there is.
func DropUnknown(st *store.Store, keep func(id uint64) bool) (largest uint64, err error) {
	if !hasFolder(st) {
		return 0, nil
	}
	names, err := diskFolder{Folder(st)}.names()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		id, err := strconv.ParseUint(name, 10, 64)
		if err != nil || name != strconv.FormatUint(id, 10) {
			return 0, fmt.Errorf("stream: %s is no stream", filepath.Join(Folder(st), name))
		}
		largest = max(largest, id)
		if !keep(id) {
			if err := os.RemoveAll(filepath.Join(Folder(st), name)); err != nil {
				return 0, err
			}
		}
	}
	return largest, nil
}

// Recover takes over what is on disk. What a crash has left half written is taken
// away; damage is told to Env.Fault and left out.
func (s *Stream) Recover() error {
	if s.store == nil {
		return nil
	}
	firsts, err := segmentsIn(s.folder)
	if err != nil {
		return err
	}
	for i, first := range firsts {
		f, size, err := s.folder.open(segmentName(first))
		if err != nil {
			return err
		}
		g := &segment{first: first, next: first, size: size, f: f, users: 1}
		s.segments = append(s.segments, g)
		if i == len(firsts)-1 {
			err = s.recoverLast(g)
		} else {
			g.next = firsts[i+1]
			err = s.recoverClosed(g)
		}
		if err != nil {
			return errors.Join(err, s.closeFiles())
		}
	}
	if n := len(s.segments); n > 0 {
		s.first = s.segments[0].first
		s.committed = s.segments[n-1].next
		s.taken = s.committed
		s.lastTime = s.segments[n-1].lastTime
		if s.segments[n-1].chunks == 0 {
			s.lastChunk = s.committed
		}
	}
	return nil
}

// recoverClosed finds out how old a segment is that has been left behind.
func (s *Stream) recoverClosed(g *segment) error {
	defer func() { _ = g.release() }() // it was only read
	g.chunks = 1                       // at least; how many does not count any more
	index := g.loadIndex(s.folder)
	sc := newScanner(g.f, before(index, func(indexEntry) bool { return false }), g.size)
	for {
		h, _, err := sc.next()
		switch {
		case errors.Is(err, ErrDamaged):
			if err = sc.resync(); err == nil {
				continue
			}
		case err == nil:
			g.lastTime = h.time
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// recoverLast finds the end of the segment that is written to. What a crash has left
// of the last write is cut off, since nobody was told of it. Chunks that were whole
// once, because another write has followed them, are damaged: they are told of and
// left where they are.
func (s *Stream) recoverLast(g *segment) error {
	fileSize := g.size
	g.index = g.loadIndex(s.folder)
	sc, err := s.lastKnown(g)
	if err != nil {
		return err
	}
	g.size = sc.pos
	for {
		h, at, err := sc.nextSound()
		if errors.Is(err, ErrDamaged) {
			bad := err
			if err = sc.resync(); err == nil {
				if h, at, err = sc.nextSound(); err == nil && h.write <= g.size {
					break // of the same write: nobody was told of this either
				}
			}
			if err == nil {
				s.env.Fault(s.name, bad)
			}
		}
		if errors.Is(err, io.EOF) || err == nil && h.first < g.next {
			break
		}
		if err != nil {
			return err
		}
		s.lastChunk = h.first
		g.note(&h, at)
	}
	return s.reopen(g, fileSize)
}

// lastKnown begins a scan at the last chunk that the index knows and that is there.
func (s *Stream) lastKnown(g *segment) (*scanner, error) {
	for ; len(g.index) > 0; g.index = g.index[:len(g.index)-1] {
		e := g.index[len(g.index)-1]
		sc := newScanner(g.f, e.pos, g.size)
		h, _, err := sc.next()
		if err == nil && h.first == e.first {
			g.next, g.lastTime = e.first, e.time
			g.chunks = maxChunks / 2 // how many is not known; the bytes end the segment
			sc.pos = e.pos
			return sc, nil
		}
		if err != nil && !errors.Is(err, ErrDamaged) {
			return nil, err
		}
	}
	return newScanner(g.f, 0, g.size), nil
}

// reopen makes the last segment ready to be written to.
func (s *Stream) reopen(g *segment, fileSize int64) error {
	if g.size < fileSize {
		if err := errors.Join(g.f.Truncate(g.size), g.f.Sync()); err != nil {
			return err
		}
	}
	g.indexed = true
	if f, _, err := s.folder.open(indexName(g.first)); err == nil {
		g.indexF = f
	} else if g.indexF, err = s.folder.create(indexName(g.first)); err == nil {
		for i := range g.index {
			g.writeIndex(i)
		}
	}
	return nil
}
