package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// This file opens and closes a store.

// FileName is the store's file in its folder.
const FileName = "rabbet.db"

// ErrLocked says that another process has the folder open.
var ErrLocked = errors.New("store: the data folder is in use by another process")

// ErrClosed is returned by calls on a store that is closed.
var ErrClosed = errors.New("store: closed")

// Sync is when a commit counts as done.
type Sync uint8

const (
	// SyncAlways syncs every commit: what was confirmed survives a power cut.
	SyncAlways Sync = iota
	// SyncNone leaves it to the operating system: what was confirmed survives
	// the end of the process, however it ends. For tests.
	SyncNone
)

// Options are for Open. The zero value is good for production.
type Options struct {
	Sync Sync
	// OnCommit, if set, is called by the committer after every attempt to
	// commit: with nil when it worked, or with the error; the batch is tried
	// again then, and those who waited are told.
	OnCommit func(error)
	// BeforeCommit, if set, is called by whoever commits, right before every
	// attempt. An error makes the attempt fail as a failing disk would: nothing
	// of it is written. For tests.
	BeforeCommit func() error
}

// A Message is what a log stores.
type Message interface {
	// EncodedLen and AppendEncoded give its bytes.
	EncodedLen() int
	AppendEncoded(b []byte) []byte
	// Size is what it counts for, such as its body's length.
	Size() int
}

// A Store is one data folder, open. Use Open; all methods are safe for
// concurrent use.
type Store struct {
	dir  string
	opts Options
	db   *bolt.DB

	mu      sync.Mutex
	work    sync.Cond // the pending batch is due, or the store is closing
	room    sync.Cond // the committer has taken the operations
	pending batch     // collects
	current batch     // is being committed; its operations are the committer's
	lingers bool      // a timer will look after the pending batch
	closing bool
	ended   bool // the committer has

	telling    sync.Mutex  // held while waiters are told, before mu, so that they are told in order
	releasable atomic.Bool // Release has something to do, perhaps

	abandoned context.Context // done when the store is abandoned
	abandon   context.CancelFunc

	committer
	failing atomic.Bool // the last attempt to commit has failed
	pager   pager
}

// lockTimeout is how long Open waits for a lock: not at all, as near as bbolt
// comes to it.
const lockTimeout = 50 * time.Millisecond

// Open opens the store in a folder, which is created if need be. It fails at
// once with ErrLocked if another process has it.
func Open(dir string, opts Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	path := filepath.Join(dir, FileName)
	if err := checkPages(path); err != nil {
		return nil, err
	}
	var file *os.File
	openFile := func(name string, flag int, perm os.FileMode) (_ *os.File, err error) {
		file, err = os.OpenFile(name, flag, perm)
		return file, err
	}
	db, err := openBolt(path, 0o640, &bolt.Options{
		Timeout: lockTimeout, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
		InitialMmapSize: 1 << 30, NoSync: opts.Sync == SyncNone, OpenFile: openFile,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("store: %w", err)
	case err != nil:
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	if !isFile(path, file) { // Compact has put another in its place
		db.Close()
		return nil, ErrLocked
	}
	s := &Store{dir: dir, opts: opts, db: db}
	s.pending.number = 1
	s.abandoned, s.abandon = context.WithCancel(context.Background())
	s.work.L, s.room.L = &s.mu, &s.mu
	if err := s.recover(); err != nil {
		db.Close()
		return nil, err
	}
	s.committer.start(s)
	s.pager.start()
	return s, nil
}

// isFile tells whether a path leads to a file that is open.
func isFile(path string, file *os.File) bool {
	there, err1 := os.Stat(path)
	open, err2 := file.Stat()
	return err1 == nil && err2 == nil && os.SameFile(there, open)
}

// Failing reports whether the last attempt to commit has failed. The batch is
// tried again until it works.
func (s *Store) Failing() bool { return s.failing.Load() }

// Dir is the data folder.
func (s *Store) Dir() string { return s.dir }

// Close commits what is pending, marks the store as closed in order, and
// releases the folder. Those who append must have stopped. If the disk fails,
// it tries twice, and what is pending is lost with the error.
func (s *Store) Close() error {
	if !s.end(false) {
		return ErrClosed
	}
	err := s.lost
	if err == nil {
		err = s.markClean()
	}
	s.abandon() // frees the context
	return errors.Join(err, s.db.Close())
}

// Abandon releases the folder as the death of the process would: a commit that
// is being written comes to its end or fails, and nothing else that is pending
// is written. Who waits for that is told ErrClosed, and the next Open takes it
// for a crash. For tests.
func (s *Store) Abandon() error {
	if !s.end(true) {
		return ErrClosed
	}
	return s.db.Close()
}

// end waits until both goroutines have ended. It reports false, at once, if
// someone else has asked for it before.
func (s *Store) end(abandon bool) bool {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return false
	}
	s.closing = true
	if abandon {
		s.abandon()
	}
	s.work.Signal()
	s.room.Broadcast()
	s.mu.Unlock()
	s.pager.stop()
	s.committer.wait()
	return true
}

// Put stores a record under a key, Delete removes it.
func (s *Store) Put(key string, value []byte) {
	if value == nil {
		value = []byte{} // nil would delete
	}
	s.append(0, op{kind: opRecord, record: &write{bucketRecords, []byte(key), value}})
}

// Delete removes the record under a key.
func (s *Store) Delete(key string) {
	s.append(0, op{kind: opRecord, record: &write{bucketRecords, []byte(key), nil}})
}

// Records calls visit with every record, in order of the keys.
func (s *Store) Records(visit func(key string, value []byte) error) error {
	return s.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketRecords).ForEach(func(k, v []byte) error { return visit(string(k), v) })
	})
}
