package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// Format 1 had no sums but those of chunks, and no bodies apart. It is brought up to
// date by a copy that takes the place of the file once it is complete: whenever the
// process ends, the folder has the whole of the old file or the whole of the new one,
// and a copy that was cut off is continued.

const (
	oldChunkVersion = 1
	oldChunkHeader  = 1 + 4 + 2 + 2 + 2 + 4 + 8
)

// keySource says in a copy that is not complete which file it is of.
var keySource = []byte("source")

// A migration copies one database.
type migration struct {
	src, dst    *bolt.DB
	opts        Options
	source      []byte
	done, total int64
	step        int // bytes of a transaction
}

// migrate brings a file of format 1 up to date.
func migrate(path string, opts Options) error { return migrateBy(path, opts, compactBytes) }

func migrateBy(path string, opts Options, step int) error {
	src, err := openBolt(path, &bolt.Options{Timeout: lockTimeout, NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return err
	}
	defer src.Close()
	m := migration{src: src, opts: opts, step: step}
	if err := src.View(func(tx *bolt.Tx) error {
		m.total = tx.Size()
		m.source = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(tx.ID())), uint64(tx.Size()))
		return nil
	}); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	temp := path + ".migrating"
	if err := m.copy(temp); err != nil {
		return fmt.Errorf("store: %s: %w", temp, err)
	}
	if err := renameAndClose(temp, path, src, true); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

func (m *migration) copy(temp string) (err error) {
	if err := m.open(temp); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.dst.Close()) }()
	for _, bucket := range buckets {
		for more := true; more; {
			if more, err = m.copySome(bucket); err != nil {
				return err
			}
			if m.opts.OnMigrate != nil {
				m.opts.OnMigrate(min(m.done, m.total), m.total)
			}
		}
	}
	err = m.dst.Update(func(tx *bolt.Tx) error {
		if err := tx.Bucket(bucketMeta).Delete(keySource); err != nil {
			return err
		}
		return format(tx)
	})
	if err == nil {
		err = m.dst.Sync()
	}
	return err
}

// open goes on with a copy of the same file, or begins one.
func (m *migration) open(temp string) (err error) {
	opts := &bolt.Options{Timeout: lockTimeout, NoFreelistSync: true, FreelistType: bolt.FreelistMapType}
	if _, err := checkPages(temp); err != nil && !errors.Is(err, errForeign) || !m.isMine(temp) {
		if err := os.RemoveAll(temp); err != nil {
			return err
		}
	}
	if m.dst, err = openBolt(temp, opts); err != nil {
		return err
	}
	err = m.dst.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keySource, m.source)
	})
	if err != nil {
		return errors.Join(err, m.dst.Close())
	}
	return nil
}

// isMine reports whether a copy is of this file as it is now.
func (m *migration) isMine(temp string) (mine bool) {
	db, _, err := openBoltToRead(temp)
	if err != nil {
		return false
	}
	defer db.Close()
	_ = db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		mine = meta != nil && string(meta.Get(keySource)) == string(m.source)
		return nil
	})
	return mine
}

// copySome copies some of a bucket, from where the copy ends. It reports whether there is
// more.
func (m *migration) copySome(bucket []byte) (more bool, err error) {
	err = m.src.View(func(from *bolt.Tx) error {
		if from.Bucket(bucket) == nil {
			return nil
		}
		return m.dst.Update(func(to *bolt.Tx) error {
			src, dst := from.Bucket(bucket).Cursor(), to.Bucket(bucket)
			dst.FillPercent = 1
			k, v := src.First()
			if string(bucket) == string(bucketMeta) {
				// short, and copied in one go
			} else if last, _ := dst.Cursor().Last(); last != nil {
				if k, v = src.Seek(last); string(k) == string(last) {
					k, v = src.Next()
				}
			}
			for n := 0; k != nil; k, v = src.Next() {
				if n >= m.step {
					more = true
					return nil
				}
				value := upToDate(bucket, k, v)
				if err := dst.Put(k, value); err != nil {
					return err
				}
				n += len(k) + len(value)
				m.done += int64(len(k) + len(value))
			}
			return nil
		})
	})
	return more, err
}

// upToDate is a value in the present format. A chunk that makes no sense stays as it
// is: its reader reports it.
func upToDate(bucket, k, v []byte) []byte {
	if isVersion(bucket, k) {
		return []byte{formatVersion}
	}
	if string(bucket) != string(bucketChunks) {
		return sealed(bucket, k, v)
	}
	if len(v) < oldChunkHeader || v[0] != oldChunkVersion || binary.BigEndian.Uint32(v[1:]) != crcOf(v[5:]) {
		return v
	}
	b := make([]byte, sumLen, len(v)+2)
	b = append(b, chunkVersion)
	b = append(b, v[5:11]...) // count, volatile, timed
	b = append(b, 0, 0)       // bodies
	b = append(b, v[11:]...)
	binary.BigEndian.PutUint32(b, sumOf(bucket, k, b[sumLen:]))
	return b
}
