package queue_test

// Returned messages beyond the window: they leave memory, and come back in order.

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// An item of a long queue costs what it has to.
func TestItemIsSmall(t *testing.T) {
	assert.LessOrEqual(t, unsafe.Sizeof(queue.Item{}), uintptr(40))
}

// fillBig is fill with bodies of a kilobyte.
func (p *paged) fillBig(n int) {
	p.t.Helper()
	pad := strings.Repeat(" ", 1000)
	for i := 1; i <= n; i++ {
		m := message(strconv.Itoa(i) + pad)
		m.Persistent = true
		require.True(p.t, p.Publish([]*queue.Message{m}, &p.fx))
		if i%1000 == 0 {
			_ = p.store.Wait(p.t.Context(), nil)
		}
	}
	p.commit()
}

// requeued-not-paged-out: what comes back leaves memory.
func TestReturnedMessagesLeaveMemory(t *testing.T) {
	for name, cfg := range map[string]queue.Config{
		"classic":                {},
		"quorum":                 {Quorum: true},
		"quorum with priorities": {Quorum: true, QuorumPriority: queue.FairPriority},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 40_000
			p := newPaged(t, cfg)
			p.fillBig(n)
			before := heap() // of which a window is messages
			held := make([]queue.Item, 0, n)
			for range n {
				held = append(held, p.get())
			}
			assert.Greater(t, heap()-before, int64(30<<20), "they are out")
			p.Requeue(held, &p.fx)
			held = nil
			assert.Less(t, heap()-before, int64(12<<20), "they are back")
			p.counts(n, 0)
			assert.Equal(t, int64(n), int64(p.Stats().Persistent))
			items := p.Peek(0, n)
			require.Len(t, items, n)
			for i, it := range items {
				require.Equal(t, strconv.Itoa(i+1), strings.TrimSpace(string(it.Msg.Body)))
			}
			items = nil
			for i := 1; i <= n; i++ {
				it := p.get()
				require.Equal(t, strconv.Itoa(i), strings.TrimSpace(string(it.Msg.Body)))
				require.True(t, it.Redelivered)
				p.Settle([]queue.Item{it}, new(queue.Effects))
			}
			p.counts(0, 0)
			assert.Zero(t, p.Stats().Persistent)
		})
	}
}

// What was returned before its commit leaves memory after it; what the store does not
// have stays.
func TestReturnedBeforeTheCommit(t *testing.T) {
	gate, reached := make(chan struct{}), make(chan struct{}, 100)
	st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone, BeforeCommit: func() error {
		reached <- struct{}{}
		<-gate
		return nil
	}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = st.Close() })
	p := openPaged(t, queue.Config{}, st)
	const n = 25_000 // less than the store lets wait
	pad := strings.Repeat(" ", 1000)
	c := p.subscribe("c", unlimited)
	for i := 1; i <= n; i++ {
		m := message(strconv.Itoa(i) + pad)
		m.Persistent = i%10 != 0
		require.True(t, p.Publish([]*queue.Message{m}, &p.fx))
	}
	<-reached
	p.Unsubscribe(&c.Subscription, &p.fx)
	held := make([]queue.Item, 0, n)
	for _, d := range p.log {
		held = append(held, d.it)
	}
	p.log = nil
	require.Len(t, held, n)
	p.Requeue(held, &p.fx)
	held = nil
	close(gate)
	p.commit()
	p.counts(n, 0)
	before := heap()
	require.Equal(t, n, p.Purge())
	p.commit()
	assert.Less(t, before-heap(), int64(14<<20), "a part of the window, and what the store does not have")
}

// Whatever is taken and comes back, and in whatever order, the queue gives it out in its
// order, and a restart knows what has been out.
func TestReturnedInAnyOrder(t *testing.T) {
	for _, levels := range []uint8{0, 2} {
		t.Run(fmt.Sprint("max priority ", levels), func(t *testing.T) {
			seed := *seedFlag
			if seed == 0 {
				seed = rand.Uint64()
			}
			t.Logf("seed %d", seed)
			returnAtRandom(t, rand.New(rand.NewPCG(seed, 0)), queue.Config{MaxPriority: levels, Settings: &queue.Settings{
				MaxLength: -1, MaxBytes: -1, DeliveryLimit: -1, Lazy: true, // a small window
			}})
		})
	}
}

func returnAtRandom(t *testing.T, rnd *rand.Rand, cfg queue.Config) {
	const n = 12_000
	p := newPaged(t, cfg)
	type key struct{ below, number int } // what is delivered first is less
	number := func(it queue.Item) key {
		i, err := strconv.Atoi(string(it.Msg.Body))
		require.NoError(t, err)
		return key{-int(it.Msg.Priority), i}
	}
	order := func(a, b key) int { return cmp.Or(cmp.Compare(a.below, b.below), cmp.Compare(a.number, b.number)) }
	var ready []key
	for i := range n {
		m := message(strconv.Itoa(i))
		m.Persistent = rnd.IntN(20) > 0
		if cfg.MaxPriority > 0 {
			m.Priority = uint8(rnd.IntN(3))
			m.Props = (&amqp.Properties{Flags: amqp.HasPriority, Priority: m.Priority}).Append(nil)
		}
		require.True(t, p.Publish([]*queue.Message{m}, &p.fx))
		ready = append(ready, key{-int(m.Priority), i})
	}
	p.commit()
	slices.SortFunc(ready, order)
	redelivered := map[key]bool{}
	var out []queue.Item
	for range 60 {
		switch what := rnd.IntN(10); {
		case what < 5:
			for range min(rnd.IntN(3000), len(ready)) {
				it := p.get()
				require.Equal(t, ready[0], number(it))
				require.Equal(t, redelivered[ready[0]], it.Redelivered)
				ready = ready[1:]
				out = append(out, it)
			}
		case what < 9:
			rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
			k := rnd.IntN(len(out) + 1)
			if rnd.IntN(3) == 0 {
				k = min(k, 5)
			}
			for _, it := range out[:k] {
				ready = append(ready, number(it))
				redelivered[number(it)] = true
			}
			slices.SortFunc(ready, order)
			p.Requeue(slices.Clone(out[:k]), &p.fx)
			out = out[k:]
		default:
			k := rnd.IntN(len(out) + 1)
			p.Settle(slices.Clone(out[:k]), &p.fx)
			out = out[k:]
			items := p.Peek(0, 3000)
			require.Len(t, items, min(3000, len(ready)))
			for i, it := range items {
				require.Equal(t, ready[i], number(it))
			}
		}
		require.Equal(t, len(ready), p.Counts().Ready)
		require.Equal(t, len(out), p.Counts().Unacked)
	}
	p.Requeue(out, &p.fx)
	left := p.Counts().Ready
	assert.Equal(t, left, p.Purge())
	p.counts(0, 0)
	p.commit()
	require.NoError(t, p.store.Close())
	content, err := store.Check(p.store.Dir(), store.Meaning{Message: queue.CheckStored})
	require.NoError(t, err)
	assert.Empty(t, content.Faults)
	assert.Empty(t, content.Logs, "nothing is left")
}

// An orderly stop notes what has been out, also of what is not in memory.
func TestReturnedOverARestart(t *testing.T) {
	const n = 40_000
	p := newPaged(t, queue.Config{})
	p.fill(1, n, true)
	var held []queue.Item
	for range n - 5000 {
		held = append(held, p.get())
	}
	p.Requeue(held, &p.fx)
	p.Stop()
	require.NoError(t, p.store.Close())
	st, err := store.Open(p.store.Dir(), store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, st.Close()) })
	p = openPaged(t, queue.Config{}, st)
	require.NoError(t, p.Recover())
	for i := 1; i <= n; i++ {
		it := p.get()
		require.Equal(t, strconv.Itoa(i), string(it.Msg.Body))
		require.Equal(t, i <= n-5000, it.Redelivered)
	}
}

// Consumers get what was returned beyond the window, and what is out of it is read ahead.
func TestReturnedAreConsumed(t *testing.T) {
	const n = 40_000
	p := newPaged(t, queue.Config{})
	p.fill(1, n, true)
	var held []queue.Item
	for range n {
		held = append(held, p.get())
	}
	p.Requeue(held, &p.fx)
	r := p.subscribe("c", unlimited, noAck)
	require.Eventually(t, func() bool { return p.Counts().Ready == 0 }, 20*time.Second, time.Millisecond)
	p.counts(0, 0)
	r.lock.Lock()
	defer r.lock.Unlock()
	require.Len(t, p.log, n)
	for i, d := range p.log {
		require.Equal(t, strconv.Itoa(i+1), string(d.it.Msg.Body))
	}
}
