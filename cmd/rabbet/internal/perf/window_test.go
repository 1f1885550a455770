package perf

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/delay"
)

// Confirms settle what they name, once each, in whatever order they come.
func TestWindowSettles(t *testing.T) {
	watch := newStopwatch(delay.Real{})
	type confirm struct {
		tag      uint64
		multiple bool
	}
	for name, test := range map[string]struct {
		confirms []confirm
		settled  int64
	}{
		"one by one":      {[]confirm{{1, false}, {2, false}, {3, false}}, 3},
		"multiple":        {[]confirm{{5, true}}, 5},
		"out of order":    {[]confirm{{3, false}, {1, false}, {2, false}}, 3},
		"multiple after":  {[]confirm{{3, false}, {4, true}}, 4},
		"the same twice":  {[]confirm{{2, false}, {2, false}}, 1},
		"all":             {[]confirm{{0, true}}, 10},
		"never published": {[]confirm{{11, false}, {99, true}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWindow(10)
			assert.Equal(t, 10, w.acquire(25, watch), "no more than the window")
			for _, c := range test.confirms {
				w.confirm(c.tag, c.multiple, false, watch.now())
			}
			settled, nacked := w.counts()
			assert.Equal(t, test.settled, settled)
			assert.Zero(t, nacked)
			var h histogram
			w.takeLatency(&h)
			assert.EqualValues(t, test.settled, h.count())
			if test.settled > 0 {
				assert.EqualValues(t, test.settled, w.acquire(25, watch), "what is settled makes room")
			}
		})
	}
}

// While the oldest publish stays unconfirmed the ring of send times must not
// be overrun, however many later ones are confirmed.
func TestWindowWaitsForAStraggler(t *testing.T) {
	watch := newStopwatch(delay.Real{})
	w := newWindow(2)
	tag := uint64(w.acquire(1, watch)) // the straggler
	for int(w.next-w.low) < len(w.times) {
		tag += uint64(w.acquire(1, watch))
		w.confirm(tag, false, false, watch.now())
	}
	assert.Equal(t, 1, w.open, "the window itself has room")
	got := make(chan uint64)
	go func() {
		w.acquire(1, watch)
		w.mu.Lock()
		defer w.mu.Unlock()
		got <- w.low
	}()
	w.confirm(1, false, true, watch.now())
	assert.Greater(t, <-got, uint64(1), "it waited for the straggler")
	_, nacked := w.counts()
	assert.EqualValues(t, 1, nacked)
}

func TestClosedWindowLetsNothingThrough(t *testing.T) {
	w := newWindow(1)
	watch := newStopwatch(delay.Real{})
	assert.Equal(t, 1, w.acquire(1, watch))
	got := make(chan int)
	go func() { got <- w.acquire(1, watch) }()
	w.close()
	assert.Zero(t, <-got)
	w.drain() // must not block
}
