package dedup

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClock() *delay.Manual { return delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)) }

func add(c *Cache, key Key) bool {
	_, added := c.Add(key, 0)
	return added
}

func TestSameValueOnce(t *testing.T) {
	c := New(Config{Clock: newClock(), Size: 10})
	assert.True(t, add(c, "a"))
	assert.False(t, add(c, "a"))
	assert.True(t, add(c, "b"))
	assert.True(t, c.Has("a"))
	assert.False(t, c.Has("c"))
}

// DEDUP-5: an entry's own time to live goes before the cache's.
func TestTimeToLive(t *testing.T) {
	clock := newClock()
	c := New(Config{Clock: clock, Size: 10, TTL: time.Minute})
	_, _ = c.Add("short", time.Second)
	_, _ = c.Add("long", time.Hour)
	add(c, "plain")
	clock.Advance(time.Second)
	assert.Equal(t, []bool{false, true, true}, []bool{c.Has("short"), c.Has("long"), c.Has("plain")})
	assert.True(t, add(c, "short"), "it may come again")
	clock.Advance(time.Minute)
	assert.True(t, add(c, "plain"))
	assert.False(t, add(c, "long"))
}

// The oldest go when there are too many, or too large ones.
func TestLimits(t *testing.T) {
	c := New(Config{Clock: newClock(), Size: 3, MaxBytes: 2000})
	for i := range 10 {
		assert.True(t, add(c, Key(fmt.Sprint(i))))
	}
	n, _ := c.Stats()
	assert.Equal(t, 3, n)
	assert.True(t, c.Has("7") && c.Has("9") && !c.Has("6"))
	add(c, Key(strings.Repeat("x", 1700)))
	n, bytes := c.Stats()
	assert.Equal(t, 2, n)
	assert.LessOrEqual(t, bytes, int64(2000))
	add(c, Key(strings.Repeat("y", 5000)))
	n, _ = c.Stats()
	assert.Equal(t, 1, n, "the newest stays, whatever its size")
}

func TestForget(t *testing.T) {
	c := New(Config{Clock: newClock(), Size: 2})
	a, _ := c.Add("a", 0)
	a.Forget()
	a.Forget()
	assert.True(t, add(c, "a"), "a publish that was refused may come again")
	a.Forget()
	assert.True(t, c.Has("a"), "what came after is another's")
	c.Clear()
	n, bytes := c.Stats()
	assert.Zero(t, n)
	assert.Zero(t, bytes)
}

// DEDUP-3, DEDUP-4: the type counts, the width of integers does not.
func TestKeys(t *testing.T) {
	key := func(v any) Key {
		k, ok := KeyOf(amqp.RawTable(amqp.AppendTable(nil, amqp.Table{{Key: Header, Value: v}})[4:]))
		require.True(t, ok, "%v", v)
		return k
	}
	values := []any{"1", int32(1), 1.0, true, false, nil, "", "l", int64(-1)}
	for i, v := range values {
		for j, w := range values {
			assert.Equal(t, i == j, key(v) == key(w), "%v and %v", v, w)
		}
	}
	assert.Equal(t, key(int8(1)), key(int64(1)))
	assert.Equal(t, key(float32(1.5)), key(1.5))
	for _, v := range []any{amqp.Table{}, amqp.Array{}} {
		_, ok := KeyOf(amqp.RawTable(amqp.AppendTable(nil, amqp.Table{{Key: Header, Value: v}})[4:]))
		assert.False(t, ok)
	}
	_, ok := KeyOf(nil)
	assert.False(t, ok)
	ttl, ok := TTLOf(amqp.RawTable(amqp.AppendTable(nil, amqp.Table{{Key: TTLHeader, Value: int32(1500)}})[4:]))
	assert.True(t, ok)
	assert.Equal(t, 1500*time.Millisecond, ttl)
	_, ok = TTLOf(amqp.RawTable(amqp.AppendTable(nil, amqp.Table{{Key: TTLHeader, Value: "1"}})[4:]))
	assert.False(t, ok)
}

// DEDUP-6: with a store the entries survive.
func TestRestart(t *testing.T) {
	dir, clock := t.TempDir(), newClock()
	open := func() (*store.Store, *Cache) {
		st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		c := New(Config{Clock: clock, Size: 100, TTL: time.Hour, Store: st, ID: 7 << 8})
		require.NoError(t, c.Recover())
		return st, c
	}
	st, c := open()
	for i := range 150 {
		add(c, Key(fmt.Sprint(i)))
	}
	taken, _ := c.Add("taken back", 0)
	taken.Forget()
	_, _ = c.Add("short", time.Minute)
	require.NoError(t, st.Close())
	clock.Advance(2 * time.Minute)
	st, c = open()
	n, _ := c.Stats()
	assert.Equal(t, 99, n)
	assert.False(t, add(c, "149"))
	assert.True(t, add(c, "0"))
	assert.True(t, add(c, "short"))
	assert.False(t, c.Has("taken back"))
	c.Clear()
	require.NoError(t, st.Close())
	st, c = open()
	n, _ = c.Stats()
	assert.Zero(t, n)
	require.NoError(t, st.Close())
}

func TestConcurrentPublishers(t *testing.T) {
	c := New(Config{Clock: newClock(), Size: 10_000})
	var wg sync.WaitGroup
	var mu sync.Mutex
	first := 0
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				if add(c, Key(fmt.Sprint(i))) {
					mu.Lock()
					first++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 1000, first)
}

func BenchmarkAdd(b *testing.B) {
	c := New(Config{Clock: delay.Real{}, Size: 100_000})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		add(c, Key(fmt.Sprint("order-", i)))
		i++
	}
}

// What has a number is forgotten by it, unless something else has taken its place.
func TestNumbers(t *testing.T) {
	clock := newClock()
	c := New(Config{Clock: clock, Size: 2, Numbered: true})
	assert.True(t, c.AddAs(7, "a", time.Second))
	assert.False(t, c.AddAs(8, "a", 0))
	c.Forget(8)
	assert.True(t, c.Has("a"))
	clock.Advance(time.Second)
	assert.True(t, c.AddAs(9, "a", 0))
	c.Forget(7)
	assert.True(t, c.Has("a"))
	c.Forget(9)
	assert.False(t, c.Has("a"))
	for i := range uint64(5) {
		assert.True(t, c.AddAs(10+i, Key(fmt.Sprint(i)), 0))
	}
	c.Forget(10) // which has gone for the limit
	n, _ := c.Stats()
	assert.Equal(t, 2, n)
	c.Clear()
	c.Forget(14)
	assert.True(t, c.AddAs(20, "4", 0))
}

// DEDUP-7: other limits apply at once, to times from now on.
func TestLimitsChange(t *testing.T) {
	clock := newClock()
	c := New(Config{Clock: clock, Size: 10})
	for i := range 5 {
		add(c, Key(fmt.Sprint(i)))
	}
	c.Limit(2, time.Second)
	assert.Equal(t, 2, c.Size())
	assert.True(t, c.Has("3") && c.Has("4") && !c.Has("2"))
	add(c, "5")
	clock.Advance(time.Second)
	assert.True(t, c.Has("4") && !c.Has("5"))
}
