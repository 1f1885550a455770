package store_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/store"
)

// A told is a waiter that passes on what it is told.
type told chan error

func (w told) Committed(err error) { w <- err }

// BenchmarkBatch is the cost of a message that a publisher waits for, in batches of 2000: those of the batch
// before are consumed meanwhile. Nothing is synced.
func BenchmarkBatch(b *testing.B) {
	const window = 2000
	st, err := store.Open(b.TempDir(), store.Options{Sync: store.SyncNone})
	require.NoError(b, err)
	defer st.Close()
	l, w := st.Log(1), make(told, 1)
	var app store.Appender
	var m store.Message = note(make([]byte, 1024))
	batch := func(first uint64) {
		for seq := first; seq < first+window; seq++ {
			app.Add(l, seq, 0, false, m)
			if seq > window {
				app.Consume(l, seq-window)
			}
		}
		app.Flush()
		st.Notify(w)
		require.NoError(b, <-w)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += window {
		batch(uint64(i + 1))
	}
	b.StopTimer()
	left := 0
	require.NoError(b, l.Load(0, math.MaxUint64, func(store.Record) bool { left++; return true }))
	require.Equal(b, window, left)
}
