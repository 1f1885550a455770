package exchange

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRingAgainstAList lets members join and leave at random, and checks every bucket
// against a plain list of them.
func TestRingAgainstAList(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var r ring[string]
		var list []string
		for i := range 300 {
			key := fmt.Sprint("m", rnd.IntN(60))
			if r.has(key) {
				r.leave(key)
				list = slices.DeleteFunc(list, func(s string) bool { return s == key })
			} else {
				weight := 1 + rnd.IntN(9)
				r.join(key, int64(weight))
				list = append(list, slices.Repeat([]string{key}, weight)...)
			}
			r.leave("stranger")
			require.EqualValues(t, len(list), r.buckets, "seed %d step %d", seed, i)
			for bucket, key := range list {
				require.Equal(t, key, r.at(int64(bucket)), "seed %d step %d bucket %d", seed, i, bucket)
			}
		}
	}
}

func TestRingGivesMemoryBack(t *testing.T) {
	var r ring[int]
	for i := range 1000 {
		r.join(i, 5)
	}
	for i := range 990 {
		r.leave(i)
	}
	require.LessOrEqual(t, len(r.members), 20)
	require.Equal(t, 999, r.at(49))
	for i := range 1000 {
		r.leave(i)
	}
	require.Zero(t, r)
}
