// The histogram of latencies: logarithmic buckets of constant relative width,
// so that recording is a few instructions and a percentile is exact to 1.6 %.

package perf

import (
	"math"
	"math/bits"
	"time"
)

const (
	subBits    = 6 // 64 buckets an octave
	subCount   = 1 << subBits
	maxExp     = 41 // values end at 2^41 ns, over half an hour
	bucketSize = (maxExp - subBits + 1) * subCount
)

// histogram counts durations in nanoseconds. Its zero value is empty.
type histogram struct {
	counts   [bucketSize]uint64
	count    uint64
	sum      float64
	min, max int64
	early    int64 // the least that was given, if it is negative
}

// bucketOf maps a value to its bucket: below 64 each value has its own, above,
// 64 buckets cover each power of two.
func bucketOf(ns int64) int {
	if ns < subCount {
		return int(ns)
	}
	exp := bits.Len64(uint64(ns)) - 1
	if exp >= maxExp {
		return bucketSize - 1
	}
	shift := exp - subBits
	return (shift+1)<<subBits + int(ns>>shift) - subCount
}

// bucketTop is the largest value of a bucket.
func bucketTop(b int) int64 {
	if b < subCount {
		return int64(b)
	}
	shift := b>>subBits - 1
	return int64(b&(subCount-1)+subCount+1)<<shift - 1
}

// record counts one duration. A negative one, from a clock that differs or of
// something that came early, is 0.
func (h *histogram) record(ns int64) { h.recordN(ns, 1) }

// recordN counts n equal durations.
func (h *histogram) recordN(ns int64, n uint64) {
	h.early = min(h.early, ns)
	ns = max(ns, 0)
	if h.count == 0 || ns < h.min {
		h.min = ns
	}
	h.max = max(h.max, ns)
	h.counts[bucketOf(ns)] += n
	h.count += n
	h.sum += float64(ns) * float64(n)
}

// add merges o into h.
func (h *histogram) add(o *histogram) {
	if o.count == 0 {
		return
	}
	if h.count == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	h.early = min(h.early, o.early)
	h.count += o.count
	h.sum += o.sum
	for i, n := range &o.counts {
		h.counts[i] += n
	}
}

// percentile is the smallest recorded value, to a bucket's width, that p per
// cent of all values do not exceed; 0 if there are none.
func (h *histogram) percentile(p float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(float64(h.count)*p/100)), 1)
	var seen uint64
	for b, n := range &h.counts {
		if seen += n; seen >= rank {
			return time.Duration(min(max(bucketTop(b), h.min), h.max))
		}
	}
	return time.Duration(h.max)
}

// Latency sums a histogram up; in JSON its fields are nanoseconds.
type Latency struct {
	Count  uint64        `json:"count"`
	Min    time.Duration `json:"min"`
	Mean   time.Duration `json:"mean"`
	Median time.Duration `json:"median"`
	P75    time.Duration `json:"p75"`
	P95    time.Duration `json:"p95"`
	P99    time.Duration `json:"p99"`
	P999   time.Duration `json:"p99.9"`
	Max    time.Duration `json:"max"`
}

// latency is nil for an empty histogram.
func (h *histogram) latency() *Latency {
	if h.count == 0 {
		return nil
	}
	return &Latency{
		Count:  h.count,
		Min:    time.Duration(h.min),
		Mean:   time.Duration(h.sum / float64(h.count)),
		Median: h.percentile(50),
		P75:    h.percentile(75),
		P95:    h.percentile(95),
		P99:    h.percentile(99),
		P999:   h.percentile(99.9),
		Max:    time.Duration(h.max),
	}
}
