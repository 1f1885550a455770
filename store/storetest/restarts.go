package storetest

import (
	"math"
	"slices"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/store"
)

// What a store has after a restart.

// restart: what was committed, or pending when the store was closed, is there as it was.
func restart(t T, medium Medium) {
	b := begin(t, medium)
	l := b.Log(7)
	for seq := uint64(1); seq <= 1500; seq++ {
		b.Add(l, seq, int64(seq%2), false, text{head: "m"})
	}
	b.commit()
	b.DropRange(l, 1, 700)
	b.Flag(l, 702)
	b.Note(l, 703, []byte("note"))
	b.Put("key", []byte("value"))
	b.Flush() // nobody waits
	for range 3 {
		b = b.again()
		l, ranges := b.recover(7)
		got := b.all(l)
		require.Len(t, got, 800)
		assert.Equal(t, []found{
			{seq: 701, deadline: 1, text: "m"},
			{seq: 702, redelivered: true, text: "m"},
			{seq: 703, deadline: 1, note: "note", text: "m"},
			{seq: 704, text: "m"},
		}, got[:4])
		assert.Equal(t, map[string]string{"key": "value"}, b.records())
		assert.GreaterOrEqual(t, l.Last(), uint64(1500))
		requireCover(t, upTo(701, 1500), ranges)
	}
	l, _ = b.recover(7)
	b.add(l, l.Last()+1)
	b.Remove(l, 701)
	b.commit()
	assert.Equal(t, append(upTo(702, 1500), l.Last()+1), b.positions(l))
	b.end()
}

// requireCover makes sure that ranges are those of some positions, in order, each once.
func requireCover(t T, positions []uint64, ranges []store.Range) {
	t.Helper()
	for _, r := range ranges {
		require.Positive(t, r.Count)
		require.LessOrEqual(t, r.Count, len(positions))
		require.Equal(t, positions[0], r.First)
		require.Equal(t, positions[r.Count-1], r.Last)
		positions = positions[r.Count:]
	}
	require.Empty(t, positions)
}

// crash: what was committed is there, and may have been delivered before (PERSIST-5).
func crash(t T, medium Medium) {
	b := begin(t, medium)
	l := b.Log(1)
	b.add(l, upTo(1, 10)...)
	b.Put("key", []byte("value"))
	b.commit()
	b.failing.Store(true)
	b.Remove(l, 1)
	b.add(l, 11)
	b.Put("key", []byte("other"))
	waiter := b.notify()
	require.ErrorIs(t, b.wait(waiter), errDisk)
	b = b.crashed()
	l, _ = b.recover(1)
	assert.Equal(t, upTo(1, 10), b.positions(l))
	for _, f := range b.all(l) {
		assert.True(t, f.redelivered, "%d", f.seq)
	}
	assert.Equal(t, map[string]string{"key": "value"}, b.records())
	next := l.Last() + 1
	assert.GreaterOrEqual(t, next, uint64(11))
	b.add(l, next)
	b.commit()
	got := b.all(l)
	require.Len(t, got, 11)
	assert.Equal(t, next, got[10].seq)
	assert.False(t, got[10].redelivered, "one that came after the crash")
	b = b.again()
	l, _ = b.recover(1)
	got = b.all(l)
	require.Len(t, got, 11)
	assert.True(t, got[9].redelivered, "still")
	assert.False(t, got[10].redelivered, "the store was closed in order")
	b.end()
}

// volatileMessages go with a restart, of whatever kind, and are there until then.
func volatileMessages(t T, medium Medium) {
	for _, reopen := range []func(*bench) *bench{(*bench).again, (*bench).crashed} {
		b := begin(t, medium)
		mixed, all := b.Log(1), b.Log(2)
		for seq := uint64(1); seq <= 600; seq++ {
			b.Add(mixed, seq, 0, seq%3 != 0, text{head: "m"})
			b.Add(all, 2*seq, 0, true, text{head: "m"})
		}
		b.commit()
		assert.Len(t, b.all(mixed), 600)
		require.Len(t, b.all(all), 600)
		assert.True(t, b.all(all)[0].volatile)
		b = reopen(b)
		mixed, ranges := b.recover(1)
		want := []uint64{}
		for seq := uint64(3); seq <= 600; seq += 3 {
			want = append(want, seq)
		}
		for range 2 { // before and after the commit that may remove them
			assert.Equal(t, want, b.positions(mixed))
			requireCover(t, want, ranges)
			require.NoError(t, mixed.Pick([]uint64{1, 2}, func(store.Record) { t.Errorf("volatile messages are picked") }))
			b.commit()
		}
		all, ranges = b.recover(2)
		assert.Empty(t, ranges)
		assert.Empty(t, b.all(all))
		b.add(all, max(all.Last(), 1200)+1)
		b.commit()
		assert.Len(t, b.all(all), 1)
		b.Drop(mixed)
		b.Drop(all)
		b.commit()
		b.end()
	}
}

// recovered: messages with a note are told of, and in no range if the user keeps them.
func recovered(t T, medium Medium) {
	b := begin(t, medium)
	l := b.Log(1)
	b.add(l, upTo(1, 50)...)
	for _, seq := range []uint64{1, 10, 11, 30, 50} {
		b.Note(l, seq, []byte{byte(seq)})
	}
	b.Remove(l, 30)
	b.Remove(l, 31)
	b.commit()
	b = b.again()
	var ranges []store.Range
	var noted []uint64
	l, err := b.RecoverNoted(1, size, func(r store.Range) { ranges = append(ranges, r) }, func(r *store.Record) bool {
		assert.Equal(t, []byte{byte(r.Seq)}, r.Note)
		noted = append(noted, r.Seq)
		return r.Seq != 11
	})
	require.NoError(t, err)
	assert.Equal(t, []uint64{1, 10, 11, 50}, noted)
	requireCover(t, slices.Concat(upTo(2, 9), upTo(11, 29), upTo(32, 49)), ranges)
	assert.Len(t, b.all(l), 48, "all can be read")
	var picked []uint64
	require.NoError(t, l.Pick([]uint64{1, 50}, func(r store.Record) { picked = append(picked, r.Seq) }))
	assert.Equal(t, []uint64{1, 50}, picked)
	b.end()
}

// unknownLogs are found, and can be removed.
func unknownLogs(t T, medium Medium) {
	b := begin(t, medium)
	for _, id := range []store.LogID{1, 3, 256, math.MaxUint64} {
		b.add(b.Log(id), 1, 2)
	}
	b.commit()
	b = b.crashed()
	known := map[store.LogID]bool{}
	require.NoError(t, b.EachLog(func(id store.LogID) { known[id] = true }))
	assert.Equal(t, map[store.LogID]bool{1: true, 3: true, 256: true, math.MaxUint64: true}, known)
	largest, err := b.DropUnknown(func(id store.LogID) bool { return id == 3 })
	require.NoError(t, err)
	assert.Equal(t, store.LogID(math.MaxUint64), largest)
	b.commit()
	b = b.again()
	for _, id := range []store.LogID{1, 2, 256, math.MaxUint64} {
		l, ranges := b.recover(id)
		assert.Empty(t, b.all(l), "log %d", id)
		assert.Empty(t, ranges)
	}
	l, _ := b.recover(3)
	assert.Len(t, b.all(l), 2)
	b.end()
}
