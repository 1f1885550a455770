package exchange

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What Erlang/OTP 25 says of these.
func TestPhash2IsErlangs(t *testing.T) {
	for s, want := range map[string]uint32{
		"": 13708901, "a": 112802447, "b": 17711093, "d": 109142861, "e": 2993861, "key0": 12473813,
		"key1": 124145142, "order.created": 41994547, "0123456789abc": 67923675,
	} {
		assert.Equal(t, want, phash2(s), s)
		assert.Equal(t, want, phash2([]byte(s)), s)
	}
}

// CHASH-8: the buckets of some hashes among 2, 3, 4, 7, 10, 100, 1,000 and 65,536, as
// Erlang/OTP 25 computes them.
func TestJumpHashIsRabbitMQs(t *testing.T) {
	sizes := []int64{2, 3, 4, 7, 10, 100, 1000, 65536}
	for k, want := range map[int64][]int64{
		0: {0, 0, 3, 4, 4, 47, 807, 64444}, 1: {0, 2, 3, 3, 3, 29, 856, 856}, 42: {1, 1, 3, 6, 6, 6, 6, 61166},
		-1: {0, 2, 2, 6, 6, 74, 220, 46231}, -5: {0, 2, 2, 2, 2, 69, 69, 20359}, 1000: {0, 0, 0, 0, 0, 84, 762, 60392},
		1 << 32: {0, 0, 3, 4, 4, 47, 807, 64444}, math.MaxInt64: {0, 2, 2, 6, 6, 74, 220, 46231},
		math.MinInt64: {0, 0, 3, 4, 4, 47, 807, 64444}, 112802447: {1, 1, 1, 6, 6, 47, 47, 59500},
		13708901: {0, 0, 0, 6, 9, 45, 161, 14052}, 45914356: {1, 1, 1, 1, 1, 39, 491, 45344},
	} {
		for i, n := range sizes {
			assert.Equal(t, want[i], jumpHash(uint64(k), n), "key %d, %d buckets", k, n)
		}
		assert.Zero(t, jumpHash(uint64(k), 1))
	}
}

// With as many buckets as there may be the hash stays within them.
func TestJumpHashOfManyBuckets(t *testing.T) {
	for k := range uint64(1000) {
		const n = 1 << 52
		got := jumpHash(k, n)
		assert.GreaterOrEqual(t, got, int64(0))
		assert.Less(t, got, int64(n))
	}
}
