package store

import (
	"cmp"
	"errors"
	"fmt"
	"sort"

	bolt "go.etcd.io/bbolt"
)

// What reads messages back from the disk.

// Load visits the messages of a run. A chunk whose marks cannot be read is visited
// whole, as redelivered.
func (l *chunkLog) Load(first, last uint64, visit func(Record) bool) error {
	var bad damage
	err := l.disk.view(func(tx *bolt.Tx) error {
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
				if r.Seq < first || m.settled.has(r.Seq-start) || l.dropped(r) {
					return true
				}
				if r.Seq > last {
					more = false
					return false
				}
				r.Redelivered = r.Seq < l.flagged || m.flags.has(r.Seq-start) || m.damaged != nil
				r.Note = noteOf(notes, r.Seq-start)
				more = visit(l.disk.withBody(r))
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

// dropped reports whether a restart has dropped a message, if not yet a commit.
func (l *chunkLog) dropped(r *stored) bool { return r.Volatile && r.Seq <= l.last }

// withBody is a record with its body, if that is kept apart.
func (d *disk) withBody(r *stored) Record {
	if r.place.segment != 0 {
		r.Body = d.bodies.at(r.place)
	}
	return r.Record
}

// view reads what the last commit left. What its chunks refer to stays meanwhile.
func (d *disk) view(read func(*bolt.Tx) error) error {
	d.reading.RLock()
	defer d.reading.RUnlock()
	return d.db.View(read)
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
func (l *chunkLog) seekBefore(c *bolt.Cursor, seq uint64) (k, v []byte) {
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

// Pick visits single messages.
func (l *chunkLog) Pick(positions []uint64, visit func(Record)) error {
	var bad damage
	err := l.disk.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketChunks).Cursor()
		for rest := positions; len(rest) > 0; {
			k, v := l.seekChunk(c, rest[0])
			if k == nil {
				return nil
			}
			id, start, err := splitKey(k)
			if err != nil || id != l.id {
				return err
			}
			m := marksOf(tx, k)
			meta, err := readMeta(start, v)
			if err == nil {
				err = eachRecord(&meta, k, v, func(r *stored) bool {
					rest = from(rest, r.Seq)
					if len(rest) > 0 && rest[0] == r.Seq && !m.settled.has(r.Seq-start) && !l.dropped(r) {
						visit(l.disk.withBody(r))
					}
					return len(rest) > 0 && rest[0] <= meta.last()
				})
			}
			if err = cmp.Or(err, m.damaged); err != nil {
				bad.add(id, start, err)
			}
			// Up to the next chunk there is nothing else.
			k, _ = c.Next()
			id, start, err = splitKey(k)
			if err != nil || id != l.id {
				return nil
			}
			rest = from(rest, start)
		}
		return nil
	})
	return errors.Join(err, bad.err())
}

// from are the positions that are not before seq.
func from(positions []uint64, seq uint64) []uint64 {
	if len(positions) > 0 && positions[0] >= seq {
		return positions
	}
	return positions[sort.Search(len(positions), func(i int) bool { return positions[i] >= seq }):]
}

// seekChunk moves a cursor to the chunk that covers a position, or to the one
// after it. One that does not tell how far it goes covers all.
func (l *chunkLog) seekChunk(c *bolt.Cursor, seq uint64) (k, v []byte) {
	k, v = l.seekBefore(c, seq)
	if id, start, err := splitKey(k); err == nil && id == l.id && start < seq {
		if m, err := readMeta(start, v); err == nil && m.last() < seq {
			return c.Next()
		}
	}
	return k, v
}
