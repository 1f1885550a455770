package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// This file is what happens when a store is opened: the format is checked, and
// what is known of the chunks is built up again.

const formatVersion = 1

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

// recover checks the format and drops what a restart drops.
func (s *Store) recover() error {
	return s.db.Update(func(tx *bolt.Tx) error {
		if name, _ := tx.Cursor().First(); name != nil && tx.Bucket(bucketMeta) == nil {
			return errForeign
		}
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketMeta)
		if v := meta.Get(keyVersion); v == nil {
			if err := meta.Put(keyVersion, []byte{formatVersion}); err != nil {
				return err
			}
		} else if err := checkVersion(v); err != nil {
			return err
		}
		if meta.Get(keyClean) != nil {
			return meta.Delete(keyClean)
		}
		return flagAll(tx)
	})
}

var errForeign = errors.New("store: the file is a database of another program")

func checkVersion(v []byte) error {
	if len(v) != 1 || v[0] != formatVersion {
		return fmt.Errorf("store: format version %x; this program reads version %d", v, formatVersion)
	}
	return nil
}

// flagAll marks all that is stored as perhaps delivered before: after a crash
// nobody knows (PERSIST-5). One number a log is enough.
func flagAll(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
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
		if err := meta.Put(flagKey(id), binary.BigEndian.AppendUint64(nil, last+1)); err != nil {
			return err
		}
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
	return s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyClean, []byte{1}) })
}

// Recover makes a handle for a log that Open found and calls visit with what is
// in it, in order. size tells what a message counts for, from its bytes. It must
// come before anything is appended to the log. With ErrDamaged there is a log all
// the same, of what could be read.
func (s *Store) Recover(id LogID, size func(data []byte) int, visit func(Range)) (*Log, error) {
	l := s.Log(id)
	var drop Appender
	var bad damage
	err := s.db.View(func(tx *bolt.Tx) error {
		if v := tx.Bucket(bucketMeta).Get(flagKey(id)); len(v) == 8 {
			l.flagged = binary.BigEndian.Uint64(v)
			l.last = max(l.flagged, 1) - 1
		}
		c := tx.Bucket(bucketChunks).Cursor()
		for k, v := c.Seek(chunkKey(nil, id, 0)); k != nil; k, v = c.Next() {
			at, first, err := splitKey(k)
			if err != nil || at != id {
				return err
			}
			if err := l.recoverChunk(tx, k, v, first, &drop, size, visit); err != nil {
				bad.add(id, first, err)
				l.keepUnread(first)
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
// gone has to be read beyond its header.
func (l *Log) recoverChunk(tx *bolt.Tx, k, v []byte, first uint64, drop *Appender, size func([]byte) int,
	visit func(Range)) error {
	meta, err := readMeta(first, v)
	if err != nil {
		return err
	}
	settled := bitmap(slices.Clone(tx.Bucket(bucketSettled).Get(k)))
	flags := bitmap(slices.Clone(tx.Bucket(bucketFlags).Get(k)))
	l.last = max(l.last, meta.last())
	r := Range{First: first, Last: meta.last(), Count: int(meta.count), Timed: meta.timed > 0, Size: meta.size}
	live := r.Count
	switch {
	case meta.volatile == meta.count:
		r.Count = 0
		drop.DropRange(l, first, meta.last())
	case settled != nil || meta.volatile > 0:
		r.Count, r.Size, live = 0, 0, 0
		err := eachRecord(&meta, v, func(rec Record) bool {
			switch {
			case settled.has(rec.Seq - first):
			case rec.Volatile:
				live++
				drop.Settle(l, rec.Seq)
			default:
				live++
				if r.Count == 0 {
					r.First = rec.Seq
				}
				r.Last = rec.Seq
				r.Count++
				r.Size += uint64(size(rec.Data))
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	ch := chunkState{first: first, span: uint16(meta.span), count: meta.count, live: uint16(live)}
	if settled != nil || flags != nil {
		ch.marks = &marks{settled, flags}
	}
	l.chunks = append(l.chunks, ch)
	if r.Count > 0 {
		visit(r)
	}
	return nil
}

func ofLog(id LogID, err error) error { return fmt.Errorf("store: log %d: %w", id, err) }

// DropUnknown removes the logs that keep does not want, and returns the largest
// identity of a log there was.
func (s *Store) DropUnknown(keep func(LogID) bool) (LogID, error) {
	var unknown []LogID
	var largest LogID
	err := s.db.View(func(tx *bolt.Tx) error {
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
		l, err := s.Recover(id, func([]byte) int { return 0 }, func(Range) {})
		if err != nil && !errors.Is(err, ErrDamaged) {
			return 0, err
		}
		var drop Appender
		drop.Drop(l)
		drop.Flush()
	}
	return largest, nil
}
