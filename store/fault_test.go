//go:build linux

package store

// Faults below the database: its file descriptor is made to lead elsewhere.

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// descriptor is that of the store's file.
func (b *bench) descriptor() int {
	b.t.Helper()
	path, err := filepath.EvalSymlinks(filepath.Join(b.Dir(), FileName))
	require.NoError(b.t, err)
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(b.t, err)
	for _, entry := range list {
		if target, _ := os.Readlink("/proc/self/fd/" + entry.Name()); target == path {
			fd, err := strconv.Atoi(entry.Name())
			require.NoError(b.t, err)
			return fd
		}
	}
	require.Fail(b.t, "not open")
	return 0
}

// instead has what is written to the store's file go to another, as long as it
// is not mended. The lock and the mapped memory stay with the first.
func instead(path string, flag int) func(b *bench) (mend func()) {
	return func(b *bench) func() {
		fd := b.descriptor()
		saved, err := syscall.Dup(fd)
		require.NoError(b.t, err)
		other, err := os.OpenFile(strings.ReplaceAll(path, "$", filepath.Join(b.Dir(), FileName)), flag, 0)
		require.NoError(b.t, err)
		require.NoError(b.t, syscall.Dup3(int(other.Fd()), fd, syscall.O_CLOEXEC))
		require.NoError(b.t, other.Close())
		return func() {
			if b.disk.db.Path() != "" { // it is still open
				require.NoError(b.t, syscall.Dup3(saved, fd, syscall.O_CLOEXEC))
			}
			require.NoError(b.t, syscall.Close(saved))
		}
	}
}

var faults = map[string]struct {
	begin     func(*bench) (mend func())
	megabytes int // that are written; beyond 16, the file has to grow
	err       error
}{
	"disk full":        {instead("/dev/full", os.O_RDWR), 4, syscall.ENOSPC},
	"sync fails":       {instead("/dev/null", os.O_RDWR), 4, syscall.EINVAL}, // and what was written is lost
	"write fails":      {instead("$", os.O_RDONLY), 4, syscall.EBADF},
	"file cannot grow": {instead("$", os.O_RDONLY), 80, syscall.EINVAL},
}

// begin begins a fault that ends with the test at the latest.
func begin(t *testing.T, b *bench, fault func(*bench) func()) (mend func()) {
	mend = sync.OnceFunc(fault(b))
	t.Cleanup(mend)
	return mend
}

// makeRoom leaves the file with free space within.
func (b *bench) makeRoom() {
	l := b.Log(99)
	b.fillBig(l, 1, 12)
	b.commit()
	b.Drop(l)
	b.commit()
	b.Put("room", nil) // the pages are free one commit later
	b.commit()
}

// What was confirmed is there after any fault, who waited is told of it once,
// and when it clears the store goes on by itself.
func TestFaults(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			attempts := make(chan error, 1000)
			var hold sync.Mutex // keeps the committer from the next batch
			b := open(t, t.TempDir(), Options{OnCommit: func(err error) {
				attempts <- err
				hold.Lock()
				defer hold.Unlock()
			}})
			l := b.Log(1)
			b.fill(l, 1, 1000)
			b.commit()
			b.makeRoom()
			for range 4 {
				require.NoError(t, <-attempts)
			}

			hold.Lock()
			b.Put("ahead", nil)
			require.NoError(t, <-attempts)
			b.Remove(l, 5)
			last := b.fillBig(l, 1001, fault.megabytes)
			w := newSignal()
			b.Notify(w)
			mend := begin(t, b, fault.begin)
			hold.Unlock()
			require.ErrorContains(t, <-w, fault.err.Error())
			assert.True(t, b.Failing())
			for range 2 {
				require.Error(t, <-attempts)
			}
			b.fill(l, 2001, 2005) // collects behind it
			behind := b.hand()
			require.ErrorContains(t, <-behind, fault.err.Error(), "it would fail as well")
			assert.Equal(t, upTo(1, 1000), positions(load(t, l)), "readers go on")
			mend()
			for <-attempts != nil {
			}
			b.fill(l, 2006, 2010)
			b.commit()
			assert.Empty(t, behind, "told once")
			assert.False(t, b.Failing())
			assert.Empty(t, w, "told once")
			want := append(append(upTo(1, 1000, 5), upTo(1001, last)...), upTo(2001, 2010)...)
			assert.Equal(t, want, positions(load(t, l)))
			requireSound(t, b.copy())
			b = b.reopen()
			l, _ = b.recover(1)
			assert.Equal(t, want, positions(load(t, l)))
			require.NoError(t, b.Close())
			requireSound(t, b.Dir())
		})
	}
}

// Killed while the disk fails, a store has what was confirmed.
func TestCrashDuringFault(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			prepared := open(t, t.TempDir())
			prepared.makeRoom()
			require.NoError(t, prepared.Close())
			attempts, pass := make(chan error), make(chan error)
			done := make(chan struct{})
			b := open(t, prepared.Dir(), Options{OnCommit: func(err error) {
				for _, turn := range []chan error{attempts, pass} {
					select {
					case turn <- err:
					case <-done:
					}
				}
			}})
			t.Cleanup(func() { close(done) })
			l := b.Log(1)
			b.fill(l, 1, 1000)
			b.Flush()
			require.NoError(t, <-attempts)
			<-pass
			mend := begin(t, b, fault.begin)
			b.DropRange(l, 1, 1000)
			b.fillBig(l, 1001, fault.megabytes)
			require.ErrorContains(t, <-attempts, fault.err.Error())
			<-pass
			require.ErrorContains(t, <-attempts, fault.err.Error())
			mend() // the committer waits; what it has tried is on disk, or not
			dir := b.copy()
			requireSound(t, dir)
			crashed := open(t, dir)
			again, _ := crashed.recover(1)
			assert.Equal(t, upTo(1, 1000), positions(load(t, again)))
		})
	}
}

// A store that cannot write when it closes gives up, says so, and what is on
// disk stays what was confirmed.
func TestCloseGivesUp(t *testing.T) {
	attempts := make(chan error, 1000)
	b := open(t, t.TempDir(), Options{OnCommit: func(err error) { attempts <- err }})
	l := b.Log(1)
	b.fill(l, 1, 1000)
	b.commit()
	b.makeRoom()
	mend := begin(t, b, instead("/dev/full", os.O_RDWR))
	b.DropRange(l, 1, 1000)
	b.Flush()
	for err := range attempts {
		if err != nil { // what comes now collects behind what fails
			require.ErrorIs(t, err, syscall.ENOSPC)
			break
		}
	}
	b.Put("key", nil)
	later := newSignal()
	b.Notify(later)
	require.ErrorIs(t, b.Close(), syscall.ENOSPC)
	require.ErrorIs(t, <-later, syscall.ENOSPC)
	mend()
	requireSound(t, b.Dir())
	b = open(t, b.Dir())
	l, _ = b.recover(1)
	assert.Equal(t, upTo(1, 1000), redelivered(load(t, l)), "it was not closed in order")
	assert.Equal(t, 1, b.keys(bucketRecords))
}
