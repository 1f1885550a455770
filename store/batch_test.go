package store

// When those who wait are told, and how long what nobody waits for may linger.

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// A halted is a store whose commits wait to be let through, one at a time.
type halted struct {
	*bench
	pass chan struct{}
}

func openHalted(t *testing.T) halted {
	pass := make(chan struct{})
	b := open(t, t.TempDir(), Options{Sync: SyncNone, BeforeCommit: func() error {
		<-pass
		return nil
	}})
	t.Cleanup(func() { close(pass) })
	return halted{b, pass}
}

// safely hands over what has been appended, with a waiter of NotifySafe.
func (h halted) safely() signal {
	h.Flush()
	w := newSignal()
	h.NotifySafe(w)
	return w
}

// begin hands over what has been appended as a batch of its own, which is about
// to be committed.
func (h halted) begin() {
	h.Flush()
	h.mu.Lock()
	h.expedite()
	h.mu.Unlock()
	eventually(h.t, h.committing)
}

// BASIC-17: what has been consumed need not reach the disk.
func TestConsumedIsSafe(t *testing.T) {
	t.Run("while it is being committed", func(t *testing.T) {
		h := openHalted(t)
		l := h.Log(1)
		h.fill(l, 1, 2)
		w := h.safely()
		eventually(t, h.committing)
		h.Consume(l, 1)
		h.Flush()
		h.Release()
		assert.Empty(t, w, "there is another")
		h.Consume(l, 2)
		h.Flush()
		h.Release()
		require.NoError(t, <-w)
		h.Put("last", nil)
		last := h.hand()
		h.pass <- struct{}{}
		h.pass <- struct{}{}
		require.NoError(t, <-last)
		assert.Empty(t, w, "told once")
		assert.Zero(t, h.keys(bucketChunks))
	})
	t.Run("while it collects", func(t *testing.T) {
		h := openHalted(t)
		l := h.Log(1)
		h.fill(l, 1, 10)
		h.begin()
		h.consume(l, 1, 10)
		h.fill(l, 11, 11)
		w := h.safely()
		h.Consume(l, 11)
		h.Flush()
		h.Release()
		require.NoError(t, <-w)
		h.pass <- struct{}{}
	})
	t.Run("before anyone waits", func(t *testing.T) {
		h := openHalted(t)
		l := h.Log(1)
		h.fill(l, 1, 10)
		h.begin()
		h.consume(l, 1, 10)
		h.fill(l, 11, 11)
		h.Consume(l, 11)
		w := h.safely()
		h.Release()
		require.NoError(t, <-w)
		h.pass <- struct{}{}
	})
	t.Run("without Release", func(t *testing.T) {
		h := openHalted(t)
		l := h.Log(1)
		h.fill(l, 1, 1)
		w := h.safely()
		eventually(t, h.committing)
		h.Consume(l, 1)
		h.Flush()
		h.pass <- struct{}{}
		require.NoError(t, <-w)
	})
}

// Whatever is needed holds up the answer until it is on the disk.
func TestSafeWaitsForWhatIsNeeded(t *testing.T) {
	for name, needed := range map[string]func(h halted, l *Log){
		"a message":            func(h halted, l *Log) { h.Add(l, 2, 0, false, text("2")) },
		"a record":             func(h halted, _ *Log) { h.Put("key", nil) },
		"a record's end":       func(h halted, _ *Log) { h.Store.Delete("key") },
		"another log":          func(h halted, _ *Log) { h.Add(h.Log(2), 1, 0, false, text("1")) },
		"removed otherwise":    func(h halted, l *Log) { h.Add(l, 2, 0, false, text("2")); h.Remove(l, 2) },
		"someone else's wait":  func(h halted, _ *Log) { h.Flush(); h.Notify(newSignal()) },
		"many messages":        func(h halted, l *Log) { h.fill(l, 2, fewAdds+1); h.consume(l, 2, fewAdds+1) },
		"an older consumption": func(h halted, l *Log) { h.Add(l, 2, 0, false, text("2")); h.Consume(l, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			h := openHalted(t)
			l := h.Log(1)
			h.fill(l, 0, 0)
			h.begin()
			h.pass <- struct{}{}
			eventually(t, func() bool { return !h.committing() })

			other := h.Log(9)
			h.fill(other, 1, 1)
			h.begin()
			h.Consume(other, 1)
			h.fill(l, 1, 1)
			needed(h, l)
			w := h.safely()
			h.Consume(l, 1)
			h.Flush()
			h.Release()
			assert.Empty(t, w)
			for {
				select {
				case h.pass <- struct{}{}:
				case err := <-w:
					require.NoError(t, err)
					return
				}
			}
		})
	}
}

// consume consumes messages from position first to last.
func (h halted) consume(l *Log, first, last uint64) {
	for seq := first; seq <= last; seq++ {
		h.Consume(l, seq)
	}
}

// Nobody is told before those who waited before, nor while a record that came
// before may be lost.
func TestSafeKeepsOrder(t *testing.T) {
	t.Run("of waiters", func(t *testing.T) {
		h := openHalted(t)
		l := h.Log(1)
		h.fill(l, 1, 1)
		first := h.safely()
		eventually(t, h.committing)
		h.fill(l, 2, 2)
		second := h.safely()
		h.Consume(l, 2)
		h.Flush()
		h.Release()
		assert.Empty(t, second)
		h.Consume(l, 1)
		h.Flush()
		h.Release()
		require.NoError(t, <-first)
		require.NoError(t, <-second)
		h.pass <- struct{}{}
	})
	t.Run("of messages that nobody waited for yet", func(t *testing.T) {
		h := openHalted(t)
		l := h.Log(1)
		h.fill(l, 1, 2)
		h.begin() // before its publisher has come to wait for it
		w := h.safely()
		h.Release()
		assert.Empty(t, w)
		h.fill(l, 3, 3)
		h.consume(l, 2, 3)
		h.Flush()
		h.Release()
		assert.Empty(t, w, "the first is needed")
		h.Consume(l, 1)
		h.Flush()
		h.Release()
		require.NoError(t, <-w)
		h.pass <- struct{}{}
	})
	t.Run("of records", func(t *testing.T) {
		h := openHalted(t)
		h.Put("queue", nil)
		h.begin()
		l := h.Log(1)
		h.fill(l, 1, 1)
		w := h.safely()
		h.Consume(l, 1)
		h.Flush()
		h.Release()
		assert.Empty(t, w)
		h.pass <- struct{}{}
		require.NoError(t, <-w)
	})
}

// What nobody waits for is committed all the same, records at once and much of
// it too.
func TestLinger(t *testing.T) {
	commits := make(chan error, 100)
	b := open(t, t.TempDir(), Options{Sync: SyncNone, OnCommit: func(err error) { commits <- err }})
	l := b.Log(1)
	lingers := func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.lingers
	}
	b.fill(l, 1, 1)
	b.Flush()
	require.NoError(t, <-commits)
	eventually(t, func() bool { return !lingers() })
	b.fill(l, 2, 2)
	b.Flush()
	assert.True(t, lingers())
	b.commit()
	b.fill(l, 3, 3)
	b.Flush()
	require.NoError(t, <-commits)
	require.NoError(t, <-commits, "the timer looks after a younger batch as well")
	eventually(t, func() bool { return !lingers() })
	b.Put("key", nil)
	assert.False(t, lingers())
	require.NoError(t, <-commits)
	b.fill(l, 4, 4+lingerOps)
	b.Flush()
	assert.False(t, lingers())
	require.NoError(t, <-commits)
}

// What is appended at once is in one commit, also of attempts that fail meanwhile.
func TestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := 0
		b := open(t, t.TempDir(), Options{Sync: SyncNone, BeforeCommit: func() error {
			if commits++; commits == 2 { // the attempt that follows must not take a part of what comes
				return errors.New("disk on fire")
			}
			return nil
		}})
		b.Put("before", nil)
		synctest.Wait()
		assert.Equal(t, 1, commits)
		b.Put("fails", nil)
		synctest.Wait()
		b.AtOnce(func() {
			for i := range 3 {
				b.Put(fmt.Sprint(i), nil)
				require.NoError(t, delay.Wait(t.Context(), delay.Real{}, time.Second))
			}
			assert.Equal(t, 3, commits)
			require.NoError(t, b.Records(func(key string, _ []byte) error {
				assert.NotContains(t, []string{"0", "1", "2"}, key)
				return nil
			}))
		})
		b.commit()
		var keys []string
		require.NoError(t, b.Records(func(key string, _ []byte) error {
			keys = append(keys, key)
			return nil
		}))
		assert.Equal(t, []string{"0", "1", "2", "before", "fails"}, keys)
		require.NoError(t, b.Close())
	})
}
