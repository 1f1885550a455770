package delay_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/delay"
)

func TestWait(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		d    time.Duration
		want error
	}{
		{"nothing to wait for", context.Background(), 0, nil},
		{"negative", context.Background(), -time.Hour, nil},
		{"context already done", cancelled, time.Hour, context.Canceled},
		{"context done and nothing to wait for", cancelled, 0, context.Canceled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := delay.NewManual(start)
			assert.ErrorIs(t, delay.Wait(tc.ctx, m, tc.d), tc.want)
			assert.Zero(t, m.Pending())
		})
	}
}

func TestWaitFollowsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := delay.NewManual(start)
		result := make(chan error, 1)
		go func() { result <- delay.Wait(t.Context(), m, time.Minute) }()
		synctest.Wait()
		m.Advance(time.Minute - 1)
		synctest.Wait()
		assert.Empty(t, result)
		m.Advance(1)
		assert.NoError(t, <-result)
	})
}

func TestWaitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := delay.NewManual(start)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- delay.Wait(ctx, m, time.Minute) }()
		synctest.Wait()
		assert.Equal(t, 1, m.Pending())
		cancel()
		assert.ErrorIs(t, <-result, context.Canceled)
		assert.Zero(t, m.Pending(), "its timer is gone")
	})
}

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // Real's time is virtual in here
		began := delay.Real{}.Now()
		calls := 0
		err := delay.Poll(t.Context(), delay.Real{}, time.Second, func() bool { calls++; return calls == 4 })
		assert.NoError(t, err)
		assert.Equal(t, 4, calls)
		assert.Equal(t, 3*time.Second, delay.Real{}.Now().Sub(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = delay.Poll(ctx, delay.Real{}, 0, func() bool { return false })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
