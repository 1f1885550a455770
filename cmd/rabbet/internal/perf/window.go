// The window of unconfirmed publishes of one producer, and the latency of its
// confirms.

package perf

import (
	"math/bits"
	"sync"
)

type window struct {
	mu       sync.Mutex
	changed  sync.Cond // the window has room, or is closed, or empty
	size     int
	open     int    // published and not confirmed
	low      uint64 // the oldest delivery tag not confirmed
	next     uint64 // the next delivery tag
	times    []int64
	settled  int64
	nacked   int64
	latency  histogram // since it was last taken
	shutdown bool
}

// newWindow allows size unconfirmed publishes.
func newWindow(size int) *window {
	// Confirms may come out of order; the ring of send times lets the span of
	// tags grow to several times the window.
	w := &window{size: size, low: 1, next: 1, times: make([]int64, 1<<bits.Len(uint(4*size)))}
	w.changed.L = &w.mu
	return w
}

// resize allows so many, up to the size that the window was made with.
func (w *window) resize(size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.size = size
}

func (w *window) slot(tag uint64) *int64 { return &w.times[tag&uint64(len(w.times)-1)] }

// acquire waits for room and takes it for up to n publishes that are sent now.
// It returns 0 once the window is closed.
func (w *window) acquire(n int, watch stopwatch) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if w.shutdown {
			return 0
		}
		if room := min(w.size-w.open, len(w.times)-int(w.next-w.low)); room > 0 {
			n = min(n, room)
			break
		}
		w.changed.Wait()
	}
	now := watch.now()
	for range n {
		*w.slot(w.next) = now
		w.next++
	}
	w.open += n
	return n
}

// confirm notes a confirm. A tag of 0 with multiple stands for all.
func (w *window) confirm(tag uint64, multiple, nack bool, now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if tag == 0 && multiple {
		tag = w.next - 1
	}
	if tag < w.low || tag >= w.next {
		return
	}
	first := tag
	if multiple {
		first = w.low
	}
	before := w.open
	for ; first <= tag; first++ {
		if sent := w.slot(first); *sent != 0 {
			w.latency.record(now - *sent)
			*sent = 0
			w.open--
		}
	}
	for w.low < w.next && *w.slot(w.low) == 0 {
		w.low++
	}
	w.settled += int64(before - w.open)
	if nack {
		w.nacked += int64(before - w.open)
	}
	w.changed.Broadcast()
}

// close wakes who waits and lets nothing more through.
func (w *window) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shutdown = true
	w.changed.Broadcast()
}

// drain waits until all is confirmed, or the window closed.
func (w *window) drain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.open > 0 && !w.shutdown {
		w.changed.Wait()
	}
}

// counts returns how many publishes have been confirmed, of which refused.
func (w *window) counts() (settled, nacked int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settled, w.nacked
}

// takeLatency moves what was recorded into h.
func (w *window) takeLatency(h *histogram) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.add(&w.latency)
	w.latency.reset()
}
