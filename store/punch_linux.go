package store

import (
	"os"
	"syscall"
)

// Of fallocate's modes: a hole that does not change the file's size.
const keepSizePunchHole = 1 | 2

// punch gives the space of a part of a file back. On a file system that cannot do so it
// does nothing.
func punch(f *os.File, off, n int64) {
	_ = syscall.Fallocate(int(f.Fd()), keepSizePunchHole, off, n)
}

// datasync makes what was written to a file safe.
func datasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
