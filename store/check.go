package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// This file checks a store without changing it: the pages of the database, then
// every key and value, and that what they say of each other is true.

// Content is what Check found in a store.
type Content struct {
	// Logs are those that hold anything, in order of their identity.
	Logs []LogContent
	// Faults are all that is wrong; none if all is well.
	Faults []Fault
}

// A Fault is something that is wrong, in words, and the log that it is in; 0 if
// it is in none.
type Fault struct {
	Log  LogID
	Text string
}

// LogContent is what a log holds, settled messages not counted.
type LogContent struct {
	ID LogID
	// Messages survive a restart, and their sizes add up to Bytes; Volatile
	// ones do not.
	Messages, Volatile int
	Bytes              uint64
}

// A Meaning says of what the store only keeps whether it makes sense.
type Meaning struct {
	// Message returns what a message counts for, as Message.Size tells.
	Message func(data []byte) (size int, err error)
	Record  func(key string, value []byte) error
}

// Check reads all of the store in a folder that is not open. It fails with
// ErrLocked if a process has it, and if it is no store, of another format, or a
// database that is ErrDamaged; what is wrong inside is in the Content.
func Check(dir string, meaning Meaning) (*Content, error) {
	db, err := openToRead(dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	c := &checker{Meaning: meaning, content: &Content{}}
	return c.content, db.View(c.check)
}

// openToRead opens a store's database read-only.
func openToRead(dir string) (*bolt.DB, error) {
	path := filepath.Join(dir, FileName)
	if info, err := os.Stat(path); err == nil && info.Size() == 0 { // bbolt would begin to write
		return nil, fmt.Errorf("store: %s is empty", path)
	}
	db, err := bolt.Open(path, 0, &bolt.Options{ReadOnly: true, Timeout: lockTimeout})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("store: no store in %s", dir)
	case err != nil:
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	if err := db.View(readable); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// checkPages looks at a file that is about to be opened for writing, which reads
// all over it. A file that is not there yet is fine.
func checkPages(path string) error {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil // opening says why
	case info.Size() == 0:
		return fmt.Errorf("%w: %s is empty", ErrDamaged, path)
	}
	db, err := bolt.Open(path, 0, &bolt.Options{ReadOnly: true, Timeout: lockTimeout})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrLocked
	case err != nil:
		return fmt.Errorf("store: %s: %w", path, err)
	}
	return errors.Join(db.View(sound), db.Close())
}

// readable tells whether a file is all there, and a store of this format.
func readable(tx *bolt.Tx) error {
	if err := sound(tx); err != nil {
		return err
	}
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return errForeign
	}
	return checkVersion(meta.Get(keyVersion))
}

type checker struct {
	Meaning
	content *Content
	last    uint64 // position of the last message of the log at hand
}

func (c *checker) fault(format string, args ...any) {
	c.faultIn(0, format, args...)
}

func (c *checker) faultIn(id LogID, format string, args ...any) {
	c.content.Faults = append(c.content.Faults, Fault{id, fmt.Sprintf(format, args...)})
}

func (c *checker) check(tx *bolt.Tx) error {
	for err := range tx.Check() {
		c.fault("database: %v", err)
	}
	if len(c.content.Faults) > 0 {
		return nil // there is no relying on what it says
	}
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			c.fault("bucket %s is missing", name)
			return nil
		}
	}
	c.checkMeta(tx)
	c.checkChunks(tx)
	for _, name := range [][]byte{bucketSettled, bucketFlags} {
		cur := tx.Bucket(name).Cursor()
		for k, _ := cur.First(); k != nil; k, _ = cur.Next() {
			if tx.Bucket(bucketChunks).Get(k) == nil {
				c.fault("%s %x: belongs to no chunk", name, k)
			}
		}
	}
	return tx.Bucket(bucketRecords).ForEach(func(k, v []byte) error {
		if err := c.Record(string(k), v); err != nil {
			c.fault("record %q: %v", k, err)
		}
		return nil
	})
}

func (c *checker) checkMeta(tx *bolt.Tx) {
	_ = tx.Bucket(bucketMeta).ForEach(func(k, v []byte) error {
		flagged := len(k) == len(flagKey(0)) && string(k[:len(k)-8]) == "flagged-" && len(v) == 8
		if string(k) != string(keyVersion) && string(k) != string(keyClean) && !flagged {
			c.fault("meta %q: unknown, or malformed", k)
		}
		return nil
	})
}

func (c *checker) checkChunks(tx *bolt.Tx) {
	cur := tx.Bucket(bucketChunks).Cursor()
	for k, v := cur.First(); k != nil; k, v = cur.Next() {
		id, first, err := splitKey(k)
		if err != nil {
			c.fault("chunk %x: malformed key", k)
			continue
		}
		logs := &c.content.Logs
		if n := len(*logs); n == 0 || (*logs)[n-1].ID != id {
			*logs = append(*logs, LogContent{ID: id})
		} else if first <= c.last {
			c.faultIn(id, "log %d, chunk %d: begins within the one before", id, first)
		}
		settled, flags := bitmap(tx.Bucket(bucketSettled).Get(k)), bitmap(tx.Bucket(bucketFlags).Get(k))
		if err := c.checkChunk(&(*logs)[len(*logs)-1], first, v, settled, flags); err != nil {
			c.faultIn(id, "log %d, chunk %d: %v", id, first, err)
		}
	}
}

// checkChunk reads a chunk, counts its messages in the log's content, and
// compares them with what its header and its bitmaps say.
func (c *checker) checkChunk(log *LogContent, first uint64, v []byte, settled, flags bitmap) error {
	meta, err := readMeta(first, v)
	c.last = first
	if err != nil {
		return err
	}
	c.last = meta.last()
	found := chunkMeta{first: first}
	live, marks := 0, 0
	var broken error
	err = eachRecord(&meta, v, func(r Record) bool {
		n, err := c.Message(r.Data)
		switch {
		case err != nil:
			broken = fmt.Errorf("message %d: %w", r.Seq, err)
		case found.count > 0 && r.Seq <= found.last() || found.count == 0 && r.Seq != first:
			broken = fmt.Errorf("message %d: out of place", r.Seq)
		}
		found.add(&r, n)
		if settled.has(r.Seq - first) {
			marks++
			return broken == nil
		}
		live++
		if r.Volatile {
			log.Volatile++
		} else {
			log.Messages++
			log.Bytes += uint64(n)
		}
		return broken == nil
	})
	switch {
	case err != nil:
		return err
	case broken != nil:
		return broken
	case found != meta:
		return fmt.Errorf("its header says %+v, its messages %+v", meta, found)
	case settled.count() != marks:
		return errors.New("settled positions that are no messages")
	case len(flags) > int(meta.span)/8+1:
		return errors.New("marks beyond its end")
	case live == 0:
		return errors.New("all of it is settled, and it is still there")
	}
	return nil
}

// add counts a message that a chunk was found to have.
func (m *chunkMeta) add(r *Record, size int) {
	m.count++
	if r.Volatile {
		m.volatile++
	}
	if r.Deadline != 0 {
		m.timed++
	}
	m.span = uint32(r.Seq - m.first)
	m.size += uint64(size)
}
