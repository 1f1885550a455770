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

	"github.com/rabbetmq/rabbet/delay"
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
	// BeforeCommit, if set, is called by the goroutine that commits, right before every
	// attempt. An error makes the attempt fail as a failing disk would: nothing
	// of it is written. For tests.
	BeforeCommit func() error
	// OnMigrate, if set, is told while Open brings a folder of an older format up to
	// date: the bytes that are done, of how many.
	OnMigrate func(done, total int64)
}

// A Message is what a log stores.
type Message interface {
	// EncodedLen and AppendEncoded give the bytes of its head.
	EncodedLen() int
	AppendEncoded(b []byte) []byte
	// Content is what follows its head, and never changes. Messages with the same
	// content, in the same memory, share it on the disk if it is large.
	Content() []byte
	// Size is what it counts for, such as its body's length.
	Size() int
}

// A Store is one data folder, open. Use Open; all methods are safe for
// concurrent use.
type Store struct {
	dir  string
	opts Options
	db   *bolt.DB
	file os.FileInfo // of the database
	page int         // its page size in bytes
	// patience is closePatience, or less in a test.
	patience time.Duration

	mu      sync.Mutex
	work    sync.Cond // the pending batch is due, or the store is closing
	room    sync.Cond // the committer has taken the operations
	pending batch     // collects
	current batch     // is being committed; its operations are the committer's
	lingers bool      // a timer will look after the pending batch
	closing bool
	ended   bool          // the committer has
	claimed bool          // by Claim
	quota   int           // the cost from which on a publisher leaves room for others
	least   time.Duration // about the least that a commit takes
	// failures counts the attempts to commit that failed.
	failures uint64

	telling    sync.Mutex  // held while waiters are told, before mu, so that they are told in order
	releasable atomic.Bool // Release has something to do, perhaps

	abandoned context.Context // done when the store is abandoned
	abandon   context.CancelFunc

	// reading is held for reading while the database is read, and the bodies that its
	// chunks refer to; who writes is the committer alone.
	reading sync.RWMutex
	space   space
	bodies  bodies
	damage  []error // that Open found

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
	if err := create(path, opts.Sync); err != nil {
		return nil, err
	}
	found, err := checkPages(path)
	if err == nil && found.version == oldVersion {
		if err = migrate(path, opts); err == nil {
			found, err = checkPages(path)
		}
	}
	if err != nil {
		return nil, err
	}
	db, info, err := openToWrite(path, opts.Sync)
	if err != nil {
		return nil, err
	}
	if !isFile(path, info) { // Compact has put another in its place
		db.Close()
		return nil, ErrLocked
	}
	_ = os.Remove(path + ".compact") // of a copy that was cut off
	s := &Store{dir: dir, opts: opts, db: db, file: info, page: db.Info().PageSize, patience: closePatience}
	s.pending.number, s.quota = 1, 1<<20
	s.abandoned, s.abandon = context.WithCancel(context.Background())
	s.work.L, s.room.L = &s.mu, &s.mu
	if err := s.recover(found); err != nil {
		db.Close()
		return nil, err
	}
	s.committer.start(s)
	s.pager.start()
	return s, nil
}

// openToWrite opens a database for a store to work with.
func openToWrite(path string, sync Sync) (*bolt.DB, os.FileInfo, error) {
	var file *os.File
	db, err := openBolt(path, &bolt.Options{
		Timeout: lockTimeout, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
		InitialMmapSize: 1 << 30, NoSync: sync == SyncNone,
		OpenFile: func(name string, flag int, perm os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(name, flag, perm)
			return file, err
		},
	})
	if err != nil {
		return nil, nil, err
	}
	db.AllocSize = smallSteps
	info, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("store: %w", err), db.Close())
	}
	return db, info, nil
}

// create makes a new database where there is no file. It is complete before it has
// its name: a file of 0 bytes under that name is damage, not a beginning.
func create(path string, sync Sync) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // what is wrong with it, opening says
	}
	temp := path + ".new"
	db, err := openBolt(temp, &bolt.Options{Timeout: lockTimeout, NoSync: sync == SyncNone})
	if err != nil {
		return err
	}
	if err := db.Update(format); err != nil {
		return errors.Join(fmt.Errorf("store: %w", err), db.Close())
	}
	// Another process that creates the store has the lock, or is done: then the file has its
	// name, and temp may be another.
	if _, err = os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(temp, path)
	}
	if err == nil && sync == SyncAlways {
		err = syncDir(filepath.Dir(path))
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// isFile reports whether a path leads to a file.
func isFile(path string, file os.FileInfo) bool {
	there, err := os.Stat(path)
	return err == nil && os.SameFile(there, file)
}

// ErrMoved says that the data file is not where it was opened: somebody has removed,
// moved or replaced it. What is written to it would be gone with the process.
var ErrMoved = errors.New("store: the data file was removed or replaced")

// checkPlace makes sure that what was committed is in the file that the next start
// will find.
func (s *Store) checkPlace() error {
	if !isFile(filepath.Join(s.dir, FileName), s.file) {
		return ErrMoved
	}
	if !s.space.unsynced {
		return nil
	}
	err := syncDir(s.dir)
	s.space.unsynced = err != nil
	return err
}

// ErrClaimed says that a broker has the store already.
var ErrClaimed = errors.New("store: in use by another broker of this process")

// Claim takes the store for the one who calls, until it is closed. It fails with
// ErrClaimed for a second: two would remove each other's messages. On a store that is
// closed it fails with ErrClosed.
func (s *Store) Claim() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return ErrClosed
	case s.claimed:
		return ErrClaimed
	}
	s.claimed = true
	return nil
}

// SyncPolicy is when commits count as done, as Options said. Under SyncNone nobody
// need wait for a record.
func (s *Store) SyncPolicy() Sync { return s.opts.Sync }

// Failing reports whether the last attempt to commit has failed. The batch is
// tried again until it works.
func (s *Store) Failing() bool { return s.failing.Load() }

// Dir is the data folder.
func (s *Store) Dir() string { return s.dir }

// closePatience is how long Close and Abandon wait for a disk that does not answer.
const closePatience = 5 * time.Second

// ErrStuck says that the disk did not answer in time: what was pending may be on it or
// not, and the folder stays locked until the disk answers or the process ends.
var ErrStuck = errors.New("store: the disk does not answer")

// Close commits what is pending, marks the store as closed in order, and
// releases the folder. Those who append must have stopped. If the disk fails,
// it tries twice, and what is pending is lost with the error; if the disk does not
// answer for five seconds, it returns ErrStuck.
func (s *Store) Close() error {
	return s.end(false, func() error {
		err := s.lost
		if err == nil {
			err = s.markClean()
		}
		s.abandon() // frees the context
		s.bodies.files.end()
		return errors.Join(err, s.db.Close())
	})
}

// Abandon releases the folder as the death of the process would: a commit that
// is being written comes to its end or fails, and nothing else that is pending
// is written. Who waits for that is told ErrClosed, and the next Open takes it
// for a crash. For tests.
func (s *Store) Abandon() error {
	return s.end(true, func() error {
		s.bodies.files.end()
		return s.db.Close()
	})
}

// end waits until both goroutines have ended, and then does the rest. It fails with
// ErrClosed, at once, if someone else has asked for it before.
func (s *Store) end(abandon bool, rest func() error) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closing = true
	if s.space.timer != nil {
		s.space.timer.Stop()
	}
	if abandon {
		s.abandon()
	}
	s.work.Signal()
	s.room.Broadcast()
	s.mu.Unlock()
	ended := make(chan error, 1)
	go func() {
		s.pager.stop()
		<-s.committer.done
		ended <- rest()
	}()
	gaveUp := make(chan struct{})
	timer := delay.Real{}.AfterFunc(s.patience, func() { close(gaveUp) })
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-gaveUp:
		return ErrStuck
	}
}

// Put stores a record under a key, Delete removes it.
func (s *Store) Put(key string, value []byte) {
	k := []byte(key)
	s.append(0, op{kind: opRecord, record: &write{bucketRecords, k, sealed(bucketRecords, k, value)}})
}

// Delete removes the record under a key.
func (s *Store) Delete(key string) {
	s.append(0, op{kind: opRecord, record: &write{bucketRecords, []byte(key), nil}})
}

// Records calls visit with every record, in order of the keys. A record whose checksum
// is wrong is ErrDamaged.
func (s *Store) Records(visit func(key string, value []byte) error) error {
	return s.view(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketRecords).ForEach(func(k, v []byte) error {
			payload, ok := unseal(bucketRecords, k, v)
			if !ok {
				return fmt.Errorf("%w: record %q: its checksum is wrong", ErrDamaged, k)
			}
			return visit(string(k), payload)
		})
	})
}

// Damage is what Open found damaged and went on without: each error is ErrDamaged and
// names the place. What Open cannot go on without makes it fail.
func (s *Store) Damage() []error { return s.damage }
