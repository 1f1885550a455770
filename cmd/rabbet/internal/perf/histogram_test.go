package perf

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// The percentiles agree with those of the sorted values to a bucket's width.
func TestPercentilesAgreeWithSortedValues(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var values []int64
	var odd, even histogram
	for i := range 100_000 {
		v := int64(rnd.ExpFloat64() * float64(time.Millisecond))
		values = append(values, v)
		if i%2 == 0 {
			even.record(v)
		} else {
			odd.record(v)
		}
	}
	slices.Sort(values)
	odd.add(&even)
	l := odd.latency()
	assert.EqualValues(t, len(values), l.Count)
	assert.EqualValues(t, values[0], l.Min)
	assert.EqualValues(t, values[len(values)-1], l.Max)
	assert.InEpsilon(t, time.Millisecond, l.Mean, 0.02)
	odd.reset()
	assert.Nil(t, odd.latency())
	odd.record(int64(2 * time.Hour))
	assert.EqualValues(t, time.Hour, odd.percentile(100), "as long as there is room for")
	for p, got := range map[float64]time.Duration{0.5: l.Median, 0.75: l.P75, 0.95: l.P95, 0.99: l.P99, 0.999: l.P999} {
		want := values[int(p*float64(len(values)))-1]
		assert.InEpsilon(t, want, got, 0.02, "percentile %v", p)
	}
}

func TestHistogramOfOneValue(t *testing.T) {
	var h histogram
	assert.Nil(t, h.latency())
	h.record(-5)
	assert.Equal(t, &Latency{Count: 1}, h.latency(), "a negative duration counts as none")
	h = histogram{}
	h.record(123_456)
	assert.EqualValues(t, 123_456, h.percentile(50), "no percentile leaves the range of the values")
	assert.EqualValues(t, 123_456, h.percentile(99.9))
}
