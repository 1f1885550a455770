package store

import (
	"errors"
	"fmt"
	"io/fs"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// What is known of damage: a chunk that makes no sense is passed over
// and told of, pages of the database that make none are found before bbolt meets
// them, since it ends the process.

// ErrDamaged is in the error of who asked for messages of which some, or what is
// known of them, cannot be read, because what is on the disk makes no sense. The
// others were visited; those stay where they are, for Check to find. Trying again
// does not help.
var ErrDamaged = errors.New("store: damaged")

// A damage collects the chunks of a log that cannot be read.
type damage struct {
	chunks int
	first  error
}

func (d *damage) add(id LogID, chunk uint64, err error) {
	if d.chunks++; d.first == nil {
		d.first = fmt.Errorf("%w: log %d, chunk %d: %w", ErrDamaged, id, chunk, err)
	}
}

// err is nil without damage.
func (d *damage) err() error {
	if d.chunks > 1 {
		return fmt.Errorf("%w, and %d more chunks", d.first, d.chunks-1)
	}
	return d.first
}

// openBolt is bolt.Open for a file that was found sound, for writing. What bbolt alone
// looks at, such as the order of keys in a page and in the one above, makes it panic.
func openBolt(path string, opts *bolt.Options) (db *bolt.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: %v", ErrDamaged, path, r)
		}
	}()
	db, err = bolt.Open(path, 0o640, opts)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("store: %w", err)
	case err != nil:
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	return db, nil
}
