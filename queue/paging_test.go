package queue_test

// Queues longer than their window, with a real store: what is paged out comes
// back in order, is counted, expires, and is dropped like the rest.

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

const backlog = 100_000

// A paged is a bench with a store.
type paged struct {
	*bench
	store *store.Store
}

func newPaged(t testing.TB, cfg queue.Config) *paged {
	t.Helper()
	st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	t.Cleanup(func() { _ = st.Close() }) // a test may have closed it
	return openPaged(t, cfg, st)
}

func openPaged(t testing.TB, cfg queue.Config, st *store.Store) *paged {
	b := &bench{t: t, clock: delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))}
	cfg.ID, cfg.Durable = 7, true
	cfg.Env = &queue.Env{Clock: b.clock, Store: st, Perform: func(fx *queue.Effects) {
		b.bury(fx)
	}}
	b.Classic = queue.New(cfg)
	return &paged{b, st}
}

// done is told when a commit is.
type done chan error

func (d done) Committed(err error) { d <- err }

// commit waits until all is on disk, and what that lets leave memory has left.
func (p *paged) commit() {
	p.t.Helper()
	for range 2 { // queues are told after those who wait
		d := make(done, 1)
		p.store.Notify(d)
		require.NoError(p.t, <-d)
	}
}

// fill publishes messages with the bodies first to last, persistent or not.
func (p *paged) fill(first, last int, persistent bool) {
	p.t.Helper()
	for first <= last {
		var batch []*queue.Message
		for ; first <= last && len(batch) < 1000; first++ {
			m := message(strconv.Itoa(first))
			m.Persistent = persistent
			batch = append(batch, m)
		}
		require.True(p.t, p.Publish(batch, &p.fx))
		_ = p.store.Wait(p.t.Context(), nil)
	}
	p.commit()
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func (p *paged) counts(ready, unacked int) {
	p.t.Helper()
	c := p.Counts()
	assert.Equal(p.t, ready, c.Ready)
	assert.Equal(p.t, unacked, c.Unacked)
	if ready == 0 {
		assert.Zero(p.t, c.ReadyBytes)
	}
}

// drain gets and settles everything and requires it to be first to last.
func (p *paged) drain(first, last int) {
	p.t.Helper()
	for i := first; i <= last; i++ {
		it, left, ok := p.Get(i%2 == 0, &p.fx)
		require.True(p.t, ok, i)
		require.Equal(p.t, strconv.Itoa(i), string(it.Msg.Body))
		require.Equal(p.t, last-i, left)
		if i%2 != 0 {
			p.Settle([]queue.Item{it}, new(queue.Effects))
		}
	}
	p.counts(0, 0)
}

func TestLongQueueInOrder(t *testing.T) {
	for _, persistent := range []bool{true, false} {
		for _, lazy := range []bool{false, true} {
			t.Run(fmt.Sprint("persistent=", persistent, " lazy=", lazy), func(t *testing.T) {
				before := heap()
				p := newPaged(t, queue.Config{Settings: &queue.Settings{
					MaxLength: -1, MaxBytes: -1, DeliveryLimit: -1, Lazy: lazy,
				}})
				p.fill(1, backlog, persistent)
				p.counts(backlog, 0)
				window := int64(16 << 20) // 100,000 items in memory would be 20 MB and more
				if lazy {
					window = 10 << 20 // 4 MiB of it the store keeps to write from, and its lists of operations
				}
				assert.Less(t, heap()-before, window, "memory")
				items := p.Peek(0, 40_000)
				require.Len(t, items, 40_000)
				for i := range items {
					require.Equal(t, strconv.Itoa(i+1), string(items[i].Msg.Body))
				}
				for _, from := range []int{1, 511, 16_383, 50_000, backlog - 2} { // read from the store in part
					items := p.Peek(from, 2)
					require.Len(t, items, 2)
					require.Equal(t, strconv.Itoa(from+1), string(items[0].Msg.Body))
				}
				p.drain(1, backlog)
				p.fill(1, 10, persistent)
				p.drain(1, 10)
			})
		}
	}
}

// A few large messages leave memory like many small ones: what stays is counted in
// bytes too.
func TestQueueOfLargeMessages(t *testing.T) {
	const n, size = 16, 4 << 20
	before := heap()
	p := newPaged(t, queue.Config{})
	for i := range n {
		m := message(strconv.Itoa(i))
		m.Body, m.Persistent = append(make([]byte, size), m.Body...), true
		require.True(t, p.Publish([]*queue.Message{m}, &p.fx))
		p.commit()
	}
	assert.Less(t, heap()-before, int64(5*size), "the window and a message more")
	for i := range n {
		it, _, ok := p.Get(true, &p.fx)
		require.True(t, ok)
		require.Equal(t, strconv.Itoa(i), string(it.Msg.Body[size:]))
	}
	p.counts(0, 0)
}

func TestLongQueueSurvives(t *testing.T) {
	p := newPaged(t, queue.Config{})
	p.fill(1, backlog, true)
	var held []queue.Item
	for range 30_000 {
		held = append(held, p.get())
	}
	p.Settle(held[10:], new(queue.Effects)) // 1 to 10 stay unacked
	p.commit()
	p.Stop()
	require.NoError(t, p.store.Close())
	st, err := store.Open(p.store.Dir(), store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, st.Close()) })
	p = openPaged(t, queue.Config{}, st)
	require.NoError(t, p.Recover())
	p.counts(backlog-30_000+10, 0)
	p.fill(backlog+1, backlog+10, true) // after what is there
	for i := 1; i <= backlog+10; i++ {
		if i == 11 {
			i = 30_001
		}
		it := p.get()
		require.Equal(t, strconv.Itoa(i), string(it.Msg.Body))
		p.Settle([]queue.Item{it}, new(queue.Effects))
	}
	p.counts(0, 0)
}

func TestLongQueuePurgeAndDelete(t *testing.T) {
	p := newPaged(t, queue.Config{})
	p.fill(1, backlog, true)
	it := p.get()
	assert.Equal(t, backlog-1, p.Purge())
	p.counts(0, 1)
	assert.Empty(t, p.Peek(0, 10))
	p.fill(1, backlog, false)
	p.Requeue([]queue.Item{it}, &p.fx)
	assert.True(t, p.get().Redelivered)
	n, _, err := p.Delete(false, false)
	require.NoError(t, err)
	assert.Equal(t, backlog, n)
	p.commit()
	require.NoError(t, p.store.Close())
	content, err := store.Check(p.store.Dir(), store.Meaning{Message: queue.CheckStored})
	require.NoError(t, err)
	assert.Empty(t, content.Faults)
	assert.Empty(t, content.Logs, "nothing is left")
}

// A purge of several levels leaves every message that comes after it.
func TestLongQueueWithPriorities(t *testing.T) {
	p := newPaged(t, queue.Config{MaxPriority: 2})
	publish := func(n int) {
		for i := range n {
			m := message(strconv.Itoa(i))
			m.Persistent, m.Priority = true, uint8(i%3)
			m.Props = (&amqp.Properties{Flags: amqp.HasPriority, Priority: m.Priority}).Append(nil)
			require.True(t, p.Publish([]*queue.Message{m}, &p.fx))
		}
		p.commit()
	}
	inOrder := func(n int) {
		for priority := 2; priority >= 0; priority-- {
			for i := priority; i < n; i += 3 {
				it := p.get()
				require.Equal(t, strconv.Itoa(i), string(it.Msg.Body))
				p.Settle([]queue.Item{it}, new(queue.Effects))
			}
		}
		p.counts(0, 0)
	}
	publish(backlog)
	assert.Equal(t, backlog, p.Purge())
	publish(backlog)
	p.counts(backlog, 0)
	inOrder(backlog)
}

func TestLongQueueExpires(t *testing.T) {
	p := newPaged(t, queue.Config{Settings: &queue.Settings{
		TTL: queue.Millis(1000), MaxLength: -1, MaxBytes: -1, DeliveryLimit: -1, DeadLetter: true,
	}})
	p.fill(1, backlog, true)
	p.clock.Advance(2 * time.Second)
	require.Eventually(t, func() bool { return p.Counts().Ready == 0 }, 20*time.Second, time.Millisecond)
	p.counts(0, 0)
	p.Stop()
}

func TestLongQueueRequeues(t *testing.T) {
	p := newPaged(t, queue.Config{})
	p.fill(1, backlog, true)
	var held []queue.Item
	for range 50_000 {
		held = append(held, p.get())
	}
	p.counts(50_000, 50_000)
	p.Requeue(held, &p.fx)
	p.counts(backlog, 0)
	p.drain(1, backlog)
}

func TestLongQueueConsumed(t *testing.T) {
	p := newPaged(t, queue.Config{})
	p.fill(1, backlog, true)
	r := p.subscribe("c", unlimited, noAck)
	require.Eventually(t, func() bool { return p.Counts().Ready == 0 }, 20*time.Second, time.Millisecond)
	p.counts(0, 0)
	r.lock.Lock()
	defer r.lock.Unlock()
	require.Len(t, p.log, backlog)
	for i, d := range p.log {
		require.Equal(t, strconv.Itoa(i+1), string(d.it.Msg.Body))
	}
}
