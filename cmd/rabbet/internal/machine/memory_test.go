package machine

import (
	"math"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/stretchr/testify/assert"
)

func TestMemory(t *testing.T) {
	assert.Positive(t, Memory())
	is := func(n uint64) memlimit.Provider { return func() (uint64, error) { return n, nil } }
	isNot := func(err error) memlimit.Provider { return func() (uint64, error) { return 0, err } }
	assert.Equal(t, int64(512), least(is(8192), is(512)), "in a container")
	assert.Equal(t, int64(8192), least(is(8192), is(65536)), "the limit is above what there is")
	assert.Equal(t, int64(8192), least(is(8192), isNot(memlimit.ErrNoLimit)))
	assert.Equal(t, int64(8192), least(is(8192), isNot(memlimit.ErrNoCgroup)))
	assert.Equal(t, int64(8192), least(is(8192), is(math.MaxUint64)))
	assert.Zero(t, least(isNot(memlimit.ErrNoLimit)))
}
