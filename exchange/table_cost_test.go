package exchange

// What tables cost, and that they can be used while they change.

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
)

// TestConcurrentRoutes is for the race detector: routing under a read lock
// while bindings change under the write lock.
func TestConcurrentRoutes(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			x := testTable(t, kind)
			bind(t, x, "a.#", amqp.Table{{Key: "h", Value: int32(1)}}, "stays")
			bind(t, x, "a.b", amqp.Table{{Key: "h", Value: int32(1)}}, "stays")
			var lock sync.RWMutex
			var wg sync.WaitGroup
			for w := range 2 {
				wg.Go(func() {
					for i := range 300 {
						d := fmt.Sprint("q", w, i%7)
						lock.Lock()
						_, err := x.Bind("a.*", amqp.Table{{Key: "h", Value: int32(i % 3)}}, d)
						assert.NoError(t, err)
						if i%5 == 0 {
							x.RemoveDest(d)
						}
						lock.Unlock()
					}
				})
				wg.Go(func() {
					m := Message{Key: "a.b", Headers: rawTable(amqp.Table{{Key: "h", Value: int64(1)}})}
					var dst []string
					for range 300 {
						lock.RLock()
						dst = x.Route(dst[:0], m)
						assert.Contains(t, dst, "stays")
						for range x.Of("stays") {
							x.Len()
						}
						lock.RUnlock()
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestRouteAllocatesNothing holds for every exchange type that looks at the
// key alone.
func TestRouteAllocatesNothing(t *testing.T) {
	for _, kind := range []string{"direct", "fanout", "topic"} {
		x := testTable(t, kind)
		for i, key := range []string{"a.b.c", "a.*.c", "#", "#.c", "a.#.c", "#.b.#", "x.y"} {
			bind(t, x, key, nil, fmt.Sprint("q", i))
		}
		dst := make([]string, 0, 16)
		allocs := testing.AllocsPerRun(100, func() { dst = x.Route(dst[:0], Message{Key: "a.b.c"}) })
		assert.Zero(t, allocs, kind)
		assert.NotEmpty(t, dst)
	}
}

// TestMemoryPerBinding: 100,000 queues with a binding each must stay cheap.
func TestMemoryPerBinding(t *testing.T) {
	const queues = 100_000
	heap := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	keys := make([]string, queues)
	dests := make([]*int, queues)
	for i := range queues {
		keys[i], dests[i] = fmt.Sprintf("q-%06d", i), new(int)
	}
	for _, tc := range []struct {
		kind string
		args func(i int) amqp.Table
		most int64
	}{
		{"direct", nil, 350},
		{"fanout", nil, 300},
		{"topic", nil, 450},
		{"headers", func(i int) amqp.Table { return amqp.Table{{Key: "id", Value: keys[i]}} }, 700},
	} {
		before := heap()
		x, _ := New[*int](tc.kind, nil)
		for i := range queues {
			var args amqp.Table
			if tc.args != nil {
				args = tc.args(i)
			}
			_, err := x.Bind(keys[i], args, dests[i])
			require.NoError(t, err)
		}
		each := (heap() - before) / queues
		t.Logf("%s: %d bytes a binding", tc.kind, each)
		assert.LessOrEqual(t, each, tc.most, tc.kind)
		runtime.KeepAlive(x)
	}
	runtime.KeepAlive(keys)
	runtime.KeepAlive(dests)
}
