package store

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	bolt "go.etcd.io/bbolt"
)

// A log on the disk: what the committer knows of its chunks.

// A chunkLog is a log of the disk.
type chunkLog struct {
	disk *disk
	id   LogID

	// The rest is the committer's.
	log     *Log
	chunks  []chunkState // in order of position
	gone    int          // of them, those deleted from the disk
	adds    []addition   // of the batch at hand, until they are planned
	written uint64       // the last message that the plan adds; 0 is none
	touched bool
	dirty   []int // chunks whose bitmap has changed

	// What Recover found: positions before flagged have been with a consumer,
	// perhaps, and last is the largest that was ever used.
	flagged, last uint64
}

// An addition is a message of the batch at hand.
type addition struct {
	Op
	flagged bool
}

// Log makes a log with nothing in it.
func (d *disk) Log(id LogID) EngineLog { return &chunkLog{disk: d, id: id} }

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
	body *body
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

// find returns the index of the chunk that covers a position, or -1.
func (l *chunkLog) find(seq uint64) int {
	i := sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].first > seq }) - 1
	if i < 0 || l.chunks[i].gone || seq > l.chunks[i].last() {
		return -1
	}
	return i
}

func (c *chunkState) last() uint64 { return c.first + uint64(c.span) }

// added finds a message of the batch at hand, or -1.
func (l *chunkLog) added(seq uint64) int {
	i, ok := slices.BinarySearchFunc(l.adds, seq, func(o addition, seq uint64) int { return cmp.Compare(o.Seq, seq) })
	if !ok {
		return -1
	}
	return i
}

// change notes that a chunk has changed.
func (l *chunkLog) change(i int) *chunkState {
	c := &l.chunks[i]
	if !c.dirty {
		c.dirty = true
		l.dirty = append(l.dirty, i)
	}
	return c
}

// remove removes a message: one of this very batch vanishes, one on disk is
// marked.
func (l *chunkLog) remove(seq uint64) {
	if i := l.added(seq); i >= 0 {
		l.adds[i].Message = nil
	} else if i := l.find(seq); i >= 0 {
		l.removeIn(i, seq)
	}
}

func (l *chunkLog) removeIn(i int, seq uint64) {
	if c := l.change(i); c.live > 0 && c.marked().settled.set(seq-c.first) {
		c.live--
		c.marks.releaseAt(seq - c.first)
		c.marks.forget(seq - c.first)
	}
}

// flag marks a message as redelivered.
func (l *chunkLog) flag(seq uint64) {
	if i := l.added(seq); i >= 0 {
		l.adds[i].flagged = true
	} else if i := l.find(seq); i >= 0 {
		c := l.change(i)
		c.marked().flags.set(seq - c.first)
	}
}

// dropRange removes all that the log holds between two positions.
func (l *chunkLog) dropRange(first, last uint64) {
	i := sort.Search(len(l.adds), func(i int) bool { return l.adds[i].Seq >= first })
	for ; i < len(l.adds) && l.adds[i].Seq <= last; i++ {
		l.adds[i].Message = nil
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
func (l *chunkLog) dropAll() {
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
func (l *chunkLog) eachStored(first uint64, visit func(*stored) bool) error {
	key := chunkKey(nil, l.id, first)
	for _, w := range slices.Backward(l.disk.plan) {
		if w.value != nil && bytes.Equal(w.key, key) && bytes.Equal(w.bucket, bucketChunks) {
			return eachIn(first, key, w.value, visit)
		}
	}
	return l.disk.view(func(tx *bolt.Tx) error {
		return eachIn(first, key, tx.Bucket(bucketChunks).Get(key), visit)
	})
}
