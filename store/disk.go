package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The engine that comes with the package: a file of bbolt, and segments beside it.

// FileName is the store's file in its folder.
const FileName = "rabbet.db"

// ErrLocked says that another process has the folder open.
var ErrLocked = errors.New("store: the data folder is in use by another process")

// A disk is the Engine of a data folder.
type disk struct {
	dir  string
	opts Options
	page int // the database's page size in bytes

	planner

	// writing is held while the database is written, or replaced.
	writing sync.Mutex
	failed  bool // the last commit
	space   space

	// reading is held for reading while the database is read, and the bodies that its
	// chunks refer to; who writes holds writing, and both to replace it.
	reading sync.RWMutex
	db      *bolt.DB
	file    os.FileInfo // of the database
	bodies  bodies

	collects   atomic.Bool // a collection waits for those who read
	background sync.WaitGroup

	damage []error // that Open found
}

// lockTimeout is how long Open waits for a lock: not at all, as near as bbolt
// comes to it.
const lockTimeout = 50 * time.Millisecond

// Open opens the store in a folder, which is created if need be. It fails at
// once with ErrLocked if another process has it.
func Open(dir string, opts Options) (*Store, error) {
	opts.Dir = dir
	d, err := openDisk(dir, opts)
	if err != nil {
		return nil, err
	}
	return New(d, opts), nil
}

func openDisk(dir string, opts Options) (*disk, error) {
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
	d := &disk{dir: dir, opts: opts, db: db, file: info, page: db.Info().PageSize}
	if err := d.recover(found); err != nil {
		db.Close()
		return nil, err
	}
	return d, nil
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
		err = renameAndClose(temp, path, db, sync == SyncAlways)
	} else {
		err = db.Close()
	}
	if err != nil {
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
func (d *disk) checkPlace() error {
	if !isFile(filepath.Join(d.dir, FileName), d.file) {
		return ErrMoved
	}
	if !d.space.unsynced {
		return nil
	}
	err := syncDir(d.dir)
	d.space.unsynced = err != nil
	return err
}

// Close closes the files, and notes before whether that is in order.
func (d *disk) Close(inOrder bool) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.space.ended = true
	if d.space.timer != nil {
		d.space.timer.Stop()
	}
	var err error
	if inOrder {
		err = d.markClean()
	}
	d.background.Wait()
	d.bodies.files.end()
	return errors.Join(err, d.db.Close())
}

// Commit writes the plan: bodies first, for the chunks refer to them.
func (d *disk) Commit() error {
	d.writing.Lock()
	defer d.writing.Unlock()
	err := d.write()
	d.failed = err != nil
	return err
}

func (d *disk) write() error {
	if err := d.bodies.write(d.fresh, d.opts.Sync); err != nil {
		return err
	}
	if len(d.plan) > 0 {
		size, err := update(d.db, d.plan)
		if err != nil {
			return err
		}
		d.noteSize(size)
	}
	return d.checkPlace()
}

// Done forgets the batch that was committed, and removes the bodies that nothing refers to
// any more.
func (d *disk) Done() {
	d.bodies.committed(d.fresh)
	d.reset()
	if !d.bodies.collect(false) && d.collects.CompareAndSwap(false, true) {
		d.background.Go(func() {
			d.collects.Store(false)
			d.bodies.collect(true)
		})
	}
}

// lastWrites is a plan without the writes that later ones of it undo. A chunk that is
// deleted before it was ever written leaves no more than its deletion.
func lastWrites(plan []write) []write {
	type place struct{ bucket, key string }
	last := make(map[place]int, len(plan))
	for i, w := range plan {
		last[place{string(w.bucket), string(w.key)}] = i
	}
	kept := plan[:0]
	for i, w := range plan {
		if last[place{string(w.bucket), string(w.key)}] == i {
			kept = append(kept, w)
		}
	}
	clear(plan[len(kept):])
	return kept
}

// update makes writes in one transaction, and the totals right. It can be made again,
// whether an attempt that failed has reached the disk or not. It returns how much of
// the file was in use before.
func update(db *bolt.DB, plan []write) (size int64, err error) {
	err = db.Update(func(tx *bolt.Tx) error {
		size = tx.Size()
		t, err := readTotals(tx.Bucket(bucketTotals).Get(keyTotals))
		if err != nil {
			return err
		}
		for _, w := range plan {
			if err := t.apply(tx, w); err != nil {
				return err
			}
		}
		return t.put(tx)
	})
	return size, err
}

// reset forgets the batch that was committed.
func (p *planner) reset() {
	for i, l := range p.touched {
		l.finish()
		p.touched[i] = nil
	}
	clear(p.fresh)
	clear(p.plan) // or it keeps the blocks that the arena gives up
	p.touched, p.plan, p.fresh = p.touched[:0], p.plan[:0], p.fresh[:0]
	p.arena.reset()
}

// Records visits the records.
func (d *disk) Records(visit func(key string, value []byte) error) error {
	return d.view(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketRecords).ForEach(func(k, v []byte) error {
			payload, ok := unseal(bucketRecords, k, v)
			if !ok {
				return fmt.Errorf("%w: record %q: its checksum is wrong", ErrDamaged, k)
			}
			return visit(string(k), payload)
		})
	})
}

// Damage is what opening found.
func (d *disk) Damage() []error { return d.damage }
