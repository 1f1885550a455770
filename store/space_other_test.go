//go:build !(darwin || dragonfly || freebsd || linux)

package store

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where nobody knows what is free there is plenty, and no alarm.
func TestFreeOnDiskIsNotKnown(t *testing.T) {
	free, err := freeOnDisk(t.TempDir())
	require.NoError(t, err)
	assert.EqualValues(t, math.MaxInt64, free)
}

// Where nobody knows what a file takes it takes all of its size.
func TestAllocatedIsTheSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, make([]byte, 1000), 0o600))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.EqualValues(t, 1000, allocated(info))
}
