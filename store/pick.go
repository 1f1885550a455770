package store

import (
	"sort"

	bolt "go.etcd.io/bbolt"
)

// This file reads single messages out of a log.

// Pick is Load for single positions, in ascending order. Those that are settled,
// or that no commit has written, are left out.
func (l *Log) Pick(positions []uint64, visit func(Record)) error {
	return l.s.db.View(func(tx *bolt.Tx) error {
		settled := tx.Bucket(bucketSettled)
		c := tx.Bucket(bucketChunks).Cursor()
		for rest := positions; len(rest) > 0; {
			k, v := seekChunk(c, l.id, rest[0])
			if k == nil {
				return nil
			}
			id, start, err := splitKey(k)
			if err != nil || id != l.id {
				return err
			}
			meta, err := readMeta(start, v)
			if err != nil {
				return err
			}
			// Before the chunk there is nothing, of those within it some.
			rest = rest[sort.Search(len(rest), func(i int) bool { return rest[i] >= start }):]
			gone := bitmap(settled.Get(k))
			err = eachRecord(&meta, v, func(r Record) bool {
				for len(rest) > 0 && rest[0] < r.Seq {
					rest = rest[1:]
				}
				if len(rest) > 0 && rest[0] == r.Seq && !gone.has(r.Seq-start) {
					visit(r)
				}
				return len(rest) > 0 && rest[0] <= meta.last()
			})
			if err != nil {
				return err
			}
			for len(rest) > 0 && rest[0] <= meta.last() {
				rest = rest[1:]
			}
		}
		return nil
	})
}

// seekChunk finds the chunk that covers a position, or the one after it.
func seekChunk(c *bolt.Cursor, id LogID, seq uint64) (k, v []byte) {
	key := chunkKey(nil, id, seq)
	k, v = c.Seek(key)
	if string(k) == string(key) {
		return k, v
	}
	before, chunk := c.Prev()
	if k == nil {
		before, chunk = c.Last()
	}
	if at, start, err := splitKey(before); err == nil && at == id {
		if m, err := readMeta(start, chunk); err != nil || seq <= m.last() {
			return before, chunk
		}
	}
	return c.Seek(key)
}
