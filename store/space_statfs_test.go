//go:build darwin || dragonfly || freebsd || linux

package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is free on a disk is not known of a folder that is not there.
func TestFreeOnDisk(t *testing.T) {
	free, err := freeOnDisk(t.TempDir())
	require.NoError(t, err)
	assert.Positive(t, free)
	assert.Less(t, free, uint64(1)<<60, "a count of blocks times their size, not a negative number")
	_, err = freeOnDisk(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A hole in a file takes nothing of the disk.
func TestAllocated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	data := make([]byte, 1<<20)
	data[0], data[len(data)-1] = 1, 1
	require.NoError(t, os.WriteFile(path, data, 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Truncate(1<<30))
	require.NoError(t, f.Sync()) // some file systems take blocks only then
	info, err := f.Stat()
	require.NoError(t, err)
	assert.EqualValues(t, 1<<30, info.Size())
	assert.Less(t, allocated(info), int64(16<<20))
	assert.GreaterOrEqual(t, allocated(info), int64(1<<20))
}
