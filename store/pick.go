package store

import (
	"cmp"
	"errors"
	"sort"

	bolt "go.etcd.io/bbolt"
)

// This file reads single messages out of a log.

// Pick is Load for single positions, in ascending order. Those that are settled,
// or that no commit has written, are left out.
func (l *Log) Pick(positions []uint64, visit func(Record)) error {
	var bad damage
	err := l.s.view(func(tx *bolt.Tx) error {
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
					if len(rest) > 0 && rest[0] == r.Seq && !m.settled.has(r.Seq-start) {
						visit(l.s.withBody(r))
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
func (l *Log) seekChunk(c *bolt.Cursor, seq uint64) (k, v []byte) {
	k, v = l.seekBefore(c, seq)
	if id, start, err := splitKey(k); err == nil && id == l.id && start < seq {
		if m, err := readMeta(start, v); err == nil && m.last() < seq {
			return c.Next()
		}
	}
	return k, v
}
