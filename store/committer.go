package store

import (
	"cmp"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rabbetmq/rabbet/delay"
)

// The committer: the one goroutine that writes.

var (
	bucketChunks  = []byte("chunks")  // chunk key: chunk
	bucketSettled = []byte("settled") // chunk key: bitmap of settled positions
	bucketFlags   = []byte("flags")   // chunk key: bitmap of redelivered positions
	bucketRecords = []byte("records") // key: record
	bucketMeta    = []byte("meta")
	bucketTotals  = []byte("totals") // of the others
	buckets       = [][]byte{bucketChunks, bucketSettled, bucketFlags, bucketRecords, bucketMeta}
	keyTotals     = []byte("totals")
)

// A write is one change that a transaction makes; a nil value deletes.
type write struct{ bucket, key, value []byte }

type committer struct {
	done    chan struct{} // closed when it has ended
	touched []*Log
	joining map[Participant]struct{}
	plan    []write
	arena   arena   // behind the plan's keys and values
	fresh   []*Body // that the plan needs and that are not written yet
	lost    error   // why the store has given up writing
}

// retryPause is the time between attempts to commit a batch that failed.
const retryPause = 100 * time.Millisecond

func (c *committer) start(s *Store) {
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		c.run(s)
	}()
}

// run commits batch after batch until the store closes and nothing is pending.
func (c *committer) run(s *Store) {
	for s.next() {
		c.commit(s)
		s.finish()
	}
	s.tell(ErrClosed, false)
}

// commit writes one batch, trying until it works. Those who wait for it are told
// of the first attempt: a failure is theirs to act on at once. From the second
// attempt on the batch takes in what was appended meanwhile: a message that has been
// consumed drops out, so that a full disk is left with less to write, not with the
// same again. A waiter for what was taken in is told of the next failure.
func (c *committer) commit(s *Store) {
	if c.lost != nil { // what is on disk must stay a prefix of the operations
		s.tell(c.lost, false)
		return
	}
	began := delay.Real{}.Now()
	c.prepare(s.current.ops)
	for attempt := 0; len(c.plan)+len(c.joining) > 0; attempt++ {
		err := c.try(s)
		if err != nil && s.abandoned.Err() != nil {
			s.tell(ErrClosed, false)
			return
		}
		s.note(err)
		if err == nil {
			break
		}
		s.tell(err, attempt > 0)
		if attempt > 0 && s.isClosing() { // the disk does not recover
			c.lost = err
			return
		}
		_ = delay.Wait(s.abandoned, delay.Real{}, retryPause)
		c.prepare(s.merge())
		c.plan = lastWrites(c.plan)
	}
	s.bodies.committed(c.fresh)
	s.tell(nil, false)
	c.reset()
	s.adapt(delay.Real{}.Now().Sub(began))
	if !s.bodies.collect(false) {
		s.Later(func() { s.bodies.collect(true) })
	}
}

// lastWrites is a plan without the writes that later ones of it undo. A chunk that is
// deleted before it was ever written leaves no more than its deletion.
func lastWrites(plan []write) []write {
	type place struct{ bucket, key string }
	last := make(map[place]int, len(plan))
	for i, w := range plan {
		last[place{string(w.bucket), string(w.key)}] = i
	}
	kept := plan[:0]
	for i, w := range plan {
		if last[place{string(w.bucket), string(w.key)}] == i {
			kept = append(kept, w)
		}
	}
	clear(plan[len(kept):])
	return kept
}

// try is one attempt to write the plan, none if the store is abandoned.
func (c *committer) try(s *Store) error {
	if s.opts.BeforeCommit != nil {
		if err := s.opts.BeforeCommit(); err != nil {
			return err
		}
	}
	if err := s.abandoned.Err(); err != nil {
		return err
	}
	if err := c.commitOthers(s.opts.Sync == SyncAlways); err != nil {
		return err
	}
	if err := s.bodies.write(c.fresh, s.opts.Sync); err != nil {
		return err
	}
	if len(c.plan) > 0 {
		size, err := update(s.db, c.plan)
		if err != nil {
			return err
		}
		s.noteSize(size)
	}
	return s.checkPlace()
}

// update makes writes in one transaction, and the totals right. It can be made again,
// whether an attempt that failed has reached the disk or not. It returns how much of
// the file was in use before.
func update(db *bolt.DB, plan []write) (size int64, err error) {
	err = db.Update(func(tx *bolt.Tx) error {
		size = tx.Size()
		t, err := readTotals(tx.Bucket(bucketTotals).Get(keyTotals))
		if err != nil {
			return err
		}
		for _, w := range plan {
			if err := t.apply(tx, w); err != nil {
				return err
			}
		}
		return t.put(tx)
	})
	return size, err
}

// reset forgets the batch that was committed.
func (c *committer) reset() {
	for i, l := range c.touched {
		l.finish()
		c.touched[i] = nil
	}
	clear(c.fresh)
	clear(c.plan) // or it keeps the blocks that the arena gives up
	clear(c.joining)
	c.touched, c.plan, c.fresh = c.touched[:0], c.plan[:0], c.fresh[:0]
	c.arena.reset()
}

// prepare turns operations into writes, and brings what is known of the chunks
// to where it will be once they are done.
func (c *committer) prepare(ops []op) {
	for i := range ops {
		o := &ops[i]
		if o.log != nil && !o.log.touched {
			o.log.touched = true
			c.touched = append(c.touched, o.log)
		}
		switch o.kind {
		case opAdd:
			o.log.adds = append(o.log.adds, *o)
		case opRemove, opConsume:
			o.log.remove(o.seq)
		case opFlag:
			o.log.flag(o.seq)
		case opNote:
			o.log.note(o.seq, o.note)
		case opDropRange:
			o.log.dropRange(o.seq, o.last)
		case opDropLog:
			o.log.dropAll()
			if o.log.flagged > 0 {
				c.plan = append(c.plan, write{bucketMeta, flagKey(o.log.id), nil})
			}
		case opRecord:
			c.plan = append(c.plan, *o.record)
		case opEnlist:
			c.join(o.enlisted)
		}
	}
	for _, l := range c.touched {
		c.planChunks(l)
		c.planChanges(l)
	}
}

// planChunks writes a log's new messages as chunks.
func (c *committer) planChunks(l *Log) {
	l.adds = slices.DeleteFunc(l.adds, func(o op) bool { return o.msg == nil })
	for rest := l.adds; len(rest) > 0; {
		meta := chunkMeta{first: rest[0].seq}
		buf := c.arena.room(chunkRoom(rest))[:chunkHeader]
		var apart []bodyAt
		n := 0
		for n < len(rest) && n < chunkMessages && rest[n].seq-meta.first <= chunkSpan {
			if n > 0 && len(buf)+rest[n].inlineLen() > chunkBytes {
				break
			}
			body := c.bodyOf(l.s, &rest[n])
			buf = appendMessage(buf, &meta, &rest[n], body)
			if body != nil {
				apart = append(apart, bodyAt{uint16(meta.span), body})
			}
			n++
		}
		value := c.arena.keep(buf)
		key := c.arena.key(l.id, meta.first)
		meta.put(value, key)
		c.plan = append(c.plan, write{bucketChunks, key, value})
		l.chunks = append(l.chunks, chunkState{first: meta.first, span: uint16(meta.span), count: meta.count, live: meta.count})
		if apart != nil {
			l.chunks[len(l.chunks)-1].marked().bodies = apart
		}
		for i := range rest[:n] {
			if o := &rest[i]; o.flagged || o.note.len > 0 {
				l.change(len(l.chunks)-1).marked().take(o, meta.first)
			}
		}
		rest = rest[n:]
	}
	if n := len(l.adds); n > 0 {
		l.written = l.adds[n-1].seq
	}
	clear(l.adds)
	l.adds = l.adds[:0]
}

// take marks a message of the batch at hand.
func (m *marks) take(o *op, first uint64) {
	if o.flagged {
		m.flags.set(o.seq - first)
	}
	if o.note.len > 0 {
		m.note(o.seq-first, o.note)
	}
}

// bodyOf is the body of a message whose content is kept apart, or nil.
func (c *committer) bodyOf(s *Store, o *op) *Body {
	if !o.apart {
		return nil
	}
	b, fresh := s.bodies.take(o.msg.Content())
	if fresh {
		c.fresh = append(c.fresh, b)
	}
	return b
}

// inlineLen is the number of bytes of a message that a chunk has, apart from its
// overhead.
func (o *op) inlineLen() int {
	if o.apart {
		return o.msg.EncodedLen()
	}
	return o.msg.EncodedLen() + len(o.msg.Content())
}

// chunkRoom is as much as the first chunk of some messages can need.
func chunkRoom(adds []op) int {
	n := chunkHeader
	for i := range adds[:min(len(adds), chunkMessages)] {
		if n += adds[i].inlineLen() + recordOverhead; n > chunkBytes {
			return max(n, chunkBytes+recordOverhead)
		}
	}
	return n
}

// planChanges writes what has changed of a log's chunks.
func (c *committer) planChanges(l *Log) {
	for _, i := range l.dirty {
		ch := &l.chunks[i]
		ch.dirty = false
		key := c.arena.key(l.id, ch.first)
		m := cmp.Or(ch.marks, &marks{})
		if ch.live == 0 {
			for _, at := range m.bodies {
				if at.body != nil {
					l.s.bodies.release(at.body)
				}
			}
			c.plan = append(c.plan, write{bucketChunks, key, nil})
			if m.settled != nil {
				c.plan = append(c.plan, write{bucketSettled, key, nil})
			}
			if m.flags != nil {
				c.plan = append(c.plan, write{bucketFlags, key, nil})
			}
			ch.marks, ch.gone = nil, true
			l.gone++
			continue
		}
		if m.settled != nil {
			c.plan = append(c.plan, write{bucketSettled, key, c.arena.sealed(bucketSettled, key, m.settled)})
		}
		if m.flags != nil {
			c.plan = append(c.plan, write{bucketFlags, key, c.arena.sealed(bucketFlags, key, m.written(uint32(ch.span)))})
		}
	}
	l.dirty = l.dirty[:0]
}

// finish forgets the batch and tells the log's user what has reached the disk.
func (l *Log) finish() {
	l.touched = false
	last := l.written
	l.written = 0
	if cap(l.adds) > 4096 {
		l.adds = nil
	}
	if l.gone == len(l.chunks) && cap(l.chunks) > 1024 {
		l.chunks, l.gone = nil, 0
	} else if l.gone == len(l.chunks) || l.gone > 64 && l.gone > len(l.chunks)/2 {
		l.chunks = slices.DeleteFunc(l.chunks, func(c chunkState) bool { return c.gone })
		l.gone = 0
	}
	if last > 0 && l.OnCommit != nil {
		l.OnCommit(last)
	}
}
