package queue_test

// Where returned messages of a quorum queue stand, over a restart.

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// F3-quorum-order-after-restart: the order of return is the queue's (QUEUE-93). With a limit
// what comes back stands in front, without one behind, in the order of return, however often
// the broker starts meanwhile.
func TestOrderOfReturnSurvives(t *testing.T) {
	for name, limit := range map[string]int64{"with a limit": 1 << 20, "without": -1} {
		for _, rule := range []queue.QuorumPriority{queue.NoPriority, queue.FairPriority, queue.StrictPriority} {
			if limit < 0 && rule != queue.NoPriority {
				continue // 4.x alone has priorities, and a limit
			}
			t.Run(name+", priorities "+rule.String(), func(t *testing.T) {
				returnOverRestarts(t, limit, rule)
			})
		}
	}
}

func returnOverRestarts(t *testing.T, limit int64, rule queue.QuorumPriority) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	cfg := queue.Config{Quorum: true, QuorumPriority: rule, Settings: &queue.Settings{
		MaxLength: -1, MaxBytes: -1, DeliveryLimit: limit, Lazy: true, // a small window
	}}
	st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	p := openPaged(t, cfg, st)
	const n = 3000
	p.fill(1, n, true)
	var back, fresh []int // what stands in front and what does not
	for i := range n {
		fresh = append(fresh, i+1)
	}
	for round := range 6 {
		var out []queue.Item
		for range 1200 {
			out = append(out, p.get())
		}
		ready := slices.Concat(back, fresh)
		require.Equal(t, ready[:len(out)], numbers(t, out), "round %d", round)
		fromBack := min(len(back), len(out))
		back, fresh = slices.Clone(back[fromBack:]), slices.Clone(fresh[len(out)-fromBack:])
		p.Settle(out[:100], new(queue.Effects))
		out = out[100:]
		rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		if returned := numbers(t, out); limit < 0 {
			fresh = append(fresh, returned...)
		} else {
			back = append(back, returned...)
		}
		p.Return(out, true, &p.fx)
		if round%2 == 1 {
			continue
		}
		p.Stop()
		require.NoError(t, st.Close())
		st, err = store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		p = openPaged(t, cfg, st)
		require.NoError(t, p.Recover())
		p.Resume()
		p.counts(len(back)+len(fresh), 0)
	}
	want := slices.Concat(back, fresh)
	assert.Equal(t, want, numbers(t, p.Peek(0, n)))
	for i, number := range want {
		it := p.get()
		require.Equal(t, strconv.Itoa(number), string(it.Msg.Body), "item %d", i)
		p.Settle([]queue.Item{it}, new(queue.Effects))
	}
	p.counts(0, 0)
	require.NoError(t, st.Close())
}

func numbers(t *testing.T, items []queue.Item) []int {
	list := make([]int, len(items))
	for i, it := range items {
		n, err := strconv.Atoi(string(it.Msg.Body))
		require.NoError(t, err)
		list[i] = n
	}
	return list
}

// QUEUE-24: what is out stays with a purge, also if a start has found it between messages
// that were behind it.
func TestPurgeAfterARestartLeavesWhatIsOut(t *testing.T) {
	cfg := queue.Config{Quorum: true, Settings: &queue.Settings{MaxLength: -1, MaxBytes: -1, DeliveryLimit: 20}}
	st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	p := openPaged(t, cfg, st)
	p.fill(1, 10, true)
	out := []queue.Item{p.get(), p.get(), p.get(), p.get(), p.get()}
	p.Requeue([]queue.Item{out[1], out[3]}, &p.fx)
	p = restarted(t, p, cfg)
	out = []queue.Item{p.get(), p.get()}
	require.Equal(t, []int{2, 4}, numbers(t, out))
	assert.Equal(t, 8, p.Purge())
	p.counts(0, 2)
	p.Requeue(out[:1], &p.fx)
	p = restarted(t, p, cfg)
	assert.ElementsMatch(t, []int{2, 4}, numbers(t, p.Peek(0, 10)))
	require.NoError(t, p.store.Close())
}

// restarted is the queue as the next start finds it.
func restarted(t *testing.T, p *paged, cfg queue.Config) *paged {
	dir := p.store.Dir()
	p.Stop()
	require.NoError(t, p.store.Close())
	st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	p = openPaged(t, cfg, st)
	require.NoError(t, p.Recover())
	p.Resume()
	return p
}
