package store

import (
	"context"
	"errors"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// The list of operations between those who append and the
// committer, cut into batches, and who waits for them.

// A Waiter is told how a commit ended.
type Waiter interface {
	// Committed is called once, and in order of the commits. It must not block,
	// and not call the store. An error means that the data is not safe yet; it
	// will be tried again, but nothing more is said of it.
	Committed(err error)
}

// A batch is what one commit holds.
type batch struct {
	number  uint64 // batches are counted from 1; 0 is none
	ops     []Op
	joining []Participant // that have files of their own to commit with it
	waiters []Waiter
	bytes   int   // of messages, to bound what waits
	due     bool  // to be committed as soon as the one before is
	sharers int   // how many publishers have a part in it
	crowded bool  // one of them has waited for others
	content *byte // the large content that was added last

	// adds is how many messages it adds, live how many of them have not been
	// consumed meanwhile, and firm says that it holds what must reach the disk in
	// any case.
	adds, live int
	firm       bool
}

// fewAdds is the number of messages up to which a batch's waiters may be told
// before it is on the disk. Who publishes more at once has a window to fill, and
// to get it back in bits costs more than it saves.
const fewAdds = 64

// droppable reports whether the batch may be lost: nobody waits for what is in it.
func (b *batch) droppable() bool { return b.live == 0 && !b.firm && b.adds <= fewAdds }

// maxPending is the number of bytes of messages waiting to be committed past
// which Wait blocks: publishers must not outrun the disk without bound.
const maxPending = 32 << 20

// What nobody waits for is committed with what somebody waits for, which saves
// most commits of acks: they come while the publish that they follow is being
// committed. It is not held back for longer than twice linger, nor when it is
// more than these operations or bytes. Records are never held back.
const (
	linger      = 5 * time.Millisecond
	lingerOps   = 1000
	lingerBytes = 1 << 20
)

// append adds operations to the batch that is collecting.
func (s *Store) append(bytes int, ops ...Op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	p := &s.pending
	p.ops = append(p.ops, ops...)
	p.bytes += bytes
	for i := range ops {
		s.account(&ops[i])
	}
	switch {
	case len(p.ops) >= lingerOps || p.bytes >= lingerBytes || p.firm:
		s.expedite()
	case !s.lingers && !p.due:
		s.startLinger()
	}
}

// account takes one operation of the pending batch into account for those who wait.
func (s *Store) account(o *Op) {
	switch o.Kind {
	case OpAdd:
		if o.Large { // in several logs it is one content
			if content := o.Message.Content(); &content[0] != s.pending.content {
				s.pending.content = &content[0]
				s.pending.bytes += len(content)
			}
		}
		s.pending.adds++
		s.pending.live++
		if l := o.Log; l.newest.batch != s.pending.number {
			l.before, l.newest = l.newest, firstOf{s.pending.number, o.Seq}
		}
	case OpConsume:
		for _, b := range []*batch{&s.pending, &s.current} {
			if !o.Log.addedIn(b.number, o.Seq) {
				continue
			}
			if b.live--; b.droppable() && len(s.current.waiters)+len(s.pending.waiters) > 0 {
				s.releasable.Store(true)
			}
			break
		}
	case OpRecord:
		s.pending.firm = true
	}
}

// empty reports whether there is nothing to commit.
func (b *batch) empty() bool { return len(b.ops) == 0 && len(b.joining) == 0 }

// A firstOf is the position of the first message that a batch adds to a log.
type firstOf struct{ batch, seq uint64 }

// addedIn reports whether a message was added in a batch that is one of the last
// two. Called with the store's lock held.
func (l *Log) addedIn(batch, seq uint64) bool {
	switch {
	case batch == 0:
		return false
	case batch == l.newest.batch:
		return seq >= l.newest.seq
	}
	return batch == l.before.batch && seq >= l.before.seq && seq < l.newest.seq
}

// expedite makes the pending batch due. Called with the lock held.
func (s *Store) expedite() {
	if !s.pending.due {
		s.pending.due = true
		s.work.Signal()
	}
}

// startLinger makes the pending batch due after a while, if it is still pending
// then. Called with the lock held.
func (s *Store) startLinger() {
	s.lingers = true
	number := s.pending.number
	delay.Real{}.AfterFunc(linger, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lingers = false
		switch {
		case s.pending.empty() || s.pending.due:
		case s.pending.number == number:
			s.expedite()
		default: // this one is younger
			s.startLinger()
		}
	})
}

// AtOnce has one commit hold all that f appends: after a crash it is there as a whole, or
// not at all. What others append meanwhile is committed with it. f must not wait for a
// commit.
func (s *Store) AtOnce(f func()) {
	hold := func(n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.holds += n
		s.work.Signal()
	}
	hold(1)
	defer hold(-1)
	f()
}

// Notify tells w of the commit that holds everything appended so far. On a
// closed store it is told ErrClosed, before Notify returns.
func (s *Store) Notify(w Waiter) { s.await(true, w) }

// NotifySafe tells each waiter when nothing appended so far can be lost to
// anyone: as Notify does, or before that, if all messages that are not on the
// disk yet have been consumed (BASIC-17). The latter needs a call of Release.
func (s *Store) NotifySafe(ws ...Waiter) { s.await(false, ws...) }

func (s *Store) await(firm bool, ws ...Waiter) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		for _, w := range ws {
			w.Committed(ErrClosed)
		}
		return
	}
	defer s.mu.Unlock()
	p := &s.pending
	p.waiters = append(p.waiters, ws...)
	p.firm = p.firm || firm
	if p.droppable() {
		s.releasable.Store(true)
	}
	s.expedite()
}

// Release tells those of NotifySafe for whom there is nothing left to wait for.
// A goroutine that has consumed messages calls it afterwards, with no lock held that a
// waiter could want.
func (s *Store) Release() {
	if !s.releasable.Load() {
		return
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	for _, w := range s.released() {
		w.Committed(nil)
	}
}

// released takes the waiters that Release tells: a batch's not before those of
// the batch before, nor while that may lose a record or a message that is needed.
// Who waits for such a message need not be among that batch's waiters: the
// committer may have taken the batch between Flush and NotifySafe.
func (s *Store) released() (ws []Waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releasable.Store(false)
	if s.current.droppable() {
		ws, s.current.waiters = s.current.waiters, nil
	}
	p := &s.pending
	if c := &s.current; len(c.waiters) > 0 || c.firm || c.live > 0 || !p.droppable() {
		return ws
	}
	ws = append(ws, p.waiters...)
	p.waiters = nil
	if len(p.ops) < lingerOps { // nobody waits for it any more
		p.due = false
		if !s.lingers {
			s.startLinger()
		}
	}
	return ws
}

// ErrFailing says that what waits to be committed has no more room, and that the disk
// does not take it: the last attempt to commit has failed.
var ErrFailing = errors.New("store: commits fail")

// Wait blocks while too much waits to be committed: 32 MiB of messages. It is for
// publishers that have appended something, holding no lock. A publisher with a share
// also waits while others use the store as well and the batch that collects, in which
// it has a part, is as large as the disk takes in some milliseconds: who publishes
// little does not have to wait for all that others could append.
//
// It ends with ctx, of which it returns the error; with the store, without one; and with
// ErrFailing when an attempt to commit fails while there is no room: the caller stops
// publishing then, until Failing reports false.
func (s *Store) Wait(ctx context.Context, share *Share) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	unfair := s.takePart(share)
	if s.hasRoom() && !unfair {
		return nil
	}
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.room.Broadcast()
	})
	defer stop()
	number := s.pending.number
	for failures := s.failures; !s.hasRoom() || unfair && s.pending.number == number && !s.closing; s.room.Wait() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.failures != failures {
			return ErrFailing
		}
	}
	return nil
}

// hasRoom reports whether more may be appended. Called with the lock held.
func (s *Store) hasRoom() bool {
	waiting := s.pending.bytes
	if s.failing.Load() { // it takes in what is pending, again and again
		waiting += s.current.bytes
	}
	return waiting <= maxPending || s.closing
}

// note keeps whether the attempt to commit worked, and tells who is to know.
func (s *Store) note(err error) {
	s.mu.Lock()
	s.failing.Store(err != nil)
	if err != nil {
		s.failures++
	}
	s.room.Broadcast()
	s.mu.Unlock()
	if s.opts.OnCommit != nil {
		s.opts.OnCommit(err)
	}
}

func (s *Store) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// merge makes what is pending a part of the current batch, and returns its
// operations and its participants.
func (s *Store) merge() ([]Op, []Participant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, p := &s.current, &s.pending
	if s.holds > 0 {
		return nil, nil
	}
	c.ops = append(c.ops, p.ops...)
	c.waiters = append(c.waiters, p.waiters...)
	c.bytes += p.bytes
	c.sharers += p.sharers
	c.adds += p.adds
	c.live += p.live // what is consumed of it is not counted any more: it waits for the disk
	c.firm = c.firm || p.firm
	merged, joining := c.ops[len(c.ops)-len(p.ops):], p.joining
	clear(p.ops)
	*p = batch{number: p.number + 1, ops: p.ops[:0]}
	return merged, joining
}

// next waits for a batch that is due and makes it the current one. It reports
// false if the store has ended instead.
func (s *Store) next() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for (!s.pending.due || s.holds > 0) && !s.closing {
		s.work.Wait()
	}
	if s.abandoned.Err() != nil || s.closing && s.pending.empty() && len(s.pending.waiters) == 0 {
		s.ended = true
		s.current = s.pending
		return false
	}
	s.current, s.pending = s.pending, batch{number: s.pending.number + 1, ops: s.current.ops}
	s.room.Broadcast()
	return true
}

// keepOps bounds the room for operations that is kept from batch to batch, to 6
// MiB: enough for what comes while a busy disk commits, and an idle store must not
// hold what a busy hour needed.
const keepOps = 64 << 10

// finish forgets the current batch.
func (s *Store) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	ops := s.current.ops
	clear(ops)
	if cap(ops) > keepOps {
		ops = nil
	}
	s.current = batch{ops: ops[:0]}
}

// tell tells those who wait for the current batch, or all who wait, once.
func (s *Store) tell(err error, all bool) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	ws := s.current.waiters
	s.current.waiters = nil
	if all {
		ws = append(ws, s.pending.waiters...)
		s.pending.waiters = nil
	}
	s.mu.Unlock()
	for _, w := range ws {
		w.Committed(err)
	}
}
