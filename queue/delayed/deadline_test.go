package delayed

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What former versions wrote counts microseconds, and is read as that; times that leave no
// room for nanoseconds are never early.
func TestDeadlines(t *testing.T) {
	old := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	assert.Equal(t, old.UnixNano(), fromDeadline(old.UnixMicro()))
	for _, at := range []int64{0, 1, 999, old.UnixNano() + 1, math.MaxInt64 - inNanos - 1} {
		assert.Equal(t, at, fromDeadline(toDeadline(at)))
	}
	for _, at := range []int64{math.MaxInt64 - inNanos, math.MaxInt64 - 1_000_000, -1, -1001} {
		assert.GreaterOrEqual(t, fromDeadline(toDeadline(at)), at)
		assert.Less(t, fromDeadline(toDeadline(at)), at+2000)
	}
}
