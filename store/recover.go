package store

import (
	"bytes"
	"encoding/binary"
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
func (d *disk) recover(found *examination) error {
	d.damage = found.damage
	if found.actual != found.stored {
		err := d.db.View(func(tx *bolt.Tx) error { return d.explain(tx, found) })
		if err == nil {
			err = d.db.Update(found.actual.put)
		}
		if err != nil {
			return err
		}
	}
	if err := d.countBodies(); err != nil {
		return err
	}
	var plan []write
	err := d.db.View(func(tx *bolt.Tx) error {
		if tx.Bucket(bucketMeta).Get(keyClean) != nil {
			plan = append(plan, write{bucketMeta, keyClean, nil})
			return nil
		}
		return flagAll(tx, &plan)
	})
	if err == nil && len(plan) > 0 {
		_, err = update(d.db, plan)
	}
	return err
}

// explain looks for what makes the totals wrong. What is damaged is told of; where
// nothing is, something has been lost, or is older than it should be.
func (d *disk) explain(tx *bolt.Tx, found *examination) error {
	damaged := len(found.damage)
	c := tx.Bucket(bucketChunks).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if _, ok := unseal(bucketChunks, k, v); !ok {
			damaged++
			d.damage = append(d.damage, fmt.Errorf("%w: chunk %x: its checksum is wrong", ErrDamaged, k))
		}
	}
	if damaged == 0 {
		return fmt.Errorf("%w: some keys or values are not those of the last commit", ErrDamaged)
	}
	return nil
}

// countBodies counts which bodies the messages refer to, and removes the segments that
// none refers to.
func (d *disk) countBodies() error {
	if err := d.bodies.open(d.dir, &d.reading); err != nil {
		return err
	}
	if d.bodies.files.last == 0 {
		return nil
	}
	unread, err := d.bodies.countIn(d.db)
	if err == nil && !unread { // else what is not read may refer to any
		d.bodies.files.removeUnused()
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
func (d *disk) markClean() error {
	_, err := update(d.db, []write{{bucketMeta, keyClean, sealed(bucketMeta, keyClean, nil)}})
	return err
}

// Recover finds what is in a log.
func (d *disk) Recover(id LogID, r *Recovery) (EngineLog, error) {
	l := &chunkLog{disk: d, id: id}
	var bad damage
	err := d.view(func(tx *bolt.Tx) error {
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
			if err := l.recoverChunk(tx, k, v, first, r); err != nil {
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
	r.Last = l.last
	return l, bad.err()
}

// keepUnread notes a chunk that cannot be read: it goes when the log goes, and its
// positions, whatever they are, are not used again.
func (l *chunkLog) keepUnread(first uint64) {
	l.last = max(l.last, first+chunkSpan)
	l.chunks = append(l.chunks, chunkState{first: first, count: 1, live: 1})
}

// recoverChunk takes one chunk into account. Only one of which something is
// gone, or whose bodies are kept apart, has to be read beyond its header.
func (l *chunkLog) recoverChunk(tx *bolt.Tx, k, v []byte, first uint64, tell *Recovery) error {
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
		tell.Drop(first, meta.last())
	}
	if m.settled != nil || meta.volatile > 0 && r.Count > 0 || meta.bodies > 0 || tell.Noted != nil && len(m.notes) > 0 {
		kept := Range{First: first, Last: meta.last(), Timed: r.Timed}
		live = 0
		err := eachRecord(&meta, k, v, func(rec *stored) bool {
			if m.settled.has(rec.Seq - first) {
				return true
			}
			live++
			if rec.place.segment != 0 {
				b := l.disk.bodies.at(rec.place)
				rec.Body = b
				m.bodies = append(m.bodies, bodyAt{uint16(rec.Seq - first), b})
			}
			switch {
			case r.Count == 0: // all go
			case rec.Volatile:
				tell.Drop(rec.Seq, rec.Seq)
			case tell.Noted != nil && m.isNoted(rec, first) && tell.Noted(&rec.Record):
				if kept.Count > 0 {
					tell.Range(kept)
				}
				kept = Range{First: rec.Seq, Last: rec.Seq, Timed: r.Timed}
			default:
				if kept.Count == 0 {
					kept.First = rec.Seq
				}
				kept.Last = rec.Seq
				kept.Count++
				kept.Size += uint64(tell.Size(&rec.Record))
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
		tell.Range(r)
	}
	return stm.damaged
}

func ofLog(id LogID, err error) error { return fmt.Errorf("store: log %d: %w", id, err) }

// Logs visits the logs that have chunks, or positions that may have been with a consumer.
func (d *disk) Logs(visit func(LogID)) error {
	return d.view(func(tx *bolt.Tx) error {
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
