package store

// A disk that fails, or is not where it was: what waits, what is told, and what ends.

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// full is a disk that takes nothing until it is mended.
type full struct {
	mended   atomic.Bool
	attempts chan error
}

var errFull = errors.New("disk full")

func openFull(t *testing.T) (*bench, *full) {
	f := &full{attempts: make(chan error, 10000)}
	b := open(t, t.TempDir(), Options{
		Sync: SyncNone,
		BeforeCommit: func() error {
			if f.mended.Load() {
				return nil
			}
			return errFull
		},
		OnCommit: func(err error) { f.attempts <- err },
	})
	return b, f
}

// mend has the disk work again, and waits until what was pending is on it: an attempt that
// fails may be under way.
func (f *full) mend() {
	for len(f.attempts) > 0 {
		<-f.attempts
	}
	f.mended.Store(true)
	for err := range f.attempts {
		if err == nil {
			return
		}
	}
}

// overfill appends more than may wait.
func (b *bench) overfill(l *Log) {
	for seq := uint64(1); seq <= 40; seq++ {
		b.Add(l, seq, 0, false, text(strings.Repeat("x", 1<<20)))
	}
	b.Flush()
}

// shutdown-hangs-on-full-disk: Wait ends, whatever is pending, and so does Close.
func TestWaitEndsOnAFullDisk(t *testing.T) {
	b, f := openFull(t)
	b.overfill(b.Log(1))
	require.Error(t, <-f.attempts)
	require.ErrorIs(t, b.Wait(t.Context(), nil), ErrFailing)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Wait(ctx, nil), context.Canceled)
	require.ErrorIs(t, b.Close(), errFull)
	require.NoError(t, b.Wait(t.Context(), nil), "a closed store holds nobody")
}

// A cancelled Wait ends while the disk hangs.
func TestWaitEndsWithItsContext(t *testing.T) {
	b, g := openGated(t)
	b.Put("ahead", nil)
	<-g.reached
	b.overfill(b.Log(1))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Wait(ctx, nil) }()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// full-disk-never-recovers-by-consuming: what is consumed drops out of the batch that
// fails, whole chunks and single messages, and what is deleted.
func TestConsumedMessagesLeaveAFailingBatch(t *testing.T) {
	b, f := openFull(t)
	l, other := b.Log(1), b.Log(2)
	b.overfill(l)
	b.fill(other, 1, 9)
	b.Flush()
	require.Error(t, <-f.attempts)
	require.Error(t, <-f.attempts)
	for seq := uint64(1); seq <= 40; seq++ {
		b.Consume(l, seq)
	}
	b.Remove(other, 3)
	b.fill(other, 10, 12)
	b.Add(other, 14, 0, false, text("14")) // 13 is no message
	b.Flush()
	require.Error(t, <-f.attempts)
	require.Error(t, <-f.attempts)
	b.DropRange(other, 11, 14) // of a chunk that the plan alone has
	b.Put("key", nil)
	b.Put("gone", nil)
	b.Delete("gone")
	w := newSignal()
	b.Flush()
	b.Notify(w)
	require.Error(t, <-w)
	f.mend()
	b.commit()
	used := int64(0)
	require.NoError(t, b.disk.db.View(func(tx *bolt.Tx) error { used = tx.Size(); return nil }))
	assert.Less(t, used, int64(1<<20), "what was consumed has not been written")
	assert.Equal(t, upTo(1, 10, 3), positions(load(t, other)))
	assert.Empty(t, load(t, l))
	assert.Equal(t, 1, b.keys(bucketRecords))
	requireSound(t, b.copy())
	b = b.reopen()
	other, _ = b.recover(2)
	assert.Equal(t, upTo(1, 10, 3), positions(load(t, other)))
}

// Two brokers on one store would settle each other's messages.
func TestClaim(t *testing.T) {
	b := open(t, t.TempDir())
	require.NoError(t, b.Claim())
	require.ErrorIs(t, b.Claim(), ErrClaimed)
	require.NoError(t, b.Close())
	require.ErrorIs(t, b.Claim(), ErrClosed)
}

// data-dir-deleted-still-confirms: nothing counts as committed that the next start
// would not find.
func TestFileGoneOrReplaced(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string) (mend func()){
		"moved": func(t *testing.T, dir string) func() {
			require.NoError(t, os.Rename(dir, dir+".away"))
			return func() { require.NoError(t, os.Rename(dir+".away", dir)) }
		},
		"removed": func(t *testing.T, dir string) func() {
			require.NoError(t, os.RemoveAll(dir))
			return nil
		},
		"replaced": func(t *testing.T, dir string) func() {
			path := filepath.Join(dir, FileName)
			require.NoError(t, os.Rename(path, path+".away"))
			require.NoError(t, os.WriteFile(path, []byte("another"), 0o600))
			return func() { require.NoError(t, os.Rename(path+".away", path)) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, filepath.Join(t.TempDir(), "data"), Options{})
			l := b.Log(1)
			b.fill(l, 1, 3)
			b.commit()
			mend := spoil(t, b.Dir())
			b.fill(l, 4, 6)
			require.ErrorIs(t, <-b.hand(), ErrMoved)
			assert.True(t, b.Failing())
			if mend == nil {
				require.ErrorIs(t, b.Close(), ErrMoved)
				return
			}
			mend()
			eventually(t, func() bool { return !b.Failing() })
			b = b.reopen()
			l, _ = b.recover(1)
			assert.Equal(t, upTo(1, 6), positions(load(t, l)))
		})
	}
}

// A file of 0 bytes is what a broken disk or a hand has left, never a beginning.
func TestEmptyFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := Open(dir, Options{})
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, "is empty")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Zero(t, info.Size())
}

// A creation that was cut off is no store yet, and not in the way.
func TestCreationCutOff(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, FileName+".new"), nil, 0o600))
	b := open(t, dir)
	require.NoError(t, b.Close())
	_, err := os.Stat(filepath.Join(dir, FileName+".new"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Of many who create a store at once one has it.
func TestCreateAtOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	var opened atomic.Int32
	var stores [8]*Store
	for i := range stores {
		wg.Go(func() {
			s, err := Open(dir, Options{Sync: SyncNone})
			if err == nil {
				opened.Add(1)
				stores[i] = s
				return
			}
			assert.ErrorIs(t, err, ErrLocked)
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, opened.Load(), int32(1))
	for _, s := range stores {
		if s != nil {
			require.NoError(t, s.Close())
		}
	}
	require.NoError(t, open(t, dir).Close())
}

// declare-ok-not-synced: what was told of a record is on the disk, and many who wait at
// once share commits.
func TestRecordsAreAwaited(t *testing.T) {
	var commits atomic.Int32
	b := open(t, t.TempDir(), Options{OnCommit: func(error) { commits.Add(1) }})
	assert.Equal(t, SyncAlways, b.SyncPolicy())
	var wg sync.WaitGroup
	const clients, each = 20, 20
	for c := range clients {
		wg.Go(func() {
			w := newSignal()
			for i := range each {
				b.Put(strings.Repeat("k", c+1)+string(rune('a'+i)), []byte("v"))
				b.Notify(w)
				assert.NoError(t, <-w)
			}
		})
	}
	wg.Wait()
	assert.Less(t, commits.Load(), int32(clients*each/2))
	assert.Equal(t, clients*each, b.crash().keys(bucketRecords))
}

// A disk that does not answer does not hold up the end.
func TestCloseOfAStuckDisk(t *testing.T) {
	stuck := make(chan struct{})
	b := open(t, t.TempDir(), Options{Sync: SyncNone, BeforeCommit: func() error { <-stuck; return nil }})
	b.patience = time.Millisecond
	b.Put("key", nil)
	require.ErrorIs(t, b.Close(), ErrStuck)
	close(stuck)
	eventually(t, func() bool { _, err := Check(b.Dir(), plain); return !errors.Is(err, ErrLocked) })
}
