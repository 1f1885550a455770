package delay_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/delay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// log collects what callbacks saw, as offsets from start.
type log struct {
	clock *delay.Manual
	mu    sync.Mutex
	lines []string
}

func (l *log) note(name string) func() {
	return func() {
		at := l.clock.Now().Sub(start)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, fmt.Sprintf("%s@%v", name, at))
	}
}

func newLog() (*delay.Manual, *log) {
	m := delay.NewManual(start)
	return m, &log{clock: m}
}

func TestManualStandsStill(t *testing.T) {
	m, l := newLog()
	m.AfterFunc(time.Nanosecond, l.note("a"))
	assert.Equal(t, start, m.Now())
	m.Advance(0)
	assert.Empty(t, l.lines)
	assert.Equal(t, start, m.Now())
}

func TestManualFiresInOrder(t *testing.T) {
	m, l := newLog()
	m.AfterFunc(3*time.Second, l.note("c"))
	m.AfterFunc(time.Second, l.note("a1"))
	m.AfterFunc(2*time.Second, l.note("b"))
	m.AfterFunc(time.Second, l.note("a2"))
	m.AfterFunc(5*time.Second, l.note("later"))
	m.Advance(4 * time.Second)
	assert.Equal(t, []string{"a1@1s", "a2@1s", "b@2s", "c@3s"}, l.lines,
		"by due time, then creation, each seeing its own due time")
	assert.Equal(t, start.Add(4*time.Second), m.Now())
	assert.Equal(t, 1, m.Pending())
}

func TestManualFiresAtTheExactInstant(t *testing.T) {
	m, l := newLog()
	m.AfterFunc(time.Second, l.note("a"))
	m.Advance(time.Second - 1)
	assert.Empty(t, l.lines)
	m.Advance(1)
	assert.Equal(t, []string{"a@1s"}, l.lines)
	m.Advance(time.Hour)
	assert.Len(t, l.lines, 1, "a timer fires once")
}

func TestManualFiresTimersOfCallbacks(t *testing.T) {
	m, l := newLog()
	m.AfterFunc(time.Second, func() {
		l.note("outer")()
		m.AfterFunc(time.Second, l.note("inner"))
		m.AfterFunc(0, l.note("at once"))
		m.AfterFunc(-time.Hour, l.note("overdue"))
		m.AfterFunc(time.Minute, l.note("beyond"))
	})
	m.AfterFunc(1500*time.Millisecond, l.note("between"))
	m.Advance(3 * time.Second)
	assert.Equal(t, []string{"outer@1s", "at once@1s", "overdue@1s", "between@1.5s", "inner@2s"}, l.lines)
	assert.Equal(t, 1, m.Pending())
}

func TestManualTickerByReset(t *testing.T) {
	m := delay.NewManual(start)
	var ticks int
	var timer delay.Timer
	timer = m.AfterFunc(time.Second, func() {
		ticks++
		assert.False(t, timer.Reset(time.Second), "the timer has fired")
	})
	m.Advance(time.Minute)
	assert.Equal(t, 60, ticks)
}

func TestManualDueAtOnceNeedsNoAdvance(t *testing.T) {
	m := delay.NewManual(start)
	for _, d := range []time.Duration{0, -time.Second} {
		done := make(chan time.Time)
		m.AfterFunc(d, func() { done <- m.Now() })
		assert.Equal(t, start, <-done)
	}
}

func TestManualAdvanceWaitsForCallbacksInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := delay.NewManual(start)
		release, advanced := make(chan struct{}), make(chan struct{})
		m.AfterFunc(0, func() { <-release })
		go func() {
			m.Advance(time.Second)
			close(advanced)
		}()
		synctest.Wait()
		select {
		case <-advanced:
			t.Error("Advance returned while a callback was running")
		default:
		}
		close(release)
		<-advanced
		assert.Equal(t, start.Add(time.Second), m.Now())
	})
}

func TestManualConcurrentAdvancesAddUp(t *testing.T) {
	m := delay.NewManual(start)
	var fired atomic.Int64
	for i := range 1000 {
		m.AfterFunc(time.Duration(i)*time.Millisecond, func() { fired.Add(1) })
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 10 {
				m.Advance(10 * time.Millisecond)
			}
		})
		wg.Go(func() {
			for range 100 {
				m.AfterFunc(time.Hour, func() { fired.Add(1) }).Stop()
				m.Pending()
				m.NextDue()
			}
		})
	}
	wg.Wait()
	assert.Equal(t, start.Add(time.Second), m.Now())
	assert.EqualValues(t, 1000, fired.Load())
	assert.Zero(t, m.Pending())
}

func TestManualStop(t *testing.T) {
	m, l := newLog()
	timer := m.AfterFunc(time.Second, l.note("a"))
	other := m.AfterFunc(time.Second, l.note("b"))
	assert.True(t, timer.Stop(), "prevented the call")
	assert.False(t, timer.Stop(), "was stopped before")
	m.Advance(time.Second)
	assert.Equal(t, []string{"b@1s"}, l.lines)
	assert.False(t, other.Stop(), "the call has been made")
}

func TestManualStopDuringAdvance(t *testing.T) {
	m, l := newLog()
	var second delay.Timer
	m.AfterFunc(time.Second, func() { assert.True(t, second.Stop()) })
	second = m.AfterFunc(time.Second, l.note("second"))
	m.Advance(time.Second)
	assert.Empty(t, l.lines)
}

func TestManualReset(t *testing.T) {
	m, l := newLog()
	a := m.AfterFunc(time.Second, l.note("a"))
	m.AfterFunc(2*time.Second, l.note("b"))
	assert.True(t, a.Reset(2*time.Second), "was pending")
	m.Advance(2 * time.Second)
	assert.Equal(t, []string{"b@2s", "a@2s"}, l.lines, "rescheduled behind b")
	assert.False(t, a.Reset(time.Second), "had fired")
	m.Advance(time.Second)
	assert.Equal(t, "a@3s", l.lines[2])
}

func TestManualSetTime(t *testing.T) {
	m, l := newLog()
	m.AfterFunc(time.Second, l.note("a"))
	m.SetTime(start.Add(-time.Hour))
	assert.Equal(t, start.Add(-time.Hour), m.Now())
	assert.Empty(t, l.lines)

	m.SetTime(start.Add(time.Minute))
	assert.Equal(t, []string{"a@1s"}, l.lines, "due at its instant, whatever the clock did meanwhile")
	assert.Equal(t, start.Add(time.Minute), m.Now())
}

func TestManualNextDue(t *testing.T) {
	m := delay.NewManual(start)
	_, ok := m.NextDue()
	assert.False(t, ok)
	m.AfterFunc(time.Minute, func() {})
	soon := m.AfterFunc(time.Second, func() {})
	due, ok := m.NextDue()
	require.True(t, ok)
	assert.Equal(t, start.Add(time.Second), due)
	soon.Stop()
	due, _ = m.NextDue()
	assert.Equal(t, start.Add(time.Minute), due)
}

func TestManualSurvivesAPanic(t *testing.T) {
	m, l := newLog()
	m.AfterFunc(time.Second, func() { panic("callback") })
	m.AfterFunc(2*time.Second, l.note("b"))
	assert.PanicsWithValue(t, "callback", func() { m.Advance(time.Minute) })
	assert.Equal(t, start.Add(time.Second), m.Now())
	m.Advance(time.Second)
	assert.Equal(t, []string{"b@2s"}, l.lines)
}

func TestManualZeroValue(t *testing.T) {
	var m delay.Manual
	fired := false
	m.AfterFunc(time.Second, func() { fired = true })
	m.Advance(time.Second)
	assert.True(t, fired)
	assert.Equal(t, time.Time{}.Add(time.Second), m.Now())
}
