package delay_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

func TestAlarmRingsAtTheInstant(t *testing.T) {
	m, l := newLog()
	a := delay.NewAlarm(m, l.note("ring"))
	a.Set(start.Add(time.Second))
	m.Advance(time.Second - 1)
	assert.Empty(t, l.lines)
	m.Advance(1)
	assert.Equal(t, []string{"ring@1s"}, l.lines)
	m.Advance(time.Hour)
	assert.Len(t, l.lines, 1, "it rings once")
	assert.Zero(t, m.Pending())
}

func TestAlarmSetAgain(t *testing.T) {
	m, l := newLog()
	a := delay.NewAlarm(m, l.note("ring"))
	a.Set(start.Add(time.Second))
	a.Set(start.Add(3 * time.Second))
	m.Advance(2 * time.Second)
	assert.Empty(t, l.lines, "it was set to ring later")
	a.Set(start.Add(2500 * time.Millisecond))
	a.Set(start.Add(2500 * time.Millisecond))
	m.Advance(time.Minute)
	assert.Equal(t, []string{"ring@2.5s"}, l.lines)
	a.Set(start) // past
	m.Advance(0)
	assert.Len(t, l.lines, 2)
	a.Set(m.Now().Add(time.Second))
	a.Stop()
	m.Advance(time.Minute)
	assert.Len(t, l.lines, 2, "it was stopped")
}

func TestAlarmYearsAhead(t *testing.T) {
	m, l := newLog()
	delay.NewAlarm(m, l.note("ring")).Set(start.Add(10 * 365 * 24 * time.Hour))
	m.Advance(10*365*24*time.Hour - 1)
	assert.Empty(t, l.lines)
	assert.Equal(t, 1, m.Pending(), "a manual clock needs no second look")
	m.Advance(1)
	assert.Len(t, l.lines, 1)
}

// A clock that is moved while an alarm is being set does not leave it behind.
func TestAlarmSetWhileTheClockMoves(t *testing.T) {
	for range 20_000 {
		m := delay.NewManual(start)
		rung := make(chan time.Time, 1)
		a := delay.NewAlarm(m, func() { rung <- m.Now() })
		var moved sync.WaitGroup
		moved.Go(func() { m.Advance(time.Second) })
		a.Set(start.Add(time.Second))
		moved.Wait()
		m.Advance(0)
		require.Zero(t, m.Pending(), "it has rung")
		assert.Equal(t, start.Add(time.Second), <-rung)
	}
}

// wallClock is a clock whose hands can be moved without its timers' noticing, as
// those of the system can.
type wallClock struct {
	delay.Real
	mu   sync.Mutex
	skew time.Duration
}

func (c *wallClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Real.Now().Add(c.skew)
}

func (c *wallClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew += d
}

func TestAlarmFollowsTheWallClock(t *testing.T) {
	for name, tc := range map[string]struct {
		jump       time.Duration
		from, till time.Duration // of real time, when it may ring
	}{
		"left alone":  {0, time.Hour, time.Hour},
		"set forward": {30 * time.Minute, 30 * time.Minute, 30*time.Minute + time.Minute},
		"set back":    {-30 * time.Minute, 90 * time.Minute, 90 * time.Minute},
		"suspended":   {24 * time.Hour, 10 * time.Minute, 11 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &wallClock{}
				began := c.Real.Now()
				rung := make(chan time.Duration, 2)
				a := delay.NewAlarm(c, func() { rung <- c.Real.Now().Sub(began) })
				a.Set(c.Now().Add(time.Hour))
				time.Sleep(10 * time.Minute)
				assert.Empty(t, rung)
				c.jump(tc.jump)
				at := <-rung
				assert.GreaterOrEqual(t, at, tc.from)
				assert.LessOrEqual(t, at, tc.till)
				time.Sleep(48 * time.Hour)
				assert.Empty(t, rung, "it rings once")
			})
		})
	}
}
