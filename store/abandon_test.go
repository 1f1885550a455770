package store

// What is for tests of others: a store that is abandoned, and commits that fail
// or wait because a test wants it.

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// What was committed is there, what was pending is not, and it counts as a crash.
func TestAbandon(t *testing.T) {
	b, g := openGated(t)
	l := b.Log(1)
	b.fill(l, 1, 10)
	first, second := b.hand(), newSignal()
	<-g.reached
	b.fill(l, 11, 20)
	b.Flush()
	b.Notify(second)
	done := make(chan error, 1)
	go func() { done <- b.Abandon() }()
	<-b.abandoned.Done()
	b.Notify(second)
	g.pass <- struct{}{}
	require.NoError(t, <-done)
	require.NoError(t, <-first)
	require.ErrorIs(t, <-second, ErrClosed)
	require.ErrorIs(t, <-second, ErrClosed)
	assert.ErrorIs(t, b.Abandon(), ErrClosed)
	assert.ErrorIs(t, b.Close(), ErrClosed)
	b.Notify(second)
	assert.ErrorIs(t, <-second, ErrClosed)
	b.Put("key", nil)
	_ = b.Wait(t.Context(), nil)
	goleak.VerifyNone(t)

	requireSound(t, b.Dir())
	again := open(t, b.Dir())
	l, _ = again.recover(1)
	assert.Equal(t, upTo(1, 10), redelivered(load(t, l)), "nobody knows what was delivered")
	require.NoError(t, again.Close())
	assert.ErrorIs(t, again.Abandon(), ErrClosed)
}

// A batch that is about to be written, or that is tried again and again, is
// pending too.
func TestAbandonBeforeTheCommit(t *testing.T) {
	for name, outcome := range map[string]error{"about to begin": nil, "failing": errors.New("disk on fire")} {
		t.Run(name, func(t *testing.T) {
			reached, pass := make(chan struct{}, 100), make(chan struct{})
			b := open(t, t.TempDir(), Options{Sync: SyncNone, BeforeCommit: func() error {
				reached <- struct{}{}
				<-pass
				return outcome
			}})
			b.fill(b.Log(1), 1, 10)
			w := b.hand()
			<-reached
			done := make(chan error, 1)
			go func() { done <- b.Abandon() }()
			<-b.abandoned.Done()
			close(pass)
			require.NoError(t, <-done)
			require.ErrorIs(t, <-w, ErrClosed)
			again := open(t, b.Dir())
			assert.Zero(t, again.keys(bucketChunks))
		})
	}
}

// A retry that waits does not hold up Abandon, and who was told of the failure
// hears nothing more.
func TestAbandonBetweenAttempts(t *testing.T) {
	attempts := make(chan error, 100)
	b := open(t, t.TempDir(), Options{
		Sync:         SyncNone,
		BeforeCommit: func() error { return errors.New("disk on fire") },
		OnCommit:     func(err error) { attempts <- err },
	})
	b.fill(b.Log(1), 1, 10)
	w := b.hand()
	require.EqualError(t, <-attempts, "disk on fire")
	require.EqualError(t, <-w, "disk on fire")
	require.NoError(t, b.Abandon())
	assert.Empty(t, w)
}

// An attempt that BeforeCommit refuses writes nothing, and is followed by
// others. Who waits for the batch behind it has one more attempt to wait for.
func TestBeforeCommit(t *testing.T) {
	verdicts := make(chan error, 100)
	attempts := make(chan error, 100)
	b := open(t, t.TempDir(), Options{
		Sync:         SyncNone,
		BeforeCommit: func() error { return <-verdicts },
		OnCommit:     func(err error) { attempts <- err },
	})
	over := sync.OnceFunc(func() { close(verdicts) })
	t.Cleanup(over)
	l := b.Log(1)
	fault := errors.New("disk on fire")
	b.fill(l, 1, 10)
	first := b.hand()
	verdicts <- fault
	require.ErrorIs(t, <-attempts, fault)
	require.ErrorIs(t, <-first, fault)
	assert.True(t, b.Failing())
	assert.Empty(t, load(t, l))
	b.fill(l, 11, 20)
	second := b.hand()
	verdicts <- fault
	require.ErrorIs(t, <-attempts, fault)
	require.ErrorIs(t, <-second, fault, "it would fail as well")
	b.fill(l, 21, 30)
	third := b.hand()
	verdicts <- nil
	require.NoError(t, <-attempts)
	over() // third needs one more, if it was not taken in
	require.NoError(t, <-third)
	assert.False(t, b.Failing())
	assert.Equal(t, upTo(1, 30), positions(load(t, l)))
	assert.Empty(t, first, "told once")
	assert.Empty(t, second, "told once")
}

// A failure tells nobody who waits for the batch behind it.
func TestOneFailureIsOneBatchs(t *testing.T) {
	verdicts := make(chan error)
	b := open(t, t.TempDir(), Options{Sync: SyncNone, BeforeCommit: func() error { return <-verdicts }})
	over := sync.OnceFunc(func() { close(verdicts) })
	t.Cleanup(over)
	l := b.Log(1)
	b.fill(l, 1, 10)
	first := b.hand()
	eventually(t, func() bool { return b.committing() })
	b.fill(l, 11, 20)
	second := b.hand()
	fault := errors.New("disk on fire")
	verdicts <- fault
	require.ErrorIs(t, <-first, fault)
	verdicts <- nil
	over() // second needs one more, if it was not taken in
	require.NoError(t, <-second)
}
