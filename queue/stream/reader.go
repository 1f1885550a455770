package stream

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/queue"
)

// Consumers: where they are, and how they get what comes next.

// holdLimit is how many messages are offered under one hold of a receiver's lock.
const holdLimit = 1024

// A reader is one consumer of a stream.
type reader struct {
	s      *Stream
	sub    *queue.Subscription
	want   Filter
	hashes []uint64

	mu      sync.Mutex // held while messages are offered
	next    uint64     // offset of the next message
	b       *batch     // what has been read ahead
	at      int        // of it, the next message
	item    queue.Item // the item on offer, kept here so that it needs no allocation
	running bool       // someone offers to it, or reads for it with the lock let go
	again   bool       // the goroutine that runs must look once more
	gone    bool

	// Where the next chunk begins, if it is the one at offset posNext. These belong to
	// the goroutine that runs.
	seg     *segment
	pos     int64
	posNext uint64
}

// Subscribe registers a consumer, parked: it is offered nothing before Unpark
// (BASIC-26). Its arguments say where it begins and what it wants. The error is
// queue.ErrDeleted, that of the arguments, or that of reading.
func (s *Stream) Subscribe(sub *queue.Subscription) error {
	from, err := OffsetOf(sub.Args)
	if err != nil {
		return err
	}
	want := FilterOf(sub.Args)
	r := &reader{s: s, sub: sub, want: want, hashes: want.hashes()}
	next, err := s.resolve(from)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deleted {
		return queue.ErrDeleted
	}
	r.next = next
	if from == Next {
		r.next = s.pending.end(s.taken)
	}
	s.readers[sub] = r
	s.order = append(s.order, sub)
	return nil
}

// resolve is the offset that a consumer begins at, if it is not Next.
func (s *Stream) resolve(from Offset) (uint64, error) {
	if from.at == atAge {
		from = Since(s.env.Clock.Now().Add(-time.Duration(from.value)))
	}
	s.mu.Lock()
	switch from.at {
	case atFirst:
		defer s.mu.Unlock()
		return s.first, nil
	case atLast:
		defer s.mu.Unlock()
		return s.lastChunk, nil
	case atOffset:
		defer s.mu.Unlock()
		return max(uint64(from.value), s.first), nil
	case atNext:
		defer s.mu.Unlock()
		return s.committed, nil
	}
	i := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].lastTime >= from.value })
	if i == len(s.segments) || s.segments[i].chunks == 0 {
		defer s.mu.Unlock()
		return s.committed, nil
	}
	g, end, next, err := s.use(s.segments[i])
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	defer s.release(g)
	start := before(s.indexOf(g), func(e indexEntry) bool { return e.time >= from.value })
	h, _, err := seek(g.f, start, end, func(h *header) bool { return h.time >= from.value }, s.fault)
	switch {
	case errors.Is(err, io.EOF): // what was meant is damaged
		return next, nil
	case err != nil:
		return 0, err
	}
	return h.first, nil
}

func (s *Stream) fault(err error) { s.env.Fault(s.name, err) }

// use opens a segment for reading, and returns it with its end at this moment. Called
// with the lock held.
func (s *Stream) use(g *segment) (_ *segment, end int64, next uint64, err error) {
	if g.f == nil {
		if g.f, _, err = s.folder.open(segmentName(g.first)); err != nil {
			return nil, 0, 0, err
		}
	}
	g.users++
	return g, g.size, g.next, nil
}

// release ends the use of a segment.
func (s *Stream) release(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = g.release() // it was only read
}

// indexOf is a segment's index as it is now.
func (s *Stream) indexOf(g *segment) []indexEntry {
	s.mu.Lock()
	index, indexed := g.index, g.indexed
	s.mu.Unlock()
	if !indexed {
		return g.loadIndex(s.folder)
	}
	return index
}

// Unpark lets a consumer go on, and offers it what there is.
func (s *Stream) Unpark(sub *queue.Subscription, fx *queue.Effects) {
	s.mu.Lock()
	r := s.readers[sub]
	s.mu.Unlock()
	if r != nil {
		r.run(fx)
	}
}

// Unsubscribe removes a consumer; when it returns, nothing more is offered to it.
func (s *Stream) Unsubscribe(sub *queue.Subscription, _ *queue.Effects) {
	s.mu.Lock()
	r := s.readers[sub]
	delete(s.readers, sub)
	if r != nil {
		s.order = slices.DeleteFunc(slices.Clone(s.order), func(o *queue.Subscription) bool { return o == sub })
		isR := func(o *reader) bool { return o == r }
		s.waiting, s.todo = slices.DeleteFunc(s.waiting, isR), slices.DeleteFunc(s.todo, isR)
	}
	s.mu.Unlock()
	if r != nil {
		r.end()
	}
}

// Position is the offset of the message that a consumer is offered next; false if it
// is none of the stream's.
func (s *Stream) Position(sub *queue.Subscription) (uint64, bool) {
	s.mu.Lock()
	r := s.readers[sub]
	s.mu.Unlock()
	if r == nil {
		return 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next, true
}

// end keeps the reader from being offered anything more.
func (r *reader) end() {
	r.mu.Lock()
	r.gone, r.b = true, nil
	r.mu.Unlock()
}

// run offers messages until the consumer takes no more or has all that there are. If
// someone else does that already, they are told to look once more.
func (r *reader) run(fx *queue.Effects) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		r.again = true
		return
	}
	r.running = true
	defer func() { r.running = false }()
	for more := true; more && !r.gone; {
		r.again = false
		if r.b != nil && r.at < len(r.b.items) {
			more = r.offer(fx)
		} else {
			r.b = nil
			more = r.load()
		}
		more = more || r.again
	}
}

// offer hands over what has been read, for one hold. It reports false if the consumer
// takes no more.
func (r *reader) offer(fx *queue.Effects) bool {
	taken := uint64(0)
	r.sub.Lock.Lock()
	defer func() {
		r.sub.Lock.Unlock()
		r.s.counters.delivered.Add(taken)
	}()
	for range holdLimit {
		if r.at == len(r.b.items) {
			r.next = max(r.next, r.b.next)
			return true
		}
		m, offset := &r.b.items[r.at], r.b.offsets[r.at]
		if offset >= r.next && r.want.wants(m.Props) {
			r.item = queue.Item{Msg: m, Seq: offset}
			if !r.sub.Receiver.Offer(&r.item, fx) {
				return false
			}
			taken++
		}
		r.at++
		r.next = max(r.next, offset+1)
	}
	return true
}

// load reads what comes next, with the lock let go. It reports false if there is
// nothing: then the reader waits for a commit.
func (r *reader) load() bool {
	next := r.next
	r.mu.Unlock()
	b, next, err := r.s.read(r, next)
	r.mu.Lock()
	if err != nil {
		r.s.fault(err)
	}
	r.next = max(r.next, next)
	if b == nil {
		return false
	}
	r.b, r.at = b, 0
	if len(b.items) == 0 {
		r.next = max(r.next, b.next)
	}
	return true
}

// read reads the batch with the message at an offset, or after it if that has gone or
// is damaged. Without one the reader waits, and finds the offset that it waits for.
func (s *Stream) read(r *reader, next uint64) (*batch, uint64, error) {
	for {
		s.mu.Lock()
		next = max(next, s.first)
		if s.deleted || s.stopped {
			s.mu.Unlock()
			return nil, next, nil
		}
		if next >= s.committed {
			s.wait(r)
			s.mu.Unlock()
			return nil, next, nil
		}
		if t := s.tail; t != nil && next >= t.first {
			s.mu.Unlock()
			b, err := t.batch()
			return b, next, err
		}
		i := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].next > next })
		g, end, behind, err := s.use(s.segments[i])
		if err != nil { // tried again when something happens
			s.wait(r)
			s.mu.Unlock()
			return nil, next, err
		}
		s.mu.Unlock()
		b, err := s.readFrom(r, g, end, next)
		s.release(g)
		switch {
		case errors.Is(err, io.EOF): // the rest of the segment is damaged
			next = behind
		case err != nil:
			s.mu.Lock()
			s.wait(r)
			s.mu.Unlock()
			return nil, next, err
		default:
			return b, next, nil
		}
	}
}

// wait has the reader served after the next commit. Called with the lock held.
func (s *Stream) wait(r *reader) {
	if !slices.Contains(s.waiting, r) && s.readers[r.sub] == r {
		s.waiting = append(s.waiting, r)
	}
}

// readFrom reads the batch of a segment with the message at an offset. Damage is told
// and passed over; io.EOF says that there is nothing behind it.
func (s *Stream) readFrom(r *reader, g *segment, end int64, next uint64) (*batch, error) {
	if r.seg != g || r.posNext != next {
		start := before(s.indexOf(g), func(e indexEntry) bool { return e.first > next })
		h, at, err := seek(g.f, start, end, func(h *header) bool { return h.next() > next }, s.fault)
		if err != nil {
			return nil, err
		}
		r.seg, r.pos, r.posNext = g, at, h.first
	}
	for {
		b, pos, err := readBatch(g.f, r.pos, end, &r.want, r.hashes)
		if err == nil {
			r.pos, r.posNext = pos, b.next
			return b, nil
		}
		if !errors.Is(err, ErrDamaged) {
			return nil, err
		}
		s.fault(fmt.Errorf("%s, byte %d: %w", segmentName(g.first), r.pos, err))
		sc := newScanner(g.f, r.pos, end)
		if err := sc.resync(); err != nil {
			r.seg = nil
			return nil, err
		}
		r.pos = sc.pos
	}
}

// dispatch has those served who wait for what was committed. Called with the lock
// held. Without a store the publisher does it.
func (s *Stream) dispatch() {
	if s.store != nil && !s.serving {
		s.serving = true
		s.dispatcher.Go(s.serveAll)
	}
}

// serveAll is the dispatcher.
func (s *Stream) serveAll() {
	var fx queue.Effects
	for s.serve(&fx) {
		s.env.Perform(&fx)
	}
}

// serve offers to those who have waited, and reports whether there were any.
func (s *Stream) serve(fx *queue.Effects) bool {
	s.mu.Lock()
	todo := s.todo
	s.todo = nil
	s.serving = s.serving && len(todo) > 0
	s.mu.Unlock()
	for _, r := range todo {
		r.run(fx)
	}
	return len(todo) > 0
}

// Peek returns up to limit of the oldest messages, without the first from ones.
func (s *Stream) Peek(from, limit int) []queue.Item {
	s.mu.Lock()
	start := int64(s.first) + int64(from)
	s.mu.Unlock()
	items, err := s.PeekFrom(At(start), limit)
	if err != nil {
		s.fault(err)
	}
	return items
}

// PeekFrom returns up to limit messages from an offset on, as they would be delivered,
// and changes nothing. Seq is the offset. What cannot be read is left out, with an
// error.
func (s *Stream) PeekFrom(from Offset, limit int) ([]queue.Item, error) {
	next, err := s.resolve(from)
	if err != nil {
		return nil, err
	}
	r := &reader{s: s} // not among the readers: it never waits
	var items []queue.Item
	for len(items) < limit {
		var b *batch
		b, next, err = s.read(r, next)
		if err != nil || b == nil {
			return items, err
		}
		for i := range b.items {
			if b.offsets[i] >= next && len(items) < limit {
				items = append(items, queue.Item{Msg: &b.items[i], Seq: b.offsets[i]})
			}
		}
		next = max(next, b.next)
	}
	return items, nil
}
