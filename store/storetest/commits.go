package storetest

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/store"
)

// What becomes of a batch, and who is told.

// fail appends what the operations say while commits fail, and waits until an attempt
// has.
func (b *bench) fail(operations func()) {
	b.t.Helper()
	b.failing.Store(true)
	operations()
	require.ErrorIs(b.t, b.wait(b.notify()), errDisk)
}

// failingCommits are made again, with what has come meanwhile, in order.
func failingCommits(t T, medium Medium) {
	b := begin(t, medium)
	l := b.Log(1)
	b.add(l, upTo(1, 10)...)
	b.commit()
	b.fail(func() {
		b.add(l, upTo(11, 700)...)
		b.Note(l, 1, []byte("old"))
		b.Put("key", []byte("old"))
		b.Put("gone", []byte("old"))
	})
	b.fail(func() { // what the plan has already
		b.DropRange(l, 5, 600)
		b.Note(l, 1, []byte("new"))
		b.Flag(l, 601)
		b.Put("key", []byte("new"))
		b.Delete("gone")
	})
	b.fail(func() {
		b.add(l, 701)
		b.Remove(l, 700)
	})
	b.failing.Store(false)
	b.commit()
	want := append(upTo(1, 4), upTo(601, 699)...)
	want = append(want, 701)
	for range 2 {
		got := b.all(l)
		require.Equal(t, want, b.positions(l))
		assert.Equal(t, found{seq: 1, note: "new", text: "m1"}, got[0])
		assert.Equal(t, found{seq: 601, redelivered: true, text: "m601"}, got[4])
		assert.Equal(t, map[string]string{"key": "new"}, b.records())
		b = b.again()
		l, _ = b.recover(1)
	}
	b.end()
}

// nothingOfFailed: readers see what the last commit that worked has left, and so does a
// restart.
func nothingOfFailed(t T, medium Medium) {
	b := begin(t, medium)
	l := b.Log(1)
	b.add(l, upTo(1, 10)...)
	b.Put("key", []byte("old"))
	b.commit()
	b.fail(func() {
		b.Remove(l, 1)
		b.DropRange(l, 2, 4)
		b.add(l, 11)
		b.Flag(l, 5)
		b.Note(l, 6, []byte("note"))
		b.Put("key", []byte("new"))
	})
	got := b.all(l)
	require.Len(t, got, 10)
	assert.Equal(t, found{seq: 5, text: "m5"}, got[4])
	assert.Equal(t, found{seq: 6, text: "m6"}, got[5])
	assert.Equal(t, map[string]string{"key": "old"}, b.records())
	b.fail(func() { b.Drop(l) })
	assert.Len(t, b.all(l), 10)
	b = b.crashed()
	l, _ = b.recover(1)
	require.Equal(t, upTo(1, 10), b.positions(l))
	assert.Empty(t, b.all(l)[5].note)
	b.end()
}

// told: a log's user learns which messages can be read.
func told(t T, medium Medium) {
	b := begin(t, medium)
	var last, other atomic.Uint64
	l, quiet := b.Log(1), b.Log(2)
	l.OnCommit = func(seq uint64) { last.Store(seq) }
	quiet.OnCommit = func(seq uint64) { other.Store(seq) }
	b.add(l, 1, 2, 5)
	b.Put("key", nil)
	b.commit()
	b.eventually("the log is told", func() bool { return last.Load() == 5 })
	b.Remove(l, 5)
	b.add(quiet, 9)
	b.commit()
	b.eventually("the other log is told", func() bool { return other.Load() == 9 })
	assert.Equal(t, uint64(5), last.Load(), "nothing was added")
	b.fail(func() { b.add(l, 6, 7) })
	assert.Equal(t, uint64(5), last.Load(), "nothing was written")
	b.failing.Store(false)
	b.commit()
	b.eventually("the log is told after a failure", func() bool { return last.Load() == 7 })
	b = b.again()
	l, _ = b.recover(1)
	l.OnCommit = func(seq uint64) { last.Store(seq) }
	next := l.Last() + 1
	b.add(l, next)
	b.commit()
	b.eventually("a recovered log is told", func() bool { return last.Load() == next })
	b.end()
}

// A part counts its commits.
type part struct{ commits atomic.Int32 }

func (p *part) Commit(bool) error { p.commits.Add(1); return nil }

// participants commit before what comes after them, with a batch of their own if need be.
func participants(t T, medium Medium) {
	b := begin(t, medium)
	var p part
	b.Enlist(&p, 1)
	b.commit()
	assert.EqualValues(t, 1, p.commits.Load())
	b.add(b.Log(1), 1)
	b.Flush()
	b.Enlist(&p, 1)
	b.commit()
	assert.EqualValues(t, 2, p.commits.Load())
	b.end()
}

// room: there is some, also for those who ask late.
func room(t T, medium Medium) {
	b := begin(t, medium)
	free, err := b.Free()
	require.NoError(t, err)
	assert.Positive(t, free)
	assert.Empty(t, b.Damage())
	b.end()
	_, err = b.Free()
	require.NoError(t, err)
}

// readersBeside see commits whole: of a batch all or nothing.
func readersBeside(t T, medium Medium) {
	const pairs = 50
	b := begin(t, medium)
	l := b.Log(1)
	var stop atomic.Bool
	var wg sync.WaitGroup
	var torn, rounds atomic.Int32
	for range 3 {
		wg.Go(func() {
			for !stop.Load() {
				n := 0
				_ = l.Load(1, 2*pairs, func(store.Record) bool { n++; return true })
				_ = l.Pick([]uint64{1, pairs, 2 * pairs}, func(r store.Record) { _ = len(r.Data) })
				if n%2 != 0 {
					torn.Add(1)
				}
				rounds.Add(1)
				runtime.Gosched()
			}
		})
	}
	for i := uint64(1); i <= pairs; i++ {
		b.add(l, 2*i-1, 2*i)
		if i > 10 {
			b.Remove(l, 2*i-21)
			b.Remove(l, 2*i-20)
		}
		b.commit() // Flush hands over at once, so it is one batch
	}
	b.eventually("readers have been there", func() bool { return rounds.Load() >= 3 })
	stop.Store(true)
	wg.Wait()
	assert.Zero(t, torn.Load(), "half a batch was seen")
	assert.Len(t, b.all(l), 20)
	b.end()
}
