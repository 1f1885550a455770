//go:build linux

package store

// Faults that redirecting a descriptor cannot make: a disk that fills up in the
// middle of a write, and the second of a commit's two syncs failing alone.

import (
	"os"
	"reflect"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// smallDisk mounts a file system of so many bytes. grow gives it more.
func smallDisk(t *testing.T, size string) (dir string, grow func(size string)) {
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting a small file system, which only root can do: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir, func(size string) {
		require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size="+size))
	}
}

// A commit of which a part fits on the disk is no commit. When there is room it
// goes on, and nothing is lost.
func TestDiskFillsUp(t *testing.T) {
	dir, grow := smallDisk(t, "8m")
	b := open(t, dir, Options{})
	l := b.Log(1)
	b.fill(l, 1, 1000)
	b.commit()
	b.Remove(l, 7)
	last := b.fillBig(l, 1001, 12)
	w := newSignal()
	b.Notify(w)
	require.ErrorIs(t, <-w, syscall.ENOSPC)
	assert.True(t, b.Failing())
	free, err := b.Free()
	require.NoError(t, err)
	assert.Less(t, free, uint64(1<<20), "a part of it has been written")
	assert.Equal(t, upTo(1, 1000), positions(load(t, l)))

	crashed := b.crash()
	requireSound(t, b.copy())
	again, _ := crashed.recover(1)
	assert.Equal(t, upTo(1, 1000), positions(load(t, again)))

	grow("64m")
	eventually(t, func() bool { return !b.Failing() })
	want := append(upTo(1, 1000, 7), upTo(1001, last)...)
	assert.Equal(t, want, positions(load(t, l)))
	b = b.reopen()
	requireSound(t, b.copy())
	l, _ = b.recover(1)
	assert.Equal(t, want, positions(load(t, l)))
	require.NoError(t, b.Close())
}

// failSecondSync has the sync after the next meta page fail, once that page has
// been written, and all that follow until it is mended.
func (b *bench) failSecondSync() (mend func()) {
	fd := b.descriptor()
	saved, err := syscall.Dup(fd)
	require.NoError(b.t, err)
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	require.NoError(b.t, err)
	var ops struct {
		writeAt *func([]byte, int64) (int, error)
	}
	field := reflect.ValueOf(b.disk.db).Elem().FieldByName("ops").FieldByName("writeAt")
	ops.writeAt = (*func([]byte, int64) (int, error))(unsafe.Pointer(field.UnsafeAddr()))
	write := *ops.writeAt
	*ops.writeAt = func(p []byte, at int64) (int, error) {
		n, err := write(p, at)
		if at < int64(2*os.Getpagesize()) { // a meta page
			err = syscall.Dup3(int(null.Fd()), fd, syscall.O_CLOEXEC)
		}
		return n, err
	}
	return func() {
		require.NoError(b.t, syscall.Dup3(saved, fd, syscall.O_CLOEXEC))
		require.NoError(b.t, syscall.Close(saved))
		require.NoError(b.t, null.Close())
		*ops.writeAt = write
	}
}

// A commit that is written and not known to be synced counts as failed, be it on
// the disk or not, and is made again.
func TestSecondSyncFails(t *testing.T) {
	attempts, pass := make(chan error, 100), make(chan struct{})
	b := open(t, t.TempDir(), Options{OnCommit: func(err error) {
		attempts <- err
		<-pass
	}})
	t.Cleanup(func() { close(pass) })
	l := b.Log(1)
	b.fill(l, 1, 1000)
	b.Flush()
	require.NoError(t, <-attempts)
	var before int
	require.NoError(t, b.disk.db.View(func(tx *bolt.Tx) error { before = tx.ID(); return nil }))
	mend := b.failSecondSync() // the committer stands still
	b.DropRange(l, 1, 500)
	b.fill(l, 1001, 1010)
	w := b.hand()
	pass <- struct{}{}
	require.ErrorIs(t, <-attempts, syscall.EINVAL)
	var after int
	require.NoError(t, b.disk.db.View(func(tx *bolt.Tx) error { after = tx.ID(); return nil }))
	assert.Equal(t, before+1, after, "the meta page is there")
	mend()
	requireSound(t, b.copy())
	pass <- struct{}{}
	require.ErrorIs(t, <-w, syscall.EINVAL)
	require.NoError(t, <-attempts)
	want := append(upTo(501, 1000), upTo(1001, 1010)...)
	assert.Equal(t, want, positions(load(t, l)))
	dir := b.copy()
	requireSound(t, dir)
	crashed := open(t, dir)
	l, _ = crashed.recover(1)
	assert.Equal(t, want, positions(load(t, l)))
}
