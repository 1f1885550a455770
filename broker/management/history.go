package management

import "math"

// A retention says how often samples are taken and how many are kept.
type retention struct {
	step int64 // seconds
	keep int
}

// RabbitMQ's retentions: of what belongs to the whole broker, of single objects, and of
// what is seen in lists alone, where the newest rate is all that shows.
var (
	globalRetention = []retention{{5, 121}, {60, 61}, {600, 49}, {1800, 48}}
	basicRetention  = []retention{{5, 121}, {60, 61}}
	latestRetention = []retention{{5, 2}}
)

// A history is samples of some figures of one object, counters or gauges. It takes four
// bytes a sample and figure: of counters it keeps what was added between two samples.
type history struct {
	gauges span // those of the figures that are gauges
	width  int  // how many figures there are
	tiers  []tier
}

// A span is the figures from one up to another, which is not among them.
type span struct{ from, to int }

func (s span) has(figure int) bool { return figure >= s.from && figure < s.to }

// A tier is the samples of one retention, in a ring.
type tier struct {
	retention
	slot   int64 // of the newest sample: its time divided by step
	count  int   // samples that are there
	newest int   // index of the newest
	ring   []uint32
	last   []uint64 // the figures of the newest sample
}

func newHistory(gauges span, width int, retentions []retention) *history {
	h := &history{gauges: gauges, width: width, tiers: make([]tier, len(retentions))}
	for i, r := range retentions {
		h.tiers[i] = tier{retention: r, ring: make([]uint32, r.keep*width), last: make([]uint64, width)}
	}
	return h
}

// record takes a sample of the figures at a time in seconds. A second sample for the
// same slot is left out.
func (h *history) record(now int64, figures []uint64) {
	for i := range h.tiers {
		t := &h.tiers[i]
		slot := now / t.step
		if t.count == 0 {
			t.slot, t.count = slot, 1
			t.write(h.gauges, figures, figures)
			continue
		}
		if slot <= t.slot {
			continue
		}
		for missed := min(slot-t.slot-1, int64(t.keep)); missed > 0; missed-- {
			t.advance()
			t.write(h.gauges, t.last, t.last)
		}
		t.slot = slot
		t.advance()
		t.write(h.gauges, figures, t.last)
	}
}

func (t *tier) advance() {
	t.newest = (t.newest + 1) % t.keep
	t.count = min(t.count+1, t.keep)
}

// write fills the newest sample. A counter that has gone back began anew.
func (t *tier) write(gauges span, figures, before []uint64) {
	sample := t.ring[t.newest*len(t.last):][:len(t.last)]
	for i, v := range figures {
		if !gauges.has(i) {
			if v >= before[i] {
				v -= before[i]
			}
		}
		sample[i] = uint32(min(v, math.MaxUint32))
	}
	copy(t.last, figures)
}

// rate is what a figure has gained a second between the two newest samples. It is
// negative for a gauge that falls.
func (h *history) rate(figure int, now int64) float64 {
	t := &h.tiers[0]
	if t.count < 2 || now/t.step-t.slot > 1 {
		return 0
	}
	newest := t.at(0, figure)
	if !h.gauges.has(figure) {
		return float64(newest) / float64(t.step)
	}
	return (float64(newest) - float64(t.at(1, figure))) / float64(t.step)
}

// at is what the ring has for a figure, so many samples ago.
func (t *tier) at(ago, figure int) uint32 {
	i := (t.newest - ago + t.keep) % t.keep
	return t.ring[i*len(t.last)+figure]
}

// A window is a range of time that samples are asked for, in seconds.
type window struct{ last, age, step int64 }

// samples are a figure's values in a window, the newest first. What is before the first
// sample has the value of that.
func (h *history) samples(figure int, w window) []uint64 {
	t := h.tierFor(w)
	values := t.values(figure, !h.gauges.has(figure))
	list := make([]uint64, 0, w.age/w.step+1)
	for at := w.last; at >= w.last-w.age; at -= w.step {
		ago := t.slot - at/t.step
		if len(values) == 0 {
			list = append(list, 0)
			continue
		}
		list = append(list, values[max(0, min(ago, int64(len(values)-1)))])
	}
	return list
}

// tierFor is the finest tier that reaches as far as a window, or else the longest.
func (h *history) tierFor(w window) *tier {
	for i := range h.tiers {
		if t := &h.tiers[i]; t.step*int64(t.keep) > w.age {
			return t
		}
	}
	return &h.tiers[len(h.tiers)-1]
}

// values are all that is kept of a figure, the newest first.
func (t *tier) values(figure int, counter bool) []uint64 {
	values := make([]uint64, t.count)
	v := t.last[figure]
	for ago := range values {
		if !counter {
			values[ago] = uint64(t.at(ago, figure))
			continue
		}
		values[ago] = v
		v -= min(v, uint64(t.at(ago, figure)))
	}
	return values
}
