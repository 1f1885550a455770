package store

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoadWhatWasAdded(t *testing.T) {
	b := open(t, t.TempDir())
	l, other := b.Log(7), b.Log(8)
	b.Add(l, 3, 1234, false, text("three"))
	b.Add(other, 4, 0, false, text("another's"))
	b.Add(l, 5, 0, true, text(""))
	b.commit()
	assert.Equal(t, []Record{
		{Seq: 3, Deadline: 1234, Data: []byte("three")},
		{Seq: 5, Volatile: true, Data: []byte{}},
	}, load(t, l))
	assert.Equal(t, LogID(7), l.ID())
}

// What a batch both adds and removes costs the disk nothing.
func TestWhatCancelsOutNeverReachesTheDisk(t *testing.T) {
	var commits atomic.Int32
	b := open(t, t.TempDir(), Options{Sync: SyncNone, OnCommit: func(error) { commits.Add(1) }})
	l := b.Log(1)
	b.fill(l, 1, 1000)
	for seq := uint64(1000); seq > 0; seq-- {
		b.Remove(l, seq)
	}
	b.fill(l, 1001, 1100)
	b.DropRange(l, 1001, 1100)
	b.fill(l, 1101, 1200)
	b.Drop(l)
	b.commit()
	assert.Zero(t, commits.Load(), "nothing to write is no transaction")
	assert.Zero(t, b.keys(bucketChunks))

	b.fill(l, 2001, 2003)
	b.Remove(l, 2002)
	b.commit()
	assert.EqualValues(t, 1, commits.Load())
	assert.Equal(t, []uint64{2001, 2003}, positions(load(t, l)))
	assert.Zero(t, b.keys(bucketSettled))
}

func TestChunksEnd(t *testing.T) {
	big := strings.Repeat("x", chunkBytes/2)
	tests := map[string]struct {
		add    func(b *bench, l *Log)
		chunks int
	}{
		"at a number of messages": {func(b *bench, l *Log) { b.fill(l, 1, chunkMessages) }, 1},
		"one after it":            {func(b *bench, l *Log) { b.fill(l, 1, chunkMessages+1) }, 2},
		"before their size": {func(b *bench, l *Log) {
			for seq := range uint64(3) {
				b.Add(l, seq+1, 0, false, text(big))
			}
		}, 3},
		"never within a message": {func(b *bench, l *Log) {
			b.Add(l, 1, 0, false, text(strings.Repeat(big, 9)))
			b.Add(l, 2, 0, false, text("small"))
		}, 2},
		"at a span of positions": {func(b *bench, l *Log) {
			b.Add(l, 1, 0, false, text("a"))
			b.Add(l, 1+chunkSpan, 0, false, text("b"))
		}, 1},
		"after a span": {func(b *bench, l *Log) {
			b.Add(l, 1, 0, false, text("a"))
			b.Add(l, 2+chunkSpan, 0, false, text("b"))
			b.Add(l, 1<<62, 0, false, text("c"))
		}, 3},
		"with a batch": {func(b *bench, l *Log) {
			b.fill(l, 1, 1)
			b.commit()
			b.fill(l, 2, 2)
		}, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := open(t, t.TempDir())
			l := b.Log(1)
			test.add(b, l)
			b.commit()
			assert.Equal(t, test.chunks, b.keys(bucketChunks))
			records := load(t, l)

			again, ranges := b.reopen().recover(1)
			assert.Equal(t, records, load(t, again))
			count, bytes := 0, uint64(0)
			for _, r := range ranges {
				count, bytes = count+r.Count, bytes+r.Size
			}
			want := uint64(0)
			for _, r := range records {
				want += uint64(len(r.Data))
			}
			assert.Equal(t, len(records), count)
			assert.Equal(t, want, bytes)
			assert.Equal(t, records[len(records)-1].Seq, again.Last())
		})
	}
}

func TestSettleInAnyOrder(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fill(l, 1, 1000) // two chunks
	b.commit()
	for _, seq := range []uint64{1000, 1, 512, 513, 700, 2} {
		b.Remove(l, seq)
		b.commit()
	}
	b.Remove(l, 700) // twice does no harm, nor what never was
	b.Remove(l, 5000)
	b.commit()
	want := upTo(1, 1000, 1000, 1, 512, 513, 700, 2)
	assert.Equal(t, want, positions(load(t, l)))
	assert.Equal(t, 2, b.keys(bucketSettled))

	b = b.crash()
	l, ranges := b.recover(1)
	assert.Equal(t, want, positions(load(t, l)))
	assert.Equal(t, []Range{{3, 511, 509, false, ranges[0].Size}, {514, 999, 485, false, ranges[1].Size}}, ranges)
	for _, seq := range want {
		b.Remove(l, seq)
	}
	b.commit()
	assert.Empty(t, load(t, l))
	for _, bucket := range [][]byte{bucketChunks, bucketSettled, bucketFlags} {
		assert.Zero(t, b.keys(bucket), string(bucket))
	}
}

// One message that stays must not keep what is known of a million others.
func TestChunksThatAreGoneAreForgotten(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	for seq := uint64(1); seq <= 2000; seq++ {
		b.fill(l, seq, seq)
		b.commit() // each is a chunk of its own
		if seq > 1 {
			b.Remove(l, seq)
		}
	}
	b.commit()
	assert.LessOrEqual(t, len(l.engine.(*chunkLog).chunks), 200)
	assert.Equal(t, []uint64{1}, positions(load(t, l)))
}

func TestDropRange(t *testing.T) {
	tests := map[string]struct{ first, last uint64 }{
		"part of one chunk":   {10, 20},
		"one whole chunk":     {513, 1024},
		"parts and the whole": {500, 1030},
		"all":                 {1, 1500},
		"more than all":       {0, 1 << 40},
		"none":                {2000, 3000},
	}
	for name, test := range tests {
		for _, step := range []uint64{1, 3} { // positions with and without gaps
			t.Run(fmt.Sprint(name, ", every ", step), func(t *testing.T) {
				b := open(t, t.TempDir())
				l := b.Log(1)
				want := []uint64{}
				for seq := uint64(1); seq <= 1500; seq++ {
					b.Add(l, seq*step, 0, false, text("x"))
					if seq < test.first || seq > test.last {
						want = append(want, seq*step)
					}
				}
				b.commit()
				b.DropRange(l, test.first*step, test.last*step)
				b.commit()
				assert.Equal(t, want, positions(load(t, l)))

				l, ranges := b.reopen().recover(1)
				assert.Equal(t, want, positions(load(t, l)))
				count := 0
				for _, r := range ranges {
					count += r.Count
				}
				assert.Equal(t, len(want), count)
			})
		}
	}
}

// A range that is dropped in part keeps its other messages to their end.
func TestDropRangeCountsOnlyMessages(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	for seq := uint64(1); seq <= 100; seq++ {
		b.Add(l, seq*10, 0, false, text("x"))
	}
	b.commit()
	b.DropRange(l, 1, 505) // 50 messages of 100
	b.commit()
	for seq := uint64(51); seq <= 99; seq++ {
		b.Remove(l, seq*10)
	}
	b.commit()
	assert.Equal(t, []uint64{1000}, positions(load(t, l)))
	assert.Equal(t, 1, b.keys(bucketChunks))
}

func TestDropRangeOfThisVeryBatch(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fill(l, 1, 10)
	b.commit()
	b.fill(l, 11, 20)
	b.DropRange(l, 9, 12)
	b.commit()
	assert.Equal(t, upTo(1, 20, 9, 10, 11, 12), positions(load(t, l)))
}

func TestDrop(t *testing.T) {
	b := open(t, t.TempDir())
	l, other := b.Log(1), b.Log(2)
	b.fill(l, 1, 1000)
	b.fill(other, 1, 3)
	b.commit()
	b.Remove(l, 5)
	b.Flag(l, 6)
	b.commit()
	b.fill(l, 1001, 1010)
	b.Drop(l)
	b.commit()
	assert.Empty(t, load(t, l))
	assert.Len(t, load(t, other), 3)
	assert.Equal(t, 1, b.keys(bucketChunks))
	assert.Zero(t, b.keys(bucketSettled))
	assert.Zero(t, b.keys(bucketFlags))

	b.fill(l, 2000, 2001) // its identity can be used again
	b.commit()
	assert.Len(t, load(t, l), 2)
}

func TestLoadRanges(t *testing.T) {
	b := open(t, t.TempDir())
	before, l, after := b.Log(1), b.Log(2), b.Log(3)
	b.fill(before, 1, 2000)
	b.fill(l, 101, 1500)
	b.fill(after, 1, 2000)
	b.commit()
	for _, r := range [][2]uint64{
		{101, 1500}, {101, 101}, {102, 102}, {600, 700}, {612, 613}, {613, 613}, {1500, 1500}, {1400, 9000}, {0, 150},
	} {
		want := upTo(max(r[0], 101), min(r[1], 1500))
		assert.Equal(t, want, positions(loadRange(t, l, r[0], r[1])), r)
	}
	for _, r := range [][2]uint64{{0, 100}, {1501, 1600}, {5000, 9000}} {
		assert.Empty(t, loadRange(t, l, r[0], r[1]), r)
	}
	n := 0
	require.NoError(t, l.Load(550, 1500, func(Record) bool {
		n++
		return n < 100
	}))
	assert.Equal(t, 100, n, "visit ends it")
	assert.Empty(t, load(t, b.Log(9)))
}

func TestOnCommitTellsTheLastPosition(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	var told []uint64
	l.OnCommit = func(seq uint64) { told = append(told, seq) }
	b.fill(l, 1, 700)
	b.commit()
	b.Remove(l, 3) // nothing was added
	b.commit()
	b.fill(l, 701, 703)
	b.Remove(l, 703)
	b.commit()
	require.NoError(t, b.Close()) // it comes after those who wait were told
	assert.Equal(t, []uint64{700, 702}, told)
}
