package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// What happens when a store is opened: the format is checked, and
// what is known of the chunks is built up again.

// formatVersion is the format that this program writes, oldVersion the one that it
// brings up to date.
const (
	formatVersion = 2
	oldVersion    = 1
)

var (
	keyVersion = []byte("version")
	keyClean   = []byte("clean") // present while the store is closed in order
)

// A Range is a run of messages that Open found, settled ones not counted.
type Range struct {
	First, Last uint64
	Count       int
	Timed       bool // some may have a deadline
	Size        uint64
}

// format makes an empty database one of this format.
func format(tx *bolt.Tx) error {
	for _, name := range append([][]byte{bucketTotals}, buckets...) {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	if err := tx.Bucket(bucketMeta).Put(keyVersion, []byte{formatVersion}); err != nil {
		return err
	}
	t, err := countAll(tx)
	if err != nil {
		return err
	}
	return t.put(tx)
}

// recover takes over what a look at the database has found, and drops what a restart
// drops.
func (s *Store) recover(found *examination) error {
	s.damage = found.damage
	if found.actual != found.stored {
		err := s.db.View(func(tx *bolt.Tx) error { return s.explain(tx, found) })
		if err == nil {
			err = s.db.Update(found.actual.put)
		}
		if err != nil {
			return err
		}
	}
	if err := s.countBodies(); err != nil {
		return err
	}
	var plan []write
	err := s.db.View(func(tx *bolt.Tx) error {
		if tx.Bucket(bucketMeta).Get(keyClean) != nil {
			plan = append(plan, write{bucketMeta, keyClean, nil})
			return nil
		}
		return flagAll(tx, &plan)
	})
	if err == nil && len(plan) > 0 {
		_, err = update(s.db, plan)
	}
	return err
}

// explain looks for what makes the totals wrong. What is damaged is told of; where
// nothing is, something has been lost, or is older than it should be.
func (s *Store) explain(tx *bolt.Tx, found *examination) error {
	damaged := len(found.damage)
	c := tx.Bucket(bucketChunks).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if _, ok := unseal(bucketChunks, k, v); !ok {
			damaged++
			s.damage = append(s.damage, fmt.Errorf("%w: chunk %x: its checksum is wrong", ErrDamaged, k))
		}
	}
	if damaged == 0 {
		return fmt.Errorf("%w: some keys or values are not those of the last commit", ErrDamaged)
	}
	return nil
}

// countBodies counts which bodies the messages refer to, and removes the segments that
// none refers to.
func (s *Store) countBodies() error {
	if err := s.bodies.open(s.dir, &s.reading); err != nil {
		return err
	}
	if s.bodies.files.last == 0 {
		return nil
	}
	unread, err := s.bodies.countIn(s.db)
	if err == nil && !unread { // else what is not read may refer to any
		s.bodies.files.removeUnused()
	}
	return err
}

// countIn counts which bodies the messages of a database refer to. It reports whether
// some could not be read.
func (bs *bodies) countIn(db *bolt.DB) (unread bool, err error) {
	err = db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketChunks).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			_, first, err := splitKey(k)
			if err != nil {
				unread = true
				continue
			}
			meta, err := readMeta(first, v)
			if err == nil && meta.bodies == 0 {
				continue
			}
			m := marksOf(tx, k)
			if err == nil {
				err = eachRecord(&meta, k, v, func(r *stored) bool {
					if r.place.segment != 0 && !m.settled.has(r.Seq-first) {
						bs.addReference(r.place)
					}
					return true
				})
			}
			unread = unread || err != nil || m.damaged != nil
		}
		return nil
	})
	return unread, err
}

// A formatError says that a database is whole, and none that this program reads.
type formatError string

func (e formatError) Error() string { return string(e) }

const errForeign = formatError("the file is a database of another program")

// isVersion reports whether a key is the format's version, the one value without a sum.
func isVersion(bucket, key []byte) bool {
	return string(bucket) == string(bucketMeta) && string(key) == string(keyVersion)
}

func checkVersion(v []byte) error {
	if len(v) != 1 || v[0] != formatVersion {
		return formatError(fmt.Sprintf("format version %x; this program reads version %d", v, formatVersion))
	}
	return nil
}

// flagAll marks all that is stored as perhaps delivered before: after a crash
// nobody knows (PERSIST-5). One number a log is enough.
func flagAll(tx *bolt.Tx, plan *[]write) error {
	c := tx.Bucket(bucketChunks).Cursor()
	for k, _ := c.First(); k != nil; {
		id, _, err := splitKey(k)
		if err != nil {
			return err
		}
		// The log's last chunk is just before the next log's first.
		var next, lk, lv []byte
		if id < maxLogID {
			next, _ = c.Seek(chunkKey(nil, id+1, 0))
		}
		if next == nil {
			lk, lv = c.Last()
		} else {
			next = slices.Clone(next)
			lk, lv = c.Prev()
		}
		_, first, err := splitKey(lk)
		if err != nil {
			return err
		}
		last := first + chunkSpan // if the chunk does not tell
		if m, err := readMeta(first, lv); err == nil {
			last = m.last()
		}
		key := flagKey(id)
		*plan = append(*plan, write{bucketMeta, key, sealed(bucketMeta, key, binary.BigEndian.AppendUint64(nil, last+1))})
		if next == nil {
			return nil
		}
		k, _ = c.Seek(next)
	}
	return nil
}

func flagKey(id LogID) []byte { return binary.BigEndian.AppendUint64([]byte("flagged-"), uint64(id)) }

// markClean notes that the store was closed in order.
func (s *Store) markClean() error {
	_, err := update(s.db, []write{{bucketMeta, keyClean, sealed(bucketMeta, keyClean, nil)}})
	return err
}

// Recover makes a handle for a log that Open found and calls visit with what is
// in it, in order. size is what a message counts for, as its record has it. It must
// come before anything is appended to the log. With ErrDamaged there is a log all
// the same, of what could be read.
func (s *Store) Recover(id LogID, size func(*Record) int, visit func(Range)) (*Log, error) {
	return s.RecoverNoted(id, size, visit, nil)
}

// RecoverNoted is Recover for a log with notes: noted is called with each message that has
// one. Those for which it returns true are in no range that visit gets, but Load and Pick
// find them.
func (s *Store) RecoverNoted(id LogID, size func(*Record) int, visit func(Range), noted func(*Record) bool) (*Log, error) {
	l := s.Log(id)
	var drop Appender
	var bad damage
	err := s.view(func(tx *bolt.Tx) error {
		key := flagKey(id)
		if v, ok := unseal(bucketMeta, key, tx.Bucket(bucketMeta).Get(key)); ok && len(v) == 8 {
			l.flagged = binary.BigEndian.Uint64(v)
			l.last = max(l.flagged, 1) - 1
		}
		c := tx.Bucket(bucketChunks).Cursor()
		for k, v := c.Seek(chunkKey(nil, id, 0)); k != nil; k, v = c.Next() {
			at, first, err := splitKey(k)
			if err != nil || at != id {
				return err
			}
			n := len(l.chunks)
			if err := l.recoverChunk(tx, k, v, first, &drop, size, visit, noted); err != nil {
				bad.add(id, first, err)
				if len(l.chunks) == n {
					l.keepUnread(first)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, ofLog(id, err)
	}
	drop.Flush()
	return l, bad.err()
}

// keepUnread notes a chunk that cannot be read: it goes when the log goes, and its
// positions, whatever they are, are not used again.
func (l *Log) keepUnread(first uint64) {
	l.last = max(l.last, first+chunkSpan)
	l.chunks = append(l.chunks, chunkState{first: first, count: 1, live: 1})
}

// recoverChunk takes one chunk into account. Only one of which something is
// gone, or whose bodies are kept apart, has to be read beyond its header.
func (l *Log) recoverChunk(tx *bolt.Tx, k, v []byte, first uint64, drop *Appender, size func(*Record) int,
	visit func(Range), noted func(*Record) bool) error {
	meta, err := readMeta(first, v)
	if err != nil {
		return err
	}
	stm := marksOf(tx, k)
	m := stm.marks(first, v)
	l.last = max(l.last, meta.last())
	r := Range{First: first, Last: meta.last(), Count: int(meta.count), Timed: meta.timed > 0, Size: meta.size}
	live := r.Count
	if meta.volatile == meta.count {
		r.Count = 0
		drop.DropRange(l, first, meta.last())
	}
	if m.settled != nil || meta.volatile > 0 && r.Count > 0 || meta.bodies > 0 || noted != nil && len(m.notes) > 0 {
		kept := Range{First: first, Last: meta.last(), Timed: r.Timed}
		live = 0
		err := eachRecord(&meta, k, v, func(rec *stored) bool {
			if m.settled.has(rec.Seq - first) {
				return true
			}
			live++
			if rec.place.segment != 0 {
				rec.Body = l.s.bodies.at(rec.place)
				m.bodies = append(m.bodies, bodyAt{uint16(rec.Seq - first), rec.Body})
			}
			switch {
			case r.Count == 0: // all go
			case rec.Volatile:
				drop.Remove(l, rec.Seq)
			case noted != nil && m.isNoted(rec, first) && noted(&rec.Record):
				if kept.Count > 0 {
					visit(kept)
				}
				kept = Range{First: rec.Seq, Last: rec.Seq, Timed: r.Timed}
			default:
				if kept.Count == 0 {
					kept.First = rec.Seq
				}
				kept.Last = rec.Seq
				kept.Count++
				kept.Size += uint64(size(&rec.Record))
			}
			return true
		})
		if err != nil {
			return err
		}
		r = kept
	}
	ch := chunkState{first: first, span: uint16(meta.span), count: meta.count, live: uint16(live)}
	if m.settled != nil || m.flags != nil || m.bodies != nil {
		ch.marks = m
	}
	l.chunks = append(l.chunks, ch)
	if r.Count > 0 {
		visit(r)
	}
	return stm.damaged
}

func ofLog(id LogID, err error) error { return fmt.Errorf("store: log %d: %w", id, err) }

// EachLog calls visit, in no order and maybe more than once, with every log of which
// Recover finds anything.
func (s *Store) EachLog(visit func(LogID)) error {
	return s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketChunks).Cursor()
		for k, _ := c.First(); k != nil; {
			id, _, err := splitKey(k)
			if err != nil {
				return err
			}
			if visit(id); id == maxLogID {
				break
			}
			k, _ = c.Seek(chunkKey(nil, id+1, 0))
		}
		prefix := flagKey(0)
		prefix = prefix[:len(prefix)-8]
		c = tx.Bucket(bucketMeta).Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			if len(k) == len(prefix)+8 {
				visit(LogID(binary.BigEndian.Uint64(k[len(prefix):])))
			}
		}
		return nil
	})
}

// DropUnknown removes the logs that keep does not want, and returns the largest
// identity of a log there was.
func (s *Store) DropUnknown(keep func(LogID) bool) (LogID, error) {
	var unknown []LogID
	var largest LogID
	err := s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketChunks).Cursor()
		for k, _ := c.First(); k != nil && largest < maxLogID; k, _ = c.Seek(chunkKey(nil, largest+1, 0)) {
			id, _, err := splitKey(k)
			if err != nil {
				return err
			}
			if largest = id; !keep(id) {
				unknown = append(unknown, id)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, id := range unknown {
		l, err := s.Recover(id, func(*Record) int { return 0 }, func(Range) {})
		if err != nil && !errors.Is(err, ErrDamaged) {
			return 0, err
		}
		var drop Appender
		drop.Drop(l)
		drop.Flush()
	}
	return largest, nil
}
