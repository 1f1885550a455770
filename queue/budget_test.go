package queue_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// inBudget makes queues with a store that share so many bytes of memory.
func inBudget(t *testing.T, limit int64, n int) (*queue.Budget, []*paged) {
	st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	env := &queue.Env{Clock: delay.Real{}, Store: st, Memory: queue.NewBudget(limit), Perform: func(*queue.Effects) {}}
	var queues []*paged
	for i := range n {
		q := queue.New(queue.Config{Name: "q", Env: env, ID: uint64(i + 1), Durable: true})
		queues = append(queues, &paged{&bench{t: t, Classic: q}, st})
	}
	return env.Memory, queues
}

// pagedOut is the number of messages that a queue has on the disk alone.
func (p *paged) pagedOut() int {
	p.commit()
	return p.Stats().PagedOut
}

func TestTransientMessagesStayInMemory(t *testing.T) {
	budget, q := inBudget(t, 1<<30, 1)
	q[0].fill(1, 100_000, false)
	assert.Zero(t, q[0].pagedOut())
	assert.Greater(t, budget.Used(), int64(100_000*200))
	assert.Equal(t, 100_000, q[0].Purge())
	assert.Zero(t, budget.Used())
}

// Queues that grow side by side get about the same; what does not fit is stored.
func TestQueuesShareMemory(t *testing.T) {
	const limit = 32 << 20
	budget, queues := inBudget(t, limit, 4)
	for range 100 {
		for _, q := range queues {
			q.fill(1, 2000, false)
		}
	}
	assert.LessOrEqual(t, budget.Used(), int64(limit)+4<<20)
	for _, q := range queues {
		assert.InDelta(t, 200_000-limit/5/260, q.pagedOut(), 10_000)
	}
	before := budget.Used()
	n, _, err := queues[3].Delete(false, false)
	require.NoError(t, err)
	assert.Equal(t, 200_000, n)
	assert.InDelta(t, before*3/4, budget.Used(), float64(before)/8)
	for _, q := range queues[:3] {
		for i := range 200_000 {
			it := q.get()
			require.Equal(t, strconv.Itoa(i%2000+1), string(it.Msg.Body), "message %d", i)
			q.Settle([]queue.Item{it}, &q.fx)
		}
		q.counts(0, 0)
	}
	assert.Zero(t, budget.Used())
}
