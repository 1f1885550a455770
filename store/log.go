package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"

	bolt "go.etcd.io/bbolt"
)

// A log: what its users append, and what the committer knows of
// its chunks.

// A Log is an ordered list of messages. Positions are its user's and grow.
type Log struct {
	s  *Store
	id LogID

	// OnCommit, if set before the first Add, is called by the committer with
	// the position of the last message that has reached the disk. It must not
	// block.
	OnCommit func(seq uint64)

	// Where the last two batches begin that add to it, by the store's lock.
	newest, before firstOf

	// The rest is the committer's.
	chunks  []chunkState // in order of position
	gone    int          // of them, those deleted from the disk
	adds    []op         // of the batch at hand, until they are planned
	written uint64       // the last message that the plan adds; 0 is none
	touched bool
	dirty   []int // chunks whose bitmap has changed

	// What Recover found: positions before flagged have been with a consumer,
	// perhaps, and last is the largest that was ever used.
	flagged, last uint64
}

// A chunkState is a chunk on disk as the committer knows it.
type chunkState struct {
	first uint64
	span  uint16
	count uint16 // messages
	live  uint16 // of them, those not settled
	dirty bool
	gone  bool   // deleted from the disk
	marks *marks // nil while none is marked
}

// marks are what is known of single messages of a chunk.
type marks struct {
	settled bitmap // nil while none is
	flags   bitmap // redelivered ones; not nil where there are notes, or were
	notes   []noteAt
	bodies  []bodyAt
}

// A bodyAt is the body of a message, by its position less the chunk's first; nil once
// the message is settled.
type bodyAt struct {
	at   uint16
	body *Body
}

// releaseAt takes back the reference of a message to its body, if it has one.
func (m *marks) releaseAt(at uint64) {
	i, ok := slices.BinarySearchFunc(m.bodies, at, func(b bodyAt, at uint64) int { return cmp.Compare(uint64(b.at), at) })
	if ok && m.bodies[i].body != nil {
		b := m.bodies[i].body
		b.bodies.release(b)
		m.bodies[i].body = nil
	}
}

// marked is the chunk's marks, to be changed.
func (c *chunkState) marked() *marks {
	if c.marks == nil {
		c.marks = new(marks)
	}
	return c.marks
}

// Log makes a handle for a log that has nothing in it.
func (s *Store) Log(id LogID) *Log { return &Log{s: s, id: id} }

// ID is the log's identity.
func (l *Log) ID() LogID { return l.id }

// Last is the largest position that Recover found a trace of, whatever has
// become of the message; 0 if there is none. Positions after a restart go on
// from there: what is noted of one must not be said of another.
func (l *Log) Last() uint64 { return l.last }

// An Appender collects one user's operations and hands them over at once.
type Appender struct {
	s     *Store
	ops   []op
	bytes int
}

// Add stores a message. A volatile one is dropped by a restart.
func (a *Appender) Add(l *Log, seq uint64, deadline int64, volatile bool, m Message) {
	a.s = l.s
	content := len(m.Content())
	apart := content >= bodyBytes
	a.ops = append(a.ops, op{kind: opAdd, log: l, seq: seq, deadline: deadline, volatile: volatile, apart: apart, msg: m})
	if a.bytes += m.EncodedLen(); !apart {
		a.bytes += content
	}
}

// Remove removes a message that was added.
func (a *Appender) Remove(l *Log, seq uint64) {
	a.s = l.s
	a.ops = append(a.ops, op{kind: opRemove, log: l, seq: seq})
}

// Consume is Remove for a message that nobody needs any more, whatever becomes
// of what comes after it: its publisher need not wait for the disk (BASIC-17).
func (a *Appender) Consume(l *Log, seq uint64) {
	a.s = l.s
	a.ops = append(a.ops, op{kind: opConsume, log: l, seq: seq})
}

// Flag marks a message that was added as redelivered, for the next start
// (PERSIST-5).
func (a *Appender) Flag(l *Log, seq uint64) {
	a.s = l.s
	a.ops = append(a.ops, op{kind: opFlag, log: l, seq: seq})
}

// DropRange removes the messages from position first to last that are there.
func (a *Appender) DropRange(l *Log, first, last uint64) {
	a.s = l.s
	a.ops = append(a.ops, op{kind: opDropRange, log: l, seq: first, last: last})
}

// Drop removes the whole log.
func (a *Appender) Drop(l *Log) {
	a.s = l.s
	a.ops = append(a.ops, op{kind: opDropLog, log: l})
}

// keepAppended bounds the room for operations that is kept, for each queue has an Appender.
const keepAppended = 4096

// Flush hands the operations over and reports whether there were any.
func (a *Appender) Flush() bool {
	if len(a.ops) == 0 {
		return false
	}
	a.s.append(a.bytes, a.ops...)
	clear(a.ops)
	if a.ops, a.bytes = a.ops[:0], 0; cap(a.ops) > keepAppended {
		a.ops = nil
	}
	return true
}

// find returns the index of the chunk that covers a position, or -1.
func (l *Log) find(seq uint64) int {
	i := sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].first > seq }) - 1
	if i < 0 || l.chunks[i].gone || seq > l.chunks[i].last() {
		return -1
	}
	return i
}

func (c *chunkState) last() uint64 { return c.first + uint64(c.span) }

// added finds a message of the batch at hand, or -1.
func (l *Log) added(seq uint64) int {
	i, ok := slices.BinarySearchFunc(l.adds, seq, func(o op, seq uint64) int { return cmp.Compare(o.seq, seq) })
	if !ok {
		return -1
	}
	return i
}

// change notes that a chunk has changed.
func (l *Log) change(i int) *chunkState {
	c := &l.chunks[i]
	if !c.dirty {
		c.dirty = true
		l.dirty = append(l.dirty, i)
	}
	return c
}

// remove removes a message: one of this very batch vanishes, one on disk is
// marked.
func (l *Log) remove(seq uint64) {
	if i := l.added(seq); i >= 0 {
		l.adds[i].msg = nil
	} else if i := l.find(seq); i >= 0 {
		l.removeIn(i, seq)
	}
}

func (l *Log) removeIn(i int, seq uint64) {
	if c := l.change(i); c.live > 0 && c.marked().settled.set(seq-c.first) {
		c.live--
		c.marks.releaseAt(seq - c.first)
		c.marks.forget(seq - c.first)
	}
}

// flag marks a message as redelivered.
func (l *Log) flag(seq uint64) {
	if i := l.added(seq); i >= 0 {
		l.adds[i].flagged = true
	} else if i := l.find(seq); i >= 0 {
		c := l.change(i)
		c.marked().flags.set(seq - c.first)
	}
}

// dropRange removes all that the log holds between two positions.
func (l *Log) dropRange(first, last uint64) {
	i := sort.Search(len(l.adds), func(i int) bool { return l.adds[i].seq >= first })
	for ; i < len(l.adds) && l.adds[i].seq <= last; i++ {
		l.adds[i].msg = nil
	}
	i = sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].last() >= first })
	for ; i < len(l.chunks) && l.chunks[i].first <= last; i++ {
		c := &l.chunks[i]
		switch {
		case c.gone || c.live == 0:
		case c.first >= first && c.last() <= last:
			l.change(i).live = 0
		case int(c.count) == int(c.span)+1:
			for seq := max(first, c.first); seq <= min(last, c.last()); seq++ {
				l.removeIn(i, seq)
			}
		default: // not every position is a message
			_ = l.eachStored(c.first, func(r *stored) bool {
				if r.Seq >= first && r.Seq <= last {
					l.removeIn(i, r.Seq)
				}
				return r.Seq < last
			}) // what cannot be read stays: the check of the store says why
		}
	}
}

// dropAll removes all that the log holds.
func (l *Log) dropAll() {
	clear(l.adds)
	l.adds = l.adds[:0]
	for i := range l.chunks {
		if !l.chunks[i].gone {
			l.change(i).live = 0
		}
	}
}

// eachStored visits the messages of one chunk, settled ones too: as the plan has it,
// which may have failed to reach the disk so far, or as the disk has it.
func (l *Log) eachStored(first uint64, visit func(*stored) bool) error {
	key := chunkKey(nil, l.id, first)
	for _, w := range slices.Backward(l.s.plan) {
		if w.value != nil && bytes.Equal(w.key, key) && bytes.Equal(w.bucket, bucketChunks) {
			return eachIn(first, key, w.value, visit)
		}
	}
	return l.s.db.View(func(tx *bolt.Tx) error {
		return eachIn(first, key, tx.Bucket(bucketChunks).Get(key), visit)
	})
}

// Load calls visit with the messages from first to last that are not settled,
// as the last commit left them, until visit returns false. The data is only
// valid during the call. Chunks that cannot be read are passed over, and
// ErrDamaged is returned in the end; of one whose marks cannot be read all messages
// come, as redelivered.
func (l *Log) Load(first, last uint64, visit func(Record) bool) error {
	var bad damage
	err := l.s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketChunks).Cursor()
		more := true
		for k, v := l.seekBefore(c, first); k != nil && more; k, v = c.Next() {
			id, start, err := splitKey(k)
			if err != nil {
				return err
			}
			if id != l.id || start > last {
				return nil
			}
			m := marksOf(tx, k)
			notes := m.notesOf(start, v)
			err = eachIn(start, k, v, func(r *stored) bool {
				if r.Seq < first || m.settled.has(r.Seq-start) {
					return true
				}
				if r.Volatile && r.Seq <= l.last { // dropped by the restart, if not yet by a commit
					return true
				}
				if r.Seq > last {
					more = false
					return false
				}
				r.Redelivered = r.Seq < l.flagged || m.flags.has(r.Seq-start) || m.damaged != nil
				r.Note = noteOf(notes, r.Seq-start)
				more = visit(l.s.withBody(r))
				return more
			})
			if err = cmp.Or(err, m.damaged); err != nil {
				bad.add(id, start, err)
			}
		}
		return nil
	})
	return errors.Join(err, bad.err())
}

// withBody is a record with its body, if that is kept apart.
func (s *Store) withBody(r *stored) Record {
	if r.place.segment != 0 {
		r.Body = s.bodies.at(r.place)
	}
	return r.Record
}

// view reads what the last commit left. What its chunks refer to stays meanwhile.
func (s *Store) view(read func(*bolt.Tx) error) error {
	s.reading.RLock()
	defer s.reading.RUnlock()
	return s.db.View(read)
}

// storedMarks are those of a chunk as the disk has them.
type storedMarks struct {
	settled, flags bitmap // flags with the notes behind them
	damaged        error  // some could not be read
}

func marksOf(tx *bolt.Tx, key []byte) (m storedMarks) {
	for _, b := range []struct {
		bucket []byte
		to     *bitmap
	}{{bucketSettled, &m.settled}, {bucketFlags, &m.flags}} {
		v := tx.Bucket(b.bucket).Get(key)
		if v == nil {
			continue
		}
		payload, ok := unseal(b.bucket, key, v)
		if !ok {
			m.damaged = fmt.Errorf("its %s: the checksum is wrong", b.bucket)
		}
		*b.to = payload
	}
	return m
}

// notesOf are the notes of a chunk, as many as make sense.
func (m *storedMarks) notesOf(first uint64, chunk []byte) []noteAt {
	if m.flags == nil {
		return nil
	}
	meta, err := readMeta(first, chunk)
	if err != nil {
		return nil
	}
	flags, notes, err := splitFlags(m.flags, meta.span)
	m.flags, m.damaged = flags, cmp.Or(m.damaged, err)
	return notes
}

// seekBefore moves a cursor to the chunk that begins at a position, or else to the
// one before it, which may cover it.
func (l *Log) seekBefore(c *bolt.Cursor, seq uint64) (k, v []byte) {
	key := chunkKey(nil, l.id, seq)
	k, v = c.Seek(key)
	if string(k) == string(key) {
		return k, v
	}
	if k == nil {
		k, v = c.Last()
	} else {
		k, v = c.Prev()
	}
	if id, _, err := splitKey(k); err != nil || id != l.id {
		k, v = c.Seek(key)
	}
	return k, v
}
