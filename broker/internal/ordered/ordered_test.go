package ordered_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/internal/ordered"
)

func TestSetIsAListWithoutRepeats(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		members := 1 + rnd.IntN(100)
		var s ordered.Set[int]
		var want []int
		for range 2000 {
			v := 1 + rnd.IntN(members)
			i := slices.Index(want, v)
			if rnd.IntN(2) == 0 {
				require.Equal(t, i < 0, s.Add(v))
				if i < 0 {
					want = append(want, v)
				}
			} else {
				require.Equal(t, i >= 0, s.Remove(v))
				if i >= 0 {
					want = slices.Delete(want, i, i+1)
				}
			}
			require.Equal(t, len(want), s.Len())
		}
		require.Equal(t, want, append(want[:0:0], slices.Collect(s.All())...))
		require.Equal(t, len(want), len(s.Take()))
		require.Zero(t, s.Len())
	}
}
