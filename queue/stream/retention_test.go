package stream

import (
	"fmt"
	"os"
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
