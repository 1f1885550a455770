package store

// F1-disk-alarm-for-ever: what is drained is free again, at once for who asks, and soon
// for the file system.

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fileSize is the size of the data file in bytes.
func (b *bench) fileSize() int64 {
	b.t.Helper()
	info, err := os.Stat(filepath.Join(b.Dir(), FileName))
	require.NoError(b.t, err)
	return info.Size()
}

// fillBig adds messages of a megabyte each, and returns the last's position.
func (b *bench) fillBig(l *Log, first uint64, n int) (last uint64) {
	last = first + uint64(n) - 1
	for seq := first; seq <= last; seq++ {
		b.Add(l, seq, 0, false, text(strings.Repeat("x", 1<<20)))
	}
	b.Flush()
	return last
}

// shrinkNow makes two looks at the file, as time would.
func (b *bench) shrinkNow() {
	b.t.Helper()
	for range 2 {
		b.disk.judgeSpace()
	}
}

// drained is a store that was full, with three messages left.
func drained(t *testing.T, opts Options) (*bench, *Log) {
	if !renamesOpen {
		t.Skip("no copy takes the name of a file that is open")
	}
	b := open(t, t.TempDir(), opts)
	l := b.Log(1)
	b.fillBig(l, 1, 40)
	b.fill(l, 41, 1040)
	b.Put("key", []byte("value"))
	b.commit()
	b.DropRange(l, 1, 1037)
	b.commit()
	b.commit()
	return b, l
}

func TestFileShrinks(t *testing.T) {
	for name, opts := range map[string]Options{"synced": {}, "not synced": {Sync: SyncNone}} {
		t.Run(name, func(t *testing.T) {
			b, l := drained(t, opts)
			before := b.fileSize()
			require.Greater(t, before, int64(40<<20))
			b.shrinkNow()
			assert.Less(t, b.fileSize(), int64(4<<20))
			assert.Equal(t, upTo(1038, 1040), positions(load(t, l)))
			b.fill(l, 1041, 1045)
			b.Remove(l, 1038)
			b.commit()
			want := upTo(1039, 1045)
			assert.Equal(t, want, positions(load(t, l)))
			requireSound(t, b.copy())
			crashed, _ := b.crash().recover(1)
			assert.Equal(t, want, positions(load(t, crashed)))
			_, err := Open(b.Dir(), Options{})
			require.ErrorIs(t, err, ErrLocked, "the new file is locked as the old one was")
			b = b.reopen()
			l, _ = b.recover(1)
			assert.Equal(t, want, positions(load(t, l)))
			assert.Empty(t, redelivered(load(t, l)))
		})
	}
}

// Free pages count as free space.
func TestFreePagesAreFree(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fillBig(l, 1, 40)
	b.commit()
	assert.Less(t, b.disk.freeInside(), int64(4<<20))
	b.DropRange(l, 1, 40)
	b.commit()
	assert.Greater(t, b.disk.freeInside(), int64(40<<20))
	_, err := b.Free()
	require.NoError(t, err)
	require.NoError(t, b.Close())
	_, err = b.Free() // a goroutine that looks at the disk now and then may come late
	require.NoError(t, err)
}

// Readers go on while the file is exchanged.
func TestShrinkBesideReaders(t *testing.T) {
	b, l := drained(t, Options{Sync: SyncNone})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					assert.Equal(t, upTo(1038, 1040), positions(load(t, l)))
				}
			}
		})
	}
	b.shrinkNow()
	close(stop)
	wg.Wait()
	assert.Less(t, b.fileSize(), int64(4<<20))
}

// A file in which much is in use stays, and so does one whose queue empties now and
// then.
func TestFileStays(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fillBig(l, 1, 40)
	b.commit()
	size := b.fileSize()
	b.shrinkNow()
	assert.Equal(t, size, b.fileSize())
	b.DropRange(l, 1, 40)
	b.commit()
	b.disk.judgeSpace()
	b.fillBig(l, 41, 40)
	b.commit()
	b.disk.judgeSpace()
	b.DropRange(l, 41, 80)
	b.commit()
	b.disk.judgeSpace()
	b.commit()
	assert.GreaterOrEqual(t, b.fileSize(), size)
}

// What a copy that was cut off has left is not in the way.
func TestShrinkCutOff(t *testing.T) {
	b, _ := drained(t, Options{Sync: SyncNone})
	require.NoError(t, os.WriteFile(filepath.Join(b.Dir(), FileName+".compact"), []byte("cut off"), 0o600))
	b = b.crash()
	_, err := os.Stat(filepath.Join(b.Dir(), FileName+".compact"))
	require.ErrorIs(t, err, os.ErrNotExist)
	l, _ := b.recover(1)
	assert.Equal(t, upTo(1038, 1040), positions(load(t, l)))
}
