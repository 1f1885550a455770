package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

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
	// Record is called with all records before the first message.
	Record func(key string, value []byte) error
	// Values, unless nil, reports whether a log holds values that are no messages, and
	// count for nothing.
	Values func(id LogID) bool
	// Note, unless nil, checks what was noted of a message.
	Note func(note []byte) error
}

// Check reads all of the store in a folder that is not open. It fails with
// ErrLocked if a process has it, and if it is no store, of another format, or a
// database that is ErrDamaged; what is wrong inside is in the Content.
func Check(dir string, meaning Meaning) (*Content, error) {
	db, found, err := openToRead(dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	c := &checker{Meaning: meaning, content: &Content{}, found: found}
	if err := c.bodies.open(dir, new(sync.RWMutex)); err != nil {
		return nil, err
	}
	defer c.bodies.files.end()
	return c.content, db.View(c.check)
}

// openToRead opens a store's database read-only, and has a look at it.
func openToRead(dir string) (*bolt.DB, *examination, error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("store: no store in %s", dir)
	}
	x, err := checkPages(path)
	if err != nil {
		return nil, nil, err
	}
	if x.version == oldVersion {
		return nil, nil, fmt.Errorf("store: format version %d, which the next start of a broker brings up to date", oldVersion)
	}
	db, _, err := openBoltToRead(path)
	return db, x, err
}

// openBoltToRead opens a database read-only.
func openBoltToRead(path string) (*bolt.DB, *os.File, error) {
	var file *os.File
	db, err := bolt.Open(path, 0, &bolt.Options{
		ReadOnly: true, Timeout: lockTimeout,
		OpenFile: func(name string, flag int, perm os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(name, flag, perm)
			return file, err
		},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, nil, ErrLocked
	case err != nil && !errors.Is(err, fs.ErrPermission):
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	case err != nil:
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	return db, file, nil
}

// An examination is what a look at the whole of a database has found.
type examination struct {
	version        byte
	actual, stored totals
	damage         []error // that does not keep the store from being opened
	metaFault      error   // of it, what is wrong with the meta pages
	kinds          []KindStat
	size, free     int64 // bytes of all pages, and of those that hold nothing
}

// checkPages looks at a file that is about to be opened for writing, which reads
// all over it. A file that is not there is found by opening it.
func checkPages(path string) (*examination, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, fmt.Errorf("store: %w", err)
	case info.Size() == 0:
		return nil, fmt.Errorf("%w: %s is empty", ErrDamaged, path)
	}
	db, file, err := openBoltToRead(path)
	if err != nil {
		return nil, err
	}
	x, err := examine(file)
	if err != nil {
		err = fmt.Errorf("store: %s: %w", path, err)
	}
	return x, errors.Join(err, db.Close())
}

// examine verifies a database as far as it can be without reading messages: its pages,
// that no key is missing, and every value but the chunks.
func examine(file *os.File) (*examination, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	x := &examination{kinds: noKinds()}
	w := walker{file: file}
	foreign, counted := true, false
	w.visit = func(bucket string, e *entry) error {
		x.countKind(bucket, e)
		v, err := e.read(sumLen)
		if bucket != string(bucketChunks) && err == nil {
			v, err = e.read(e.size)
		}
		if err != nil {
			return err
		}
		key := bytes.Clone(e.key)
		switch {
		case bucket == string(bucketTotals) && string(key) == string(keyTotals):
			counted = true
			x.stored, err = readTotals(v)
			return err
		case isVersion([]byte(bucket), key):
			foreign = false
			if len(v) == 1 {
				x.version = v[0]
			}
			if x.version != oldVersion {
				if err := checkVersion(v); err != nil {
					return err
				}
			}
		}
		return x.add(bucket, key, v)
	}
	if err := w.walk(info.Size()); err != nil {
		return nil, err
	}
	if foreign {
		return nil, errForeign
	}
	x.measure(&w)
	if x.metaFault = w.metaFault; x.metaFault != nil {
		x.damage = append(x.damage, x.metaFault)
	}
	if x.version == oldVersion {
		return x, nil
	}
	if !counted {
		return nil, fmt.Errorf("%w: the totals are missing", ErrDamaged)
	}
	return x, x.compare()
}

// add counts a value, and verifies it unless it is a chunk.
func (x *examination) add(bucket string, key, v []byte) error {
	if x.version == oldVersion {
		return nil
	}
	for i, name := range buckets {
		if string(name) != bucket {
			continue
		}
		x.actual[i].add(key, v)
		if isVersion(name, key) || bucket == string(bucketChunks) {
			return nil
		}
		if _, ok := unseal(name, key, v); !ok {
			x.damage = append(x.damage, fmt.Errorf("%w: %s %q: its checksum is wrong", ErrDamaged, name, key))
		}
		return nil
	}
	return fmt.Errorf("bucket %q is unknown", bucket)
}

// compare finds what is missing altogether.
func (x *examination) compare() error {
	for i, name := range buckets {
		if is, should := x.actual[i].keys, x.stored[i].keys; is != should {
			return fmt.Errorf("%w: bucket %s has %d keys, not the %d it should have", ErrDamaged, name, is, should)
		}
	}
	return nil
}

type checker struct {
	Meaning
	content *Content
	found   *examination
	bodies  bodies
	last    uint64 // position of the last message of the log at hand
}

func (c *checker) fault(format string, args ...any) {
	c.faultIn(0, format, args...)
}

func (c *checker) faultIn(id LogID, format string, args ...any) {
	c.content.Faults = append(c.content.Faults, Fault{id, fmt.Sprintf(format, args...)})
}

func (c *checker) check(tx *bolt.Tx) error {
	if c.found.metaFault != nil {
		c.fault("database: %v", c.found.metaFault)
	}
	before := len(c.content.Faults)
	for err := range tx.Check() {
		c.fault("database: %v", err)
	}
	if len(c.content.Faults) > before {
		return nil // there is no relying on what it says
	}
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			c.fault("bucket %s is missing", name)
			return nil
		}
	}
	c.checkMeta(tx)
	c.eachSealed(tx, bucketRecords, func(k, v []byte) {
		if err := c.Record(string(k), v); err != nil {
			c.fault("record %q: %v", k, err)
		}
	})
	c.checkChunks(tx)
	for _, name := range [][]byte{bucketSettled, bucketFlags} {
		c.eachSealed(tx, name, func(k, _ []byte) {
			if tx.Bucket(bucketChunks).Get(k) == nil {
				c.fault("%s %x: belongs to no chunk", name, k)
			}
		})
	}
	if c.found.actual != c.found.stored && len(c.content.Faults) == before {
		c.fault("the totals say that something is missing, or older than it should be")
	}
	return nil
}

// eachSealed visits what a bucket holds, and tells of values whose sum is wrong.
func (c *checker) eachSealed(tx *bolt.Tx, bucket []byte, visit func(k, v []byte)) {
	_ = tx.Bucket(bucket).ForEach(func(k, v []byte) error {
		if isVersion(bucket, k) {
			return nil
		}
		payload, ok := unseal(bucket, k, v)
		if !ok {
			c.fault("%s %q: its checksum is wrong", bucket, k)
			return nil
		}
		visit(k, payload)
		return nil
	})
}

func (c *checker) checkMeta(tx *bolt.Tx) {
	c.eachSealed(tx, bucketMeta, func(k, v []byte) {
		flagged := len(k) == len(flagKey(0)) && string(k[:len(k)-8]) == "flagged-" && len(v) == 8
		if string(k) != string(keyClean) && !flagged {
			c.fault("meta %q: unknown, or malformed", k)
		}
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
		if err := c.checkChunk(&(*logs)[len(*logs)-1], first, k, v, marksOf(tx, k)); err != nil {
			c.faultIn(id, "log %d, chunk %d: %v", id, first, err)
		}
	}
}

// checkChunk reads a chunk, counts its messages in the log's content, and
// compares them with what its header and its bitmaps say.
func (c *checker) checkChunk(log *LogContent, first uint64, k, v []byte, m storedMarks) error {
	meta, err := readMeta(first, v)
	c.last = first
	if err != nil {
		return err
	}
	c.last = meta.last()
	found := chunkMeta{first: first}
	notes := m.notesOf(first, v)
	live, marks := 0, 0
	var broken error
	err = eachRecord(&meta, k, v, func(r *stored) bool {
		gone := m.settled.has(r.Seq - first)
		n, err := c.message(log.ID, r, gone)
		if note := noteOf(notes, r.Seq-first); err == nil && note != nil && c.Note != nil {
			err = c.Note(note)
		}
		switch {
		case err != nil:
			broken = fmt.Errorf("message %d: %w", r.Seq, err)
		case found.count > 0 && r.Seq <= found.last() || found.count == 0 && r.Seq != first:
			broken = fmt.Errorf("message %d: out of place", r.Seq)
		}
		found.add(r, n)
		switch {
		case gone:
			marks++
			return broken == nil
		case r.Volatile:
			log.Volatile++
		default:
			log.Messages++
			log.Bytes += uint64(n)
		}
		live++
		return broken == nil
	})
	switch {
	case err != nil:
		return err
	case broken != nil:
		return broken
	case m.damaged != nil:
		return m.damaged
	case found != meta:
		return fmt.Errorf("its header says %+v, its messages %+v", meta, found)
	case m.settled.count() != marks:
		return errors.New("settled positions that are no messages")
	case live == 0:
		return errors.New("all of it is settled, and it is still there")
	}
	return nil
}

// message is what a message counts for. The body of one that is settled may be gone.
func (c *checker) message(id LogID, r *stored, settled bool) (int, error) {
	if c.Values != nil && c.Values(id) {
		return 0, nil
	}
	data := r.Data
	if r.place.segment != 0 {
		if settled {
			data = slices.Concat(data, make([]byte, r.place.length))
		} else {
			content, err := c.bodies.files.read(&r.place)
			if err != nil {
				return 0, err
			}
			data = slices.Concat(data, content)
		}
	}
	return c.Message(data)
}

// add counts a message that a chunk was found to have.
func (m *chunkMeta) add(r *stored, size int) {
	m.count++
	if r.place.segment != 0 {
		m.bodies++
	}
	if r.Volatile {
		m.volatile++
	}
	if r.Deadline != 0 {
		m.timed++
	}
	m.span = uint32(r.Seq - m.first)
	m.size += uint64(size)
}
