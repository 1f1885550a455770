package perf

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	highest = int64(time.Hour) // durations beyond it count as this long
	digits  = 2                // significant ones: a percentile is exact to 1 %
)

// histogram counts durations in nanoseconds. Its zero value is empty.
type histogram struct {
	counts   *hdrhistogram.Histogram // nil until something is recorded
	min, max int64                   // to the nanosecond, unlike those of counts
	early    int64                   // the least that was given, if it is negative
}

// record counts one duration. A negative one, from a clock that differs or of
// something that came early, is 0.
func (h *histogram) record(ns int64) { h.recordN(ns, 1) }

// recordN counts n equal durations.
func (h *histogram) recordN(ns int64, n uint64) {
	if h.counts == nil {
		h.counts = hdrhistogram.New(1, highest, digits)
	}
	h.early = min(h.early, ns)
	ns = min(max(ns, 0), highest)
	if h.count() == 0 || ns < h.min {
		h.min = ns
	}
	h.max = max(h.max, ns)
	_ = h.counts.RecordValues(ns, int64(n)) // It refuses what is out of its range alone.
}

// add merges o into h.
func (h *histogram) add(o *histogram) {
	if o.count() == 0 {
		return
	}
	if h.counts == nil {
		h.counts = hdrhistogram.New(1, highest, digits)
	}
	if h.count() == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	h.early = min(h.early, o.early)
	h.counts.Merge(o.counts)
}

// reset empties h and keeps its memory.
func (h *histogram) reset() {
	counts := h.counts
	if counts != nil {
		counts.Reset()
	}
	*h = histogram{counts: counts}
}

// count is the number of durations.
func (h *histogram) count() uint64 {
	if h.counts == nil {
		return 0
	}
	return uint64(h.counts.TotalCount())
}

// percentile is the smallest recorded value, to one per cent, that p per cent of all
// values do not exceed; 0 if there are none.
func (h *histogram) percentile(p float64) time.Duration {
	if h.count() == 0 {
		return 0
	}
	return time.Duration(min(max(h.counts.ValueAtPercentile(p), h.min), h.max))
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
	if h.count() == 0 {
		return nil
	}
	return &Latency{
		Count:  h.count(),
		Min:    time.Duration(h.min),
		Mean:   time.Duration(h.counts.Mean()),
		Median: h.percentile(50),
		P75:    h.percentile(75),
		P95:    h.percentile(95),
		P99:    h.percentile(99),
		P999:   h.percentile(99.9),
		Max:    time.Duration(h.max),
	}
}
