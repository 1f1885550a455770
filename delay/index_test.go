package delay_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

func all(x *delay.Index) []delay.Due {
	var list []delay.Due
	x.After(delay.Due{At: math.MinInt64}, func(d delay.Due) bool {
		list = append(list, d)
		return true
	})
	return list
}

func TestIndexOrdersByTimeThenArrival(t *testing.T) {
	var x delay.Index
	_, ok := x.First()
	assert.False(t, ok)
	for _, d := range []delay.Due{{30, 1}, {10, 2}, {20, 3}, {10, 4}, {-5, 5}, {10, 2}} {
		x.Add(d)
	}
	assert.Equal(t, 5, x.Len(), "what is there already is not added")
	first, ok := x.First()
	assert.True(t, ok)
	assert.Equal(t, delay.Due{At: -5, Seq: 5}, first)
	assert.Equal(t, []delay.Due{{-5, 5}, {10, 2}, {10, 4}, {20, 3}, {30, 1}}, all(&x))
	assert.Equal(t, []delay.Due{{-5, 5}, {10, 2}}, x.Take(nil, 10, 2))
	assert.Equal(t, []delay.Due{{10, 4}}, x.Take(nil, 19, 100))
	assert.Empty(t, x.Take(nil, 19, 100))
	assert.True(t, x.Remove(delay.Due{At: 30, Seq: 1}))
	assert.False(t, x.Remove(delay.Due{At: 30, Seq: 1}))
	assert.Equal(t, []delay.Due{{20, 3}}, all(&x))
	x.Clear()
	assert.Zero(t, x.Len())
	assert.Empty(t, all(&x))
	assert.False(t, x.Remove(delay.Due{At: 20, Seq: 3}))
}

func TestIndexPages(t *testing.T) {
	var x delay.Index
	for i := range 100 {
		x.Add(delay.Due{At: int64(i / 7), Seq: uint64(i)})
	}
	var paged []delay.Due
	from := delay.Due{At: math.MinInt64}
	for {
		n := 0
		x.After(from, func(d delay.Due) bool {
			paged = append(paged, d)
			n++
			return n < 9
		})
		if n == 0 {
			break
		}
		from = paged[len(paged)-1]
		if len(paged)%2 == 0 {
			x.Remove(from) // where a page ends need not be there when the next begins
		}
	}
	require.Len(t, paged, 100)
	assert.True(t, slices.IsSortedFunc(paged, delay.Due.Compare))
}

func TestIndexAgainstASortedSlice(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var x delay.Index
	model := []delay.Due{} // not nil: what is taken from it is compared
	for seq := range uint64(20000) {
		switch n := r.IntN(10); {
		case n < 6:
			d := delay.Due{At: r.Int64N(1000), Seq: seq}
			x.Add(d)
			i, _ := slices.BinarySearchFunc(model, d, delay.Due.Compare)
			model = slices.Insert(model, i, d)
		case n < 8 && len(model) > 0:
			i := r.IntN(len(model))
			require.True(t, x.Remove(model[i]))
			model = slices.Delete(model, i, i+1)
		case n == 8:
			at, limit := r.Int64N(1000), r.IntN(20)
			n := 0
			for n < limit && n < len(model) && model[n].At <= at {
				n++
			}
			require.Equal(t, slices.Clone(model[:n]), append([]delay.Due{}, x.Take(nil, at, limit)...))
			model = slices.Delete(model, 0, n)
		}
		require.Equal(t, len(model), x.Len())
	}
	assert.Equal(t, model, all(&x))
}

// The memory of what waits must not depend on the order in which it came.
func TestIndexMemory(t *testing.T) {
	const n, limit = 200_000, 40
	for name, at := range map[string]func(i int) int64{
		"in order":      func(i int) int64 { return int64(i) },
		"in reverse":    func(i int) int64 { return int64(n - i) },
		"in none":       func(int) int64 { return rand.Int64() },
		"at one moment": func(int) int64 { return 1 },
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var x delay.Index
		for i := range n {
			x.Add(delay.Due{At: at(i), Seq: uint64(i)})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := float64(after.HeapAlloc-before.HeapAlloc) / n
		t.Logf("%s: %.1f bytes each", name, each)
		assert.Less(t, each, float64(limit), name)
		runtime.KeepAlive(&x)
	}
}

func BenchmarkIndexAdd(b *testing.B) {
	for name, at := range map[string]func(i int) int64{
		"inOrder": func(i int) int64 { return int64(i) },
		"random":  func(int) int64 { return rand.Int64() },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var x delay.Index
			for i := range b.N {
				x.Add(delay.Due{At: at(i), Seq: uint64(i)})
			}
		})
	}
}
