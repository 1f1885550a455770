package stream

import (
	"errors"
	"math"
	"time"
)

// Retention: whole segments go, the oldest first, and never the newest
// (STREAM-13, STREAM-14).

// retain removes the segments that are too much or too old. RabbitMQ looks when a
// segment is full, when the limits change and at the start; here the clock tells as
// well.
func (s *Stream) retain() {
	s.mu.Lock()
	gone := s.surplus()
	if len(gone) > 0 && !s.deleted {
		s.segments = append(s.segments[:0:0], s.segments[len(gone):]...)
		s.first = s.segments[0].first
	}
	s.armAge()
	s.mu.Unlock()
	for _, g := range gone {
		if err := s.remove(g); err != nil {
			s.env.Fault(s.name, err)
		}
	}
}

// surplus are the segments in front that have to go. Called with the lock held.
func (s *Stream) surplus() []*segment {
	limit := int64(math.MaxInt64)
	if s.set.maxBytes > 0 {
		limit = s.set.maxBytes
	}
	if s.store == nil {
		limit = min(limit, s.memoryLimit)
	}
	oldest := int64(math.MinInt64)
	if s.set.maxAge > 0 {
		oldest = s.env.Clock.Now().Add(-s.set.maxAge).UnixMilli()
	}
	n, size := 0, s.size()
	for n < len(s.segments)-1 && (size > limit || s.segments[n].lastTime < oldest) {
		size -= s.segments[n].size
		n++
	}
	return s.segments[:n]
}

// armAge has retain called when the oldest segment is too old. Called with the lock
// held.
func (s *Stream) armAge() {
	if s.set.maxAge <= 0 || len(s.segments) < 2 || s.deleted || s.stopped {
		s.age.Stop()
		return
	}
	s.age.Set(time.UnixMilli(s.segments[0].lastTime + 1).Add(s.set.maxAge))
}

// remove removes the files of a segment. Readers that have it open read on.
func (s *Stream) remove(g *segment) error {
	return errors.Join(s.folder.remove(segmentName(g.first)), s.folder.remove(indexName(g.first)))
}

// endWriting leaves a segment that is full to its readers. Called with the stream's
// lock held, or with the segment not in use.
func (g *segment) endWriting() error {
	g.index, g.indexed = nil, false
	var err error
	if g.indexF != nil {
		err = g.indexF.Close()
		g.indexF = nil
	}
	return errors.Join(err, g.release())
}

// release ends one use of the segment, and closes it after the last.
func (g *segment) release() (err error) {
	if g.users--; g.users == 0 {
		err = g.f.Close()
		g.f = nil
	}
	return err
}
