package store

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// A gate holds the committer after each commit until it is let go on.
type gate struct{ reached, pass chan struct{} }

func openGated(t *testing.T) (*bench, *gate) {
	g := &gate{make(chan struct{}, 1000), make(chan struct{}, 1000)}
	b := open(t, t.TempDir(), Options{Sync: SyncNone, OnCommit: func(error) {
		g.reached <- struct{}{}
		<-g.pass
	}})
	t.Cleanup(func() { close(g.pass) })
	return b, g
}

// A told is a waiter that notes its turn.
type told struct {
	name  string
	order *[]string
	done  chan error
}

func (w told) Committed(err error) {
	*w.order = append(*w.order, w.name)
	w.done <- err
}

func TestNotifyOrder(t *testing.T) {
	b, g := openGated(t)
	var order []string
	done := make(chan error, 8)
	l := b.Log(1)
	b.fill(l, 1, 1)
	b.Flush()
	<-g.reached // it is committing
	b.Notify(told{"first", &order, done})
	b.fill(l, 2, 2)
	b.Flush()
	b.Notify(told{"second", &order, done})
	b.Notify(told{"third", &order, done})
	assert.Empty(t, done, "none before its commit is done")
	g.pass <- struct{}{}
	<-g.reached
	assert.Empty(t, done, "a batch is told at once")
	g.pass <- struct{}{}
	for range 3 {
		require.NoError(t, <-done)
	}
	b.Notify(told{"with nothing pending", &order, done})
	require.NoError(t, <-done)
	assert.Equal(t, []string{"first", "second", "third", "with nothing pending"}, order)
}

// All that collects while a commit is under way is one commit.
func TestBatchesCollect(t *testing.T) {
	b, g := openGated(t)
	l := b.Log(1)
	b.fill(l, 1, 1)
	b.Flush()
	<-g.reached
	for seq := uint64(2); seq <= 100; seq++ {
		b.fill(l, seq, seq)
		b.Flush()
	}
	w := newSignal()
	b.Notify(w)
	g.pass <- struct{}{}
	<-g.reached
	g.pass <- struct{}{}
	require.NoError(t, <-w)
	assert.Empty(t, g.reached)
	assert.Equal(t, 2, b.keys(bucketChunks))
}

func TestWaitHoldsPublishersBack(t *testing.T) {
	b, g := openGated(t)
	l := b.Log(1)
	b.fill(l, 1, 1)
	b.Flush()
	<-g.reached
	_ = b.Wait(t.Context(), nil) // next to nothing waits
	big := text(strings.Repeat("x", 1<<20))
	for seq := uint64(2); seq <= 2+maxPending>>20; seq++ {
		b.Add(l, seq, 0, false, big)
	}
	b.Flush()
	var passed atomic.Bool
	done := make(chan struct{})
	go func() {
		_ = b.Wait(t.Context(), nil)
		passed.Store(true)
		close(done)
	}()
	b.Put("others", nil) // only Wait waits
	assert.False(t, passed.Load())
	g.pass <- struct{}{}
	<-done // the committer has taken them
	<-g.reached
	_ = b.Wait(t.Context(), nil)
	g.pass <- struct{}{}
	require.NoError(t, b.Close())
	_ = b.Wait(t.Context(), nil)
}

func TestClosed(t *testing.T) {
	b := open(t, t.TempDir())
	b.fill(b.Log(1), 1, 10)
	require.True(t, b.Flush())
	require.False(t, b.Flush(), "nothing was appended")
	require.NoError(t, b.Close())
	require.ErrorIs(t, b.Close(), ErrClosed)
	w := newSignal()
	b.Notify(w)
	assert.ErrorIs(t, <-w, ErrClosed)
	b.Put("key", nil)
	_ = b.Wait(t.Context(), nil)
	b.Later(func() { t.Error("run on a closed store") })
	assert.Error(t, b.Records(func(string, []byte) error { return nil }))
	goleak.VerifyNone(t)
}

func TestLaterRunsInTurn(t *testing.T) {
	b := open(t, t.TempDir())
	var order []int
	done := make(chan struct{})
	for i := range 100 {
		b.Later(func() { order = append(order, i) })
	}
	b.Later(func() { close(done) })
	<-done
	require.Len(t, order, 100)
	assert.IsIncreasing(t, order)
}
