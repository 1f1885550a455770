package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rabbetmq/rabbet/delay"
)

// Space comes back while the store runs. Segments of large bodies go by themselves. The
// database never gets smaller, but it reuses what is free in it, which therefore counts
// as free; and once little is left in a large file, a copy takes its place.

const (
	// shrinkFrom is the size of a file that is worth a copy.
	shrinkFrom = 8 << 20
	// shrinkAtMost is how much is copied at most, since commits wait meanwhile.
	shrinkAtMost = 16 << 20
	// shrinkRatio is how many times what is in use must be free.
	shrinkRatio = 4
	// spaceInterval is the time between looks at a large file. It is copied if two of
	// them find the same: a queue that empties now and then keeps its space.
	spaceInterval = 5 * time.Second

	// The file grows by smallSteps, and by largeSteps once it is large.
	smallSteps = 2 << 20
	largeSteps = 16 << 20
)

// space is what is known of the database's file. Unless it says otherwise it is guarded
// by the store's lock.
type space struct {
	timer    delay.Timer // of the next look; nil while the file is small
	wasteful bool        // the last look has found it so
	due      bool        // for a copy
	unsynced bool        // the name of the copy; the committer's
}

// Free is the number of bytes that can still be written: what the data folder's file
// system has left for this process, and what is free in the data file.
func (s *Store) Free() (uint64, error) {
	free, err := freeOnDisk(s.dir)
	if err != nil {
		return 0, err
	}
	s.reading.RLock()
	defer s.reading.RUnlock()
	return free + uint64(s.freeInside()), nil
}

// freeInside is the number of bytes of the database in pages that hold nothing, also
// when it is closed.
func (s *Store) freeInside() int64 {
	st := s.db.Stats()
	return int64(st.FreePageN+st.PendingPageN) * int64(s.page)
}

// noteSize has a large file looked at now and then. It is called by the committer.
func (s *Store) noteSize(size int64) {
	if size < shrinkFrom {
		return
	}
	if size > largeSteps {
		s.db.AllocSize = largeSteps
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.space.timer == nil && !s.closing {
		s.space.timer = delay.Real{}.AfterFunc(spaceInterval, s.judgeSpace)
	}
}

// judgeSpace finds whether the file is worth a copy.
func (s *Store) judgeSpace() {
	var size, free int64
	err := s.view(func(tx *bolt.Tx) error {
		size, free = tx.Size(), s.freeInside()
		return nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.space.timer = nil
	if s.closing || err != nil || size < shrinkFrom {
		s.space.wasteful = false
		return
	}
	used := size - free
	wasteful := used <= shrinkAtMost && free >= shrinkRatio*used
	if wasteful && s.space.wasteful {
		s.space.due = true
		s.work.Signal()
	}
	s.space.wasteful = wasteful && !s.space.due
	s.space.timer = delay.Real{}.AfterFunc(spaceInterval, s.judgeSpace)
}

// shrinkIfDue makes the copy. It is called by the committer, with the lock held, which
// it lets go meanwhile.
func (s *Store) shrinkIfDue() {
	if !s.space.due || s.closing || s.failing.Load() {
		return
	}
	s.space.due = false
	s.mu.Unlock()
	defer s.mu.Lock()
	// Without the copy the file stays as large as it is, and the next look asks again.
	_ = s.shrink()
}

// shrink puts a copy without free space in the place of the database.
func (s *Store) shrink() error {
	path := filepath.Join(s.dir, FileName)
	if err := s.checkPlace(); err != nil {
		return err
	}
	temp := path + ".compact"
	if _, err := copyTo(temp, s.file.Mode().Perm(), s.db); err != nil {
		return errors.Join(fmt.Errorf("store: %s: %w", temp, err), os.RemoveAll(temp))
	}
	db, info, err := openToWrite(temp, s.opts.Sync)
	if err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("store: %w", err), db.Close(), os.RemoveAll(temp))
	}
	// Nothing that is committed from now on is safe before the name is: checkPlace syncs
	// it again where this does not.
	s.space.unsynced = s.opts.Sync == SyncAlways && syncDir(s.dir) != nil
	s.reading.Lock()
	old := s.db
	s.db, s.file = db, info
	s.reading.Unlock()
	return old.Close()
}
