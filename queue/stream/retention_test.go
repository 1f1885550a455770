package stream

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/queue"
)

// STREAM-13, STREAM-14: whole segments go, and offsets are never used again.
func TestRetentionBySize(t *testing.T) {
	both(t, queue.Settings{SegmentBytes: 1000, MaxBytes: 3000}, func(t *testing.T, b *bench) {
		slow := b.consume("first", 2)
		for i := range 200 {
			b.publish(fmt.Sprint("m", i))
			in := b.Info()
			require.LessOrEqual(t, in.Bytes, int64(4000))
			require.EqualValues(t, i+1, in.Next)
		}
		in := b.Info()
		assert.Greater(t, in.First, uint64(100))
		assert.LessOrEqual(t, in.Segments, 4)
		assert.Equal(t, int(in.Next-in.First), b.Counts().Ready)
		assert.Equal(t, texts(int(in.First), 200), b.consume("first", 1000).wait(int(200-in.First)))
		assert.Equal(t, texts(int(in.First), 200), b.consume(int64(0), 1000).wait(int(200-in.First)), "clamped")
		b.give(slow, 1000)
		got := slow.wait(2 + int(200-in.First))
		assert.Equal(t, texts(0, 2), got[:2])
		assert.Subset(t, got, texts(int(in.First), 200), "a reader whose messages have gone goes on with the oldest")
		if b.dir != "" {
			files, err := os.ReadDir(b.folderPath())
			require.NoError(t, err)
			assert.Len(t, files, 2*in.Segments)
			b.reopen()
			assert.LessOrEqual(t, b.Info().Bytes, int64(3000), "looked at when it starts, too")
			assert.EqualValues(t, 200, b.Info().Next)
		}
	})
}

// STREAM-13, exactly: a segment ends with the chunk before the one that would make it
// too long, and the oldest ones go when the next begins, until the rest is no more than
// the limit. Who reads one that goes has it to its end, and goes on with the oldest that is
// left: nothing twice, nothing out of order, and no gap but that.
func TestRetentionIsExact(t *testing.T) {
	const segment, limit = 1000, 3500
	both(t, queue.Settings{SegmentBytes: segment, MaxBytes: limit}, func(t *testing.T, b *bench) {
		type part struct{ first, next, bytes int }
		var parts []part
		total := 0
		var behind *client
		for i := range 300 {
			b.publish(fmt.Sprint("m", i))
			chunk := headerLen + len(fmt.Sprint("m", i)) + b.overhead()
			if n := len(parts); n == 0 || parts[n-1].bytes+chunk > segment {
				parts = append(parts, part{first: i})
				for total > limit {
					total -= parts[0].bytes
					parts = parts[1:]
				}
			}
			last := &parts[len(parts)-1]
			last.next, last.bytes, total = i+1, last.bytes+chunk, total+chunk
			in := b.Info()
			require.EqualValues(t, total, in.Bytes)
			require.EqualValues(t, parts[0].first, in.First)
			require.Len(t, parts, in.Segments)
			if i%25 == 0 {
				require.Equal(t, texts(parts[0].first, i+1), b.all())
			}
			if i == 50 {
				behind = b.consume("first", 2)
				require.Equal(t, texts(0, 2), behind.wait(2))
			}
		}
		b.give(behind, 1000)
		end := segment / (headerLen + len("m10") + b.overhead()) // about: the first ten are shorter
		got := behind.wait(300 - parts[0].first)
		rest := len(got) - (300 - parts[0].first)
		assert.InDelta(t, end, rest, 1)
		assert.Equal(t, slices.Concat(texts(0, rest), texts(parts[0].first, 300)), got)
	})
}

// overhead is what a message of the tests needs beside its body in a chunk of its own.
func (b *bench) overhead() int {
	m := message("")
	m.Props = appendStored(nil, m.Props)
	return m.EncodedLen() + 1 // the length before it
}

// A stream below one segment never shrinks.
func TestRetentionKeepsTheNewest(t *testing.T) {
	both(t, queue.Settings{MaxBytes: 10, MaxAge: time.Second}, func(t *testing.T, b *bench) {
		b.publishEach(20)
		b.clock.Advance(time.Hour)
		b.publishEach(1)
		assert.EqualValues(t, 0, b.Info().First)
	})
}

// The clock alone removes what is too old, but for the newest segment.
func TestRetentionByAge(t *testing.T) {
	both(t, queue.Settings{SegmentBytes: 1000, MaxAge: time.Hour}, func(t *testing.T, b *bench) {
		firsts := map[time.Duration]uint64{}
		for hour := range 5 {
			firsts[time.Duration(hour)*10*time.Minute] = b.Info().Next
			for range 10 {
				b.publish(strings.Repeat("m", 300))
			}
			b.clock.Advance(10 * time.Minute)
		}
		assert.EqualValues(t, 0, b.Info().First)
		b.clock.Advance(10 * time.Minute) // an hour since the first
		assert.EqualValues(t, 0, b.Info().First, "not older yet")
		b.clock.Advance(time.Millisecond)
		first := b.Info().First
		assert.InDelta(t, firsts[10*time.Minute], first, 3, "a segment may have messages of two times")
		assert.Positive(t, first)
		b.clock.Advance(24 * time.Hour)
		assert.Equal(t, 1, b.Info().Segments, "the newest stays")
		b.configure(queue.Settings{})
		assert.Zero(t, b.clock.Pending())
	})
}

// STREAM-14, exactly: a segment goes as soon as its newest message is older than the age,
// to the millisecond, even while a consumer reads it.
func TestRetentionByAgeIsExact(t *testing.T) {
	both(t, queue.Settings{SegmentBytes: 1000, MaxAge: time.Hour}, func(t *testing.T, b *bench) {
		var behind *client
		var begins []uint64 // of segments
		var ends []time.Time
		for i := range 100 {
			segments := b.Info().Segments
			b.publish(fmt.Sprint("m", i))
			if b.Info().Segments > segments {
				begins, ends = append(begins, uint64(i)), append(ends, time.Time{})
			}
			ends[len(ends)-1] = b.clock.Now()
			if i == 30 {
				behind = b.consume("first", 2)
				require.Equal(t, texts(0, 2), behind.wait(2))
			}
			b.clock.Advance(20 * time.Second)
		}
		require.Greater(t, len(begins), 4)
		for i := range ends[:len(ends)-1] {
			b.clock.Advance(ends[i].Add(time.Hour).Sub(b.clock.Now()))
			require.Equal(t, begins[i], b.Info().First, "an hour old")
			b.clock.Advance(time.Millisecond)
			require.Equal(t, begins[i+1], b.Info().First, "older")
			require.Equal(t, len(begins)-i-1, b.Info().Segments)
			require.Equal(t, texts(int(begins[i+1]), 100), b.all())
		}
		b.clock.Advance(24 * time.Hour)
		last := int(begins[len(begins)-1])
		require.EqualValues(t, last, b.Info().First, "the newest stays")
		b.give(behind, 1000)
		want := append(texts(0, int(begins[1])), texts(last, 100)...)
		assert.Equal(t, want, behind.wait(len(want)), "the segment that it had open, and the oldest that is left")
	})
}

func TestRetentionWhenConfigured(t *testing.T) {
	both(t, queue.Settings{SegmentBytes: 1000}, func(t *testing.T, b *bench) {
		b.publishEach(200)
		require.Zero(t, b.Info().First)
		b.configure(queue.Settings{SegmentBytes: 1000, MaxBytes: 3000})
		assert.LessOrEqual(t, b.Info().Bytes, int64(3000))
		first := b.Info().First
		b.clock.Advance(time.Hour)
		b.configure(queue.Settings{SegmentBytes: 1000, MaxAge: time.Minute})
		assert.Greater(t, b.Info().First, first)
		assert.Equal(t, 1, b.Info().Segments)
	})
}

// In memory a stream takes no more than its limit.
func TestMemoryLimit(t *testing.T) {
	b := inMemory(t, queue.Settings{})
	b.close()
	b.limit = 1 << 20
	b.open()
	text := strings.Repeat("m", 1000)
	for range 3000 {
		b.publish(text)
		require.LessOrEqual(t, b.Info().Bytes, int64(1<<20+1<<17))
	}
	in := b.Info()
	assert.Greater(t, in.Bytes, int64(1<<19))
	assert.EqualValues(t, 3000, in.Next)
	assert.Positive(t, in.First)
}
