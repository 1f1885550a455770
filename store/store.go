package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

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
	// Dir is for New: a folder for those who keep files of their own beside the store and
	// have them made safe with its commits, such as streams. Without it streams do not survive a
	// restart. Open takes its own.
	Dir string
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

// A Store is what a broker keeps its data with. Use Open or New; all methods are safe
// for concurrent use.
type Store struct {
	opts   Options
	engine Engine
	stager Stager // the engine, if it is one
	// patience is closePatience, or less in a test.
	patience time.Duration

	mu      sync.Mutex
	work    sync.Cond // the pending batch is due, or the store is closing
	room    sync.Cond // the committer has taken the operations
	pending batch     // collects
	current batch     // is being committed; its operations are the committer's
	holds   int       // calls of AtOnce that keep the pending batch
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

	committer
	failing atomic.Bool // the last attempt to commit has failed
	pager   pager
}

// New makes a store of an engine, which is the store's alone from then on.
func New(engine Engine, opts Options) *Store {
	s := &Store{opts: opts, engine: engine, patience: closePatience}
	s.stager, _ = engine.(Stager)
	s.pending.number, s.quota = 1, 1<<20
	s.abandoned, s.abandon = context.WithCancel(context.Background())
	s.work.L, s.room.L = &s.mu, &s.mu
	s.committer.start(s)
	s.pager.start()
	return s
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

// Dir is the folder for what keeps files of its own beside the store; "" is none.
func (s *Store) Dir() string { return s.opts.Dir }

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
		s.abandon() // frees the context
		return errors.Join(s.lost, s.engine.Close(s.lost == nil))
	})
}

// Abandon releases the folder as the death of the process would: a commit that
// is being written comes to its end or fails, and nothing else that is pending
// is written. Who waits for that is told ErrClosed, and the next Open takes it
// for a crash. For tests.
func (s *Store) Abandon() error {
	return s.end(true, func() error { return s.engine.Close(false) })
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
	if value == nil {
		value = []byte{}
	}
	s.append(0, Op{Kind: OpRecord, Record: &KeyValue{key, value}})
}

// Delete removes the record under a key.
func (s *Store) Delete(key string) {
	s.append(0, Op{Kind: OpRecord, Record: &KeyValue{Key: key}})
}

// Records calls visit with every record, in order of the keys. A record whose checksum
// is wrong is ErrDamaged.
func (s *Store) Records(visit func(key string, value []byte) error) error {
	return s.engine.Records(visit)
}

// Free is the number of bytes that can still be written: what the data folder's file
// system has left for this process, and what is free in the data file.
func (s *Store) Free() (uint64, error) { return s.engine.Free() }

// Damage is what Open found damaged and went on without: each error is ErrDamaged and
// names the place. What Open cannot go on without makes it fail.
func (s *Store) Damage() []error {
	if d, ok := s.engine.(Damaged); ok {
		return d.Damage()
	}
	return nil
}
