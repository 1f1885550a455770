package stream

import (
	"encoding/binary"
	"sync"

	"github.com/rabbetmq/rabbet/queue"
)

// This file appends: messages become chunks in memory, and the store's committer has
// them written.

// pending is a run of chunks that are not written yet.
type pending struct {
	buf    []byte
	chunks []pendingChunk
	hashes []uint64 // of the filter values of the last chunk
}

// A pendingChunk is one of them, complete but for its checksums and its place in a
// segment.
type pendingChunk struct {
	header
	start, end int   // in the buffer
	begun      int64 // when its first message came
}

// end is the offset behind the last message; committed is that if there is none.
func (p *pending) end(committed uint64) uint64 {
	if n := len(p.chunks); n > 0 {
		return p.chunks[n-1].next()
	}
	return committed
}

// keepBuffer is the most memory that is kept for the next chunks.
const keepBuffer = 4 << 20

// reset forgets the chunks and keeps the memory.
func (p *pending) reset() {
	if cap(p.buf) > keepBuffer {
		*p = pending{}
		return
	}
	p.buf, p.chunks, p.hashes = p.buf[:0], p.chunks[:0], p.hashes[:0]
}

// Publish appends messages in order. It reports false, having done nothing, when the
// stream is deleted. Delivery modes, expirations and priorities play no part
// (STREAM-16, STREAM-17).
func (s *Stream) Publish(msgs []*queue.Message, fx *queue.Effects) bool {
	s.mu.Lock()
	if s.deleted {
		s.mu.Unlock()
		return false
	}
	before := len(s.pending.buf)
	now := max(s.now(), s.lastTime)
	s.lastTime = now
	for _, m := range msgs {
		s.append(m, now)
	}
	bytes := len(s.pending.buf) - before
	s.counters.published.Add(uint64(len(msgs)))
	s.mu.Unlock()
	if s.store != nil {
		s.store.Enlist(s, bytes)
		fx.Logged = true
		return true
	}
	if err := s.Commit(false); err != nil {
		s.env.Fault(s.name, err)
	}
	s.serve(fx)
	return true
}

// append adds a message to the last pending chunk, or to a new one. Called with the
// lock held.
func (s *Stream) append(m *queue.Message, now int64) {
	p := &s.pending
	value, filtered := filterValue(m.Props)
	var c *pendingChunk
	if n := len(p.chunks); n > 0 {
		c = &p.chunks[n-1]
	}
	if c == nil || c.count >= chunkMessages || c.end-c.start >= chunkBytes || now-c.begun >= chunkSpan ||
		filtered && len(c.filter) == 0 {
		c = s.beginChunk(now, filtered)
	}
	s.scratch = appendStored(s.scratch[:0], m.Props)
	stored := *m
	stored.Props = s.scratch
	p.buf = binary.AppendUvarint(p.buf, uint64(stored.EncodedLen()+len(stored.Body)))
	p.buf = append(stored.AppendEncoded(p.buf), stored.Body...)
	c.end, c.time = len(p.buf), now
	c.count++
	switch {
	case !filtered:
		c.unfiltered = true
	case len(p.hashes) == 0 || p.hashes[len(p.hashes)-1] != hashValue(value):
		p.hashes = append(p.hashes, hashValue(value))
		c.filter.add(hashValue(value))
	}
}

// beginChunk makes room for a chunk, with a filter if its first message has a value.
func (s *Stream) beginChunk(now int64, filtered bool) *pendingChunk {
	p := &s.pending
	c := pendingChunk{header: header{first: p.end(s.taken)}, start: len(p.buf), begun: now}
	p.hashes = p.hashes[:0]
	if filtered {
		c.filter = make(filter, s.set.filterBytes)
	}
	p.buf = append(p.buf, make([]byte, headerLen+len(c.filter))...)
	p.chunks = append(p.chunks, c)
	return &p.chunks[len(p.chunks)-1]
}

// Commit writes what has been appended, and syncs it if asked to. It is the stream's
// part of a commit of the store (store.Participant): with an error the same is written
// again next time, and then what has come meanwhile.
func (s *Stream) Commit(sync bool) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	defer s.closeIfDone()
	for again := true; again; {
		again = len(s.writing.chunks) > 0
		if !s.take() {
			return nil
		}
		for s.written < len(s.writing.chunks) {
			if err := s.writeRun(sync); err != nil {
				return err
			}
		}
		s.finish()
	}
	return nil
}

// take makes what is pending what is written, unless something of that is left. It
// reports whether there is anything to write.
func (s *Stream) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deleted {
		s.writing = pending{}
		return false
	}
	if len(s.writing.chunks) == 0 {
		s.writing, s.pending, s.spare = s.pending, s.spare, pending{}
		s.taken = s.writing.end(s.taken)
	}
	return len(s.writing.chunks) > 0
}

// writeRun writes as many chunks as fit in the last segment, or one in a new segment
// if none does.
func (s *Stream) writeRun(sync bool) error {
	rest := s.writing.chunks[s.written:]
	g, err := s.room(&rest[0])
	if err != nil {
		return err
	}
	s.mu.Lock()
	limit := s.segmentBytes()
	s.mu.Unlock()
	n, size := 1, int64(rest[0].end-rest[0].start)
	for n < len(rest) && g.size+size+int64(rest[n].end-rest[n].start) <= limit && g.chunks+n < maxChunks {
		size += int64(rest[n].end - rest[n].start)
		n++
	}
	start := rest[0].start
	for i := range rest[:n] {
		c := &rest[i]
		b := s.writing.buf[c.start:c.end]
		c.write = g.size
		c.put(b)
	}
	if _, err := g.f.WriteAt(s.writing.buf[start:rest[n-1].end], g.size); err != nil {
		return err
	}
	if sync {
		if err := g.f.Sync(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := g.size
	for i := range rest[:n] {
		g.note(&rest[i].header, at+int64(rest[i].start-start))
	}
	s.written += n
	s.committed, s.lastChunk = g.next, rest[n-1].first
	return nil
}

// room is the segment that a chunk goes to: the last, or a new one if it is full.
func (s *Stream) room(c *pendingChunk) (*segment, error) {
	s.mu.Lock()
	var last *segment
	if n := len(s.segments); n > 0 {
		last = s.segments[n-1]
	}
	full := last == nil || last.chunks > 0 &&
		(last.size+int64(c.end-c.start) > s.segmentBytes() || last.chunks >= maxChunks)
	s.mu.Unlock()
	if !full {
		return last, nil
	}
	g, err := s.newSegment(c.first)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if last == nil {
		s.first = c.first
	} else {
		_ = last.endWriting() // all that counts has been synced
	}
	s.segments = append(s.segments, g)
	s.mu.Unlock()
	s.retain()
	return g, nil
}

// newSegment makes the files of a segment. Without its index it does as well.
func (s *Stream) newSegment(first uint64) (*segment, error) {
	f, err := s.folder.create(segmentName(first))
	if err != nil {
		return nil, err
	}
	g := &segment{first: first, next: first, f: f, users: 1, indexed: true}
	g.indexF, _ = s.folder.create(indexName(first))
	return g, nil
}

// finish hands what was written to those who wait for it.
func (s *Stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tail = nil
	if len(s.waiting) > 0 && !s.deleted && !s.stopped {
		s.tail = &tail{first: s.writing.chunks[0].first, buf: s.writing.buf}
		s.writing.buf = nil // it is the tail's now
		s.todo = append(s.todo, s.waiting...)
		s.waiting = s.waiting[:0]
		s.dispatch()
	}
	s.writing.reset()
	s.spare, s.writing = s.writing, pending{}
	s.written = 0
}

// A tail is what one commit has written, for those who were waiting for it: they need
// not read it from the segment.
type tail struct {
	first uint64
	buf   []byte

	once sync.Once
	b    *batch
	err  error
}

// batch decodes the tail, once for all.
func (t *tail) batch() (*batch, error) {
	t.once.Do(func() {
		t.b, _, t.err = decodeAll(t.buf, new(Filter), nil)
	})
	return t.b, t.err
}
