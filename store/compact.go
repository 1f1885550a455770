package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// This file gives back the space that a store has used and no longer needs.

// compactBytes is the size of the transactions that a copy is made in.
const compactBytes = 16 << 20

// Compact replaces the store in a folder that is not open by a copy without
// free space, and returns the file's size in bytes before and after. It fails
// with ErrLocked if a process has the store. Whatever goes wrong, and whenever,
// the folder has the whole of the old file or the whole of the new one.
func Compact(dir string) (before, after int64, err error) {
	path := filepath.Join(dir, FileName)
	check, _, err := openToRead(dir) // it must not make a store of what is none, or a copy of what is damaged
	if err != nil {
		return 0, 0, err
	}
	if err := check.Close(); err != nil {
		return 0, 0, fmt.Errorf("store: %w", err)
	}
	// Open for writing, so that no one else opens it meanwhile.
	src, err := bolt.Open(path, 0, &bolt.Options{
		Timeout: lockTimeout, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return 0, 0, ErrLocked
	} else if err != nil {
		return 0, 0, fmt.Errorf("store: %s: %w", path, err)
	}
	defer src.Close()
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, fmt.Errorf("store: %w", err)
	}
	temp := path + ".compact"
	after, err = copyTo(temp, info.Mode().Perm(), src)
	if err != nil {
		return 0, 0, errors.Join(fmt.Errorf("store: %s: %w", temp, err), os.RemoveAll(temp))
	}
	if err := renameAndClose(temp, path, src, true); err != nil {
		return 0, 0, errors.Join(fmt.Errorf("store: %w", err), os.RemoveAll(temp))
	}
	return info.Size(), after, nil
}

// copyTo copies what a database holds into a new file, down to the disk.
func copyTo(path string, mode os.FileMode, src *bolt.DB) (size int64, err error) {
	if err := os.RemoveAll(path); err != nil { // of an attempt that was cut off
		return 0, err
	}
	dst, err := bolt.Open(path, mode, &bolt.Options{NoSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return 0, err
	}
	// The file must not grow by more than it needs.
	dst.AllocSize = os.Getpagesize()
	err = bolt.Compact(dst, src, compactBytes)
	if err == nil {
		err = dst.Sync()
	}
	if err := errors.Join(err, dst.Close()); err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// renamesOpen reports whether a file that is open can get another name, and another file
// its name. Windows does neither.
const renamesOpen = runtime.GOOS != "windows"

// renameAndClose renames a file and closes db, which has that file or the one of the new
// name open: it is locked until the name is safe, so that nobody else opens it meanwhile.
// Where open files keep their names it is closed first; then a process that opens one of
// the two makes the rename fail, and the old file stays.
func renameAndClose(from, to string, db *bolt.DB, sync bool) error {
	if !renamesOpen {
		if err := db.Close(); err != nil {
			return err
		}
	}
	err := os.Rename(from, to)
	if err == nil && sync {
		err = syncDir(filepath.Dir(to))
	}
	return errors.Join(err, db.Close()) // a second time does nothing
}

// syncDir makes a rename in a folder safe. Windows does so by itself, and syncs no folder.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
