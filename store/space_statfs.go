//go:build darwin || dragonfly || freebsd || linux

package store

import (
	"os"
	"syscall"
)

// freeOnDisk is the number of bytes that a folder's file system has left for this
// process.
func freeOnDisk(dir string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	// Where the count is signed it is negative once the reserve of the superuser is
	// being used up.
	return uint64(max(st.Bavail, 0)) * uint64(st.Bsize), nil
}

// allocated is what a file takes of the disk.
func allocated(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int64(st.Blocks) * 512 // whatever the size of the file system's blocks
	}
	return info.Size()
}
