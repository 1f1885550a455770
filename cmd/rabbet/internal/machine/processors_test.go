package machine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/delay"
)

// A load is a process of eight processors that does what the test says.
type load struct {
	*Processors
	clock *delay.Manual
	spent time.Duration
	least int
	told  []int
}

func newLoad() *load {
	l := &load{clock: delay.NewManual(time.Unix(0, 0)), least: 1}
	l.Processors = &Processors{
		clock: l.clock, most: 8, used: func() time.Duration { return l.spent }, least: func() int { return l.least },
		set: func(int) {}, log: func(n int) { l.told = append(l.told, n) },
	}
	l.start()
	return l
}

// uses lets the process use so many processors, or all that it has, for a while.
func (l *load) uses(processors float64, d time.Duration) {
	for d > 0 {
		step := min(d, l.interval())
		d -= step
		l.clock.Advance(step)
		l.spent += time.Duration(float64(step) * min(processors, float64(l.now)))
		l.look()
	}
}

func TestProcessorsFollowTheLoad(t *testing.T) {
	l := newLoad()
	assert.Equal(t, 1, l.now, "it begins with one")
	l.uses(0.5, time.Minute)
	assert.Equal(t, 1, l.now)
	l.uses(8, 200*time.Millisecond)
	assert.Equal(t, 4, l.now)
	l.uses(8, 200*time.Millisecond)
	assert.Equal(t, 8, l.now)
	l.uses(3, time.Minute)
	assert.Equal(t, 5, l.now, "three of four would be more than 70 %")
	l.uses(0, time.Minute)
	assert.Equal(t, 1, l.now)
	assert.Equal(t, []int{1, 2, 4, 8, 7, 6, 5, 4, 3, 2, 1}, l.told)
}

func TestProcessorsIgnoreAMoment(t *testing.T) {
	l := newLoad()
	for range 100 {
		l.uses(1, 20*time.Millisecond)
		l.uses(0, 300*time.Millisecond)
	}
	assert.Equal(t, []int{1}, l.told)
}

func TestProcessorsHaveAFloor(t *testing.T) {
	l := newLoad()
	l.least = 2
	l.uses(0.1, time.Second)
	assert.Equal(t, 2, l.now, "at the next look, without a load")
	l.least = 1
	l.uses(0.1, time.Second)
	assert.Equal(t, 1, l.now)
	l.least = 100
	l.uses(0.1, time.Second)
	assert.Equal(t, 8, l.now, "there are no more")
}
