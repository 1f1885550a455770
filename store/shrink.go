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

// space is what is known of the database's file.
type space struct {
	timer    delay.Timer // of the next look; nil while the file is small
	wasteful bool        // the last look has found it so
	unsynced bool        // the name of the copy
	ended    bool        // the disk is closed
}

// Free is the number of bytes that can still be written: what the data folder's file
// system has left for this process, and what is free in the data file.
func (d *disk) Free() (uint64, error) {
	free, err := freeOnDisk(d.dir)
	if err != nil {
		return 0, err
	}
	d.reading.RLock()
	defer d.reading.RUnlock()
	return free + uint64(d.freeInside()), nil
}

// freeInside is the number of bytes of the database in pages that hold nothing, also
// when it is closed.
func (d *disk) freeInside() int64 {
	st := d.db.Stats()
	return int64(st.FreePageN+st.PendingPageN) * int64(d.page)
}

// noteSize has a large file looked at now and then, where a copy can take its name while
// it is open. It is called by the committer.
func (d *disk) noteSize(size int64) {
	if size < shrinkFrom || !renamesOpen {
		return
	}
	if size > largeSteps {
		d.db.AllocSize = largeSteps
	}
	if d.space.timer == nil && !d.space.ended {
		d.space.timer = delay.Real{}.AfterFunc(spaceInterval, d.judgeSpace)
	}
}

// judgeSpace finds whether the file is worth a copy, and makes it. Commits wait meanwhile.
func (d *disk) judgeSpace() {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.space.timer = nil
	if d.space.ended {
		return
	}
	wasteful, large := d.isWasteful()
	if wasteful && d.space.wasteful && !d.failed {
		// Without the copy the file stays as large as it is, and the next look asks again.
		_ = d.shrink()
		wasteful = false
	}
	d.space.wasteful = wasteful
	if large {
		d.space.timer = delay.Real{}.AfterFunc(spaceInterval, d.judgeSpace)
	}
}

// isWasteful reports whether little is left in the file, and whether that is large at all.
func (d *disk) isWasteful() (wasteful, large bool) {
	var size, free int64
	err := d.view(func(tx *bolt.Tx) error {
		size, free = tx.Size(), d.freeInside()
		return nil
	})
	if err != nil || size < shrinkFrom {
		return false, false
	}
	used := size - free
	return used <= shrinkAtMost && free >= shrinkRatio*used, true
}

// shrink puts a copy without free space in the place of the database.
func (d *disk) shrink() error {
	path := filepath.Join(d.dir, FileName)
	if err := d.checkPlace(); err != nil {
		return err
	}
	temp := path + ".compact"
	if _, err := copyTo(temp, d.file.Mode().Perm(), d.db); err != nil {
		return errors.Join(fmt.Errorf("store: %s: %w", temp, err), os.RemoveAll(temp))
	}
	db, info, err := openToWrite(temp, d.opts.Sync)
	if err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("store: %w", err), db.Close(), os.RemoveAll(temp))
	}
	// Nothing that is committed from now on is safe before the name is: checkPlace syncs
	// it again where this does not.
	d.space.unsynced = d.opts.Sync == SyncAlways && syncDir(d.dir) != nil
	d.reading.Lock()
	old := d.db
	d.db, d.file = db, info
	d.reading.Unlock()
	return old.Close()
}
