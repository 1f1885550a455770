package management

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

func TestHistoryKeepsCountersAndGauges(t *testing.T) {
	h := newHistory(span{1, 2}, 2, basicRetention)
	for i := range int64(4) {
		h.record(1000+5*i, []uint64{uint64(100 * i), uint64(10 - i)})
	}
	assert.InDelta(t, 20, h.rate(0, 1015), 0, "of the newest five seconds")
	assert.InDelta(t, -0.2, h.rate(1, 1015), 1e-9, "a gauge may fall")
	assert.Zero(t, h.rate(0, 1100), "nothing is known of the last interval")
	assert.Equal(t, []uint64{300, 200, 100, 0, 0}, h.samples(0, window{last: 1015, age: 20, step: 5}))
	assert.Equal(t, []uint64{7, 8, 9, 10, 10}, h.samples(1, window{last: 1015, age: 20, step: 5}))
	assert.Equal(t, []uint64{300, 100}, h.samples(0, window{last: 1015, age: 10, step: 10}))
}

func TestHistoryReachesAnHour(t *testing.T) {
	h := newHistory(span{}, 1, basicRetention)
	for at := int64(0); at <= 7200; at += 5 {
		h.record(at, []uint64{uint64(at) << 32})
	}
	samples := h.samples(0, window{last: 7200, age: 3600, step: 60})
	require.Len(t, samples, 61)
	assert.Equal(t, uint64(7200)<<32, samples[0])
	assert.Less(t, samples[60], samples[0])
}

func TestHistoryFillsWhatWasMissed(t *testing.T) {
	h := newHistory(span{1, 2}, 2, latestRetention)
	h.record(1000, []uint64{5, 5})
	h.record(1100, []uint64{25, 6})
	assert.InDelta(t, 4, h.rate(0, 1100), 0)
	h.record(1105, []uint64{3, 6}) // the counter began anew
	assert.InDelta(t, 0.6, h.rate(0, 1105), 1e-9)
}

func TestHistoryOfAQueueStaysBelow16KB(t *testing.T) {
	h := newHistory(lengthFigures, queueFigures, basicRetention)
	size := int(unsafe.Sizeof(*h))
	for i := range h.tiers {
		t := &h.tiers[i]
		size += int(unsafe.Sizeof(*t)) + 4*cap(t.ring) + 8*cap(t.last)
	}
	assert.LessOrEqual(t, size, 16<<10)
}

func TestSamplerForgetsWhatNobodyLooksAt(t *testing.T) {
	clock := delay.NewManual(time.Unix(1_000_000, 0))
	s := &sampler{clock: clock}
	s.start()
	defer s.stop()
	reads, there := 0, true
	l := look{
		key: objectKey{queueObject, "/", "q"}, width: 1, retentions: basicRetention, whole: true,
		read: func(to []uint64) bool {
			reads++
			to[0] = uint64(50 * reads)
			return there
		},
	}
	seen := func() (rate float64, known bool) {
		s.look(l, func(h *history, now int64) {
			if h != nil {
				rate, known = h.rate(0, now), true
			}
		})
		return rate, known
	}
	_, known := seen()
	assert.True(t, known)
	clock.Advance(10 * time.Second)
	rate, _ := seen()
	assert.InDelta(t, 10, rate, 0)
	clock.Advance(2 * wholePatience * time.Second)
	assert.Empty(t, s.objects, "nobody has looked for long")
	before := reads
	clock.Advance(time.Minute)
	assert.Equal(t, before, reads)

	_, _ = seen()
	there = false
	clock.Advance(sampleStep * time.Second)
	assert.Empty(t, s.objects, "the object is gone")
}
