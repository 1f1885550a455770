// The manual clock: virtual time that moves only when it is told to, and runs
// what falls due on the way, in order, before it returns.

package delay

import (
	"container/heap"
	"sync"
	"time"
)

// Manual is a Clock that stands still until Advance or SetTime moves it.
// Every timer that falls due on the way is fired in order of its due time, and
// of its creation among equals; while a callback runs, Now is that timer's due
// time. Callbacks run one after another, without any lock held, so they may
// use the clock as they like, save that they must not move it: Advance and
// SetTime wait for callbacks in progress, and a callback would wait for itself.
//
// A timer scheduled with no delay is due at once, as with Real: it fires on a
// goroutine of its own without waiting for the clock to move.
//
// A Manual is safe for concurrent use. Its zero value stands at the zero time;
// use NewManual to start elsewhere.
type Manual struct {
	mu      sync.Mutex
	idle    *sync.Cond // signalled when firing ends; made on first use
	now     time.Time
	due     timerHeap
	created uint64 // orders timers that fall due at the same instant
	firing  bool   // somebody is running what has fallen due
}

var _ Clock = (*Manual)(nil)

// NewManual returns a clock that shows start.
func NewManual(start time.Time) *Manual {
	return &Manual{now: start.Round(0)} // no monotonic reading: virtual time is all there is
}

// Now is the virtual time.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// AfterFunc calls f once, when the clock has moved d from now. A d of zero or
// less is due at once.
func (m *Manual) AfterFunc(d time.Duration, f func()) Timer {
	t := &manualTimer{clock: m, f: f, index: unscheduled}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.schedule(t, d)
	return t
}

// Advance moves the clock by d and returns when every timer that fell due,
// those that callbacks created on the way included, has been fired and its
// callback has returned. Advance(0) waits for callbacks already in progress.
// A negative d moves the clock back, see SetTime.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.await()
	m.fire(m.now.Add(d))
}

// SetTime moves the clock to t as Advance does. Moving it back fires nothing:
// pending timers keep the instant at which they are due.
func (m *Manual) SetTime(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.await()
	m.fire(t.Round(0))
}

// Pending is the number of timers that are scheduled and have not fired.
func (m *Manual) Pending() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.due)
}

// NextDue is the earliest instant at which a timer is due; false means that
// none is scheduled.
func (m *Manual) NextDue() (time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.due) == 0 {
		return time.Time{}, false
	}
	return m.due[0].due, true
}

// schedule makes t due d from now. The lock is held.
func (m *Manual) schedule(t *manualTimer, d time.Duration) {
	t.due = m.now.Add(max(d, 0))
	t.created = m.created
	m.created++
	heap.Push(&m.due, t)
	if d <= 0 && !m.firing {
		m.firing = true // here, so that an Advance that follows waits for it
		go func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.fire(m.now)
		}()
	}
}

// await returns, with the lock held, once nobody fires timers.
func (m *Manual) await() {
	if m.idle == nil {
		m.idle = sync.NewCond(&m.mu)
	}
	for m.firing {
		m.idle.Wait()
	}
}

// fire moves the clock to target, running what falls due on the way. The lock
// is held, save while a callback runs.
func (m *Manual) fire(target time.Time) {
	m.firing = true
	defer func() { // also if a callback panics
		m.firing = false
		if m.idle != nil {
			m.idle.Broadcast()
		}
	}()
	for len(m.due) > 0 && !m.due[0].due.After(target) {
		t := heap.Pop(&m.due).(*manualTimer)
		if t.due.After(m.now) { // else the clock has been moved back since
			m.now = t.due
		}
		m.call(t.f)
	}
	m.now = target
}

// call runs f without the lock and takes it again, even if f panics.
func (m *Manual) call(f func()) {
	m.mu.Unlock()
	defer m.mu.Lock()
	f()
}

// unscheduled is the heap index of a timer that is not in the heap.
const unscheduled = -1

// manualTimer is a Timer of a Manual; the clock's lock guards it.
type manualTimer struct {
	clock   *Manual
	f       func()
	due     time.Time
	created uint64
	index   int
}

func (t *manualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.unschedule()
}

func (t *manualTimer) Reset(d time.Duration) bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	pending := t.unschedule()
	t.clock.schedule(t, d)
	return pending
}

// unschedule takes t out of the heap and reports whether it was there.
func (t *manualTimer) unschedule() bool {
	if t.index == unscheduled {
		return false
	}
	heap.Remove(&t.clock.due, t.index)
	return true
}

// timerHeap implements heap.Interface: earliest first, then first created.
type timerHeap []*manualTimer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if c := h[i].due.Compare(h[j].due); c != 0 {
		return c < 0
	}
	return h[i].created < h[j].created
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*manualTimer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = unscheduled
	return t
}
