package store

import (
	"slices"
	"sort"

	bolt "go.etcd.io/bbolt"
)

// This file is a log: what its users append, and what the committer knows of
// its chunks.

// A Log is an ordered list of messages. Positions are its user's and grow.
type Log struct {
	s  *Store
	id LogID

	// OnCommit, if set before the first Add, is called by the committer with
	// the position of the last message that has reached the disk. It must not
	// block.
	OnCommit func(seq uint64)

	// The rest is the committer's.
	chunks  []chunkState // in order of position; those before head are gone
	head    int
	adds    []op // of the batch at hand
	touched bool
	dirty   []int // chunks whose bitmap has changed
	flagged uint64
}

// A chunkState is a chunk on disk as the committer knows it.
type chunkState struct {
	first   uint64
	span    uint32
	live    uint16 // messages not settled
	dirty   bool
	settled bitmap // nil while none is
	flags   bitmap // redelivered ones
}

// Log makes a handle for a log that has nothing in it.
func (s *Store) Log(id LogID) *Log { return &Log{s: s, id: id} }

// ID is the log's identity.
func (l *Log) ID() LogID { return l.id }

// An Appender collects one user's operations and hands them over at once.
type Appender struct {
	s     *Store
	ops   []op
	bytes int
}

// Add stores a message. A volatile one is dropped by a restart.
func (a *Appender) Add(l *Log, seq uint64, deadline int64, volatile bool, m Message) {
	a.s = l.s
	a.ops = append(a.ops, op{kind: opAdd, log: l, seq: seq, deadline: deadline, volatile: volatile, msg: m})
	a.bytes += m.EncodedLen()
}

// Settle removes a message that was added.
func (a *Appender) Settle(l *Log, seq uint64) {
	a.s = l.s
	a.ops = append(a.ops, op{kind: opSettle, log: l, seq: seq})
}

// Flag marks a message that was added as redelivered, for the next start.
func (a *Appender) Flag(l *Log, seq uint64) {
	a.s = l.s
	a.ops = append(a.ops, op{kind: opFlag, log: l, seq: seq})
}

// DropRange removes the messages from first to last, all of them.
func (a *Appender) DropRange(l *Log, first, last uint64) {
	a.s = l.s
	a.ops = append(a.ops, op{kind: opDropRange, log: l, seq: first, last: last})
}

// Drop removes the whole log.
func (a *Appender) Drop(l *Log) {
	a.s = l.s
	a.ops = append(a.ops, op{kind: opDropLog, log: l})
}

// Flush hands the operations over and reports whether there were any.
func (a *Appender) Flush() bool {
	if len(a.ops) == 0 {
		return false
	}
	a.s.append(a.bytes, a.ops...)
	clear(a.ops)
	a.ops, a.bytes = a.ops[:0], 0
	return true
}

// find returns the index of the chunk that covers a position, or -1.
func (l *Log) find(seq uint64) int {
	live := l.chunks[l.head:]
	i := sort.Search(len(live), func(i int) bool { return live[i].first > seq }) - 1
	if i < 0 || seq > live[i].first+uint64(live[i].span) {
		return -1
	}
	return l.head + i
}

// change gives the chunk that covers a position, noted as changed.
func (l *Log) change(seq uint64) *chunkState {
	i := l.find(seq)
	if i < 0 {
		return nil
	}
	c := &l.chunks[i]
	if !c.dirty {
		c.dirty = true
		l.dirty = append(l.dirty, i)
	}
	return c
}

// settle settles a message: one of this very batch vanishes, one on disk is
// marked.
func (l *Log) settle(seq uint64) {
	if i, ok := slices.BinarySearchFunc(l.adds, seq, compareSeq); ok {
		l.adds[i].msg = nil
		return
	}
	if c := l.change(seq); c != nil && c.settled.set(seq-c.first) {
		c.live--
	}
}

func compareSeq(o op, seq uint64) int {
	switch {
	case o.seq < seq:
		return -1
	case o.seq > seq:
		return 1
	}
	return 0
}

// dropRange settles all that the log holds between two positions.
func (l *Log) dropRange(first, last uint64) {
	for i := l.head; i < len(l.chunks); i++ {
		c := &l.chunks[i]
		end := c.first + uint64(c.span)
		if end < first || c.first > last || c.live == 0 {
			continue
		}
		l.change(c.first)
		if c.first >= first && end <= last {
			c.live = 0
			continue
		}
		for seq := max(first, c.first); seq <= min(last, end); seq++ {
			// The user vouches that every position of the range is a message
			// that was not settled before.
			if c.settled.set(seq - c.first) {
				c.live--
			}
		}
	}
}

// Load calls visit with the messages from first to last that are not settled,
// as the last commit left them, until visit returns false. The data is only
// valid during the call.
func (l *Log) Load(first, last uint64, visit func(Record) bool) error {
	return l.s.db.View(func(tx *bolt.Tx) error {
		settled, flags := tx.Bucket(bucketSettled), tx.Bucket(bucketFlags)
		c := tx.Bucket(bucketChunks).Cursor()
		prefix := chunkKey(nil, l.id, first)
		k, v := c.Seek(prefix)
		if string(k) != string(prefix) { // the chunk that covers first begins before it
			if k == nil {
				k, v = c.Last()
			} else {
				k, v = c.Prev()
			}
			if id, _, err := splitKey(k); k == nil || err != nil || id != l.id {
				k, v = c.Next()
			}
			if k == nil {
				k, v = c.Seek(prefix)
			}
		}
		for ; k != nil; k, v = c.Next() {
			id, start, err := splitKey(k)
			if err != nil {
				return err
			}
			if id != l.id || start > last {
				return nil
			}
			meta, err := readMeta(start, v)
			if err != nil {
				return err
			}
			gone, seen := bitmap(settled.Get(k)), bitmap(flags.Get(k))
			more := true
			err = eachRecord(&meta, v, func(r Record) bool {
				if r.Seq < first || gone.has(r.Seq-start) {
					return true
				}
				if r.Seq > last {
					more = false
					return false
				}
				r.Redelivered = r.Seq < l.flagged || seen.has(r.Seq-start)
				more = visit(r)
				return more
			})
			if err != nil || !more {
				return err
			}
		}
		return nil
	})
}
