package patterns_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/conformance/patterns"
)

func TestWorkQueue(t *testing.T) {
	b := newBench(t)
	fair, err := patterns.WorkQueue(b.conn, 1, b)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"busy": 1, "idle": 9}, fair)
	naive, err := patterns.WorkQueue(b.conn, 0, b)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"busy": 5, "idle": 5}, naive, "half of the tasks wait for the busy worker")
}

func TestPublishSubscribe(t *testing.T) {
	b := newBench(t)
	each, err := patterns.PublishSubscribe(b.conn, false, b)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"mailer": 3, "billing": 3}, each)
	naive, err := patterns.PublishSubscribe(b.conn, true, b)
	require.NoError(t, err)
	assert.Equal(t, 3, naive["mailer"]+naive["billing"], "each event reaches one of them")
}

func TestRouting(t *testing.T) {
	b := newBench(t)
	selected, err := patterns.Routing(b.conn, "direct", b)
	require.NoError(t, err)
	assert.Equal(t, []string{"error"}, selected)
	naive, err := patterns.Routing(b.conn, "fanout", b)
	require.NoError(t, err)
	assert.Len(t, naive, 5, "the consumer has to throw four away")
}

func TestTopics(t *testing.T) {
	b := newBench(t)
	matched, err := patterns.Topics(b.conn, "topic", b)
	require.NoError(t, err)
	assert.Equal(t, []string{"temperature.kitchen.oven", "alarm", "alarm.kitchen.smoke"}, matched)
	naive, err := patterns.Topics(b.conn, "direct", b)
	require.NoError(t, err)
	assert.Empty(t, naive, "no key is the text *.kitchen.*")
}

func TestRPC(t *testing.T) {
	b := newBench(t)
	numbers := []int{2, 3, 4}
	queue := b.queue("requests", nil)
	go func() {
		// It answers once it has all requests, the last first.
		waiting := true
		_ = patterns.RPCServer(b.ch, queue, func(open []amqpDelivery) int {
			if waiting = waiting && len(open) < len(numbers); waiting {
				return -1
			}
			waiting = len(open) == 1
			return len(open) - 1
		})
	}()
	right, err := patterns.RPC(b.channel(), queue, numbers, true, b)
	require.NoError(t, err)
	assert.Equal(t, map[int]int{2: 4, 3: 9, 4: 16}, right)
	naive, err := patterns.RPC(b.channel(), queue, numbers, false, b)
	require.NoError(t, err)
	assert.Equal(t, map[int]int{2: 16, 3: 9, 4: 4}, naive, "answers in another order are taken for each other")
}

func TestUnroutable(t *testing.T) {
	b := newBench(t)
	for _, tc := range []struct {
		mandatory, alternate bool
		fate                 string
	}{{true, false, "returned"}, {false, true, "kept"}, {false, false, "lost"}} {
		fate, err := patterns.Unroutable(b.conn, tc.mandatory, tc.alternate, b)
		require.NoError(t, err)
		assert.Equal(t, tc.fate, fate, "mandatory %v, alternate exchange %v", tc.mandatory, tc.alternate)
	}
}

func TestPriority(t *testing.T) {
	b := newBench(t)
	ordered, err := patterns.Priority(b.channel(), 10, 1, b)
	require.NoError(t, err)
	assert.Equal(t, 1, slices.Index(ordered, "urgent"), ordered)
	naive, err := patterns.Priority(b.channel(), 0, 1, b)
	require.NoError(t, err)
	assert.Equal(t, 4, slices.Index(naive, "urgent"), "a queue without x-max-priority: %v", naive)
	greedy, err := patterns.Priority(b.channel(), 10, 0, b)
	require.NoError(t, err)
	assert.Equal(t, 4, slices.Index(greedy, "urgent"), "a consumer that has prefetched everything: %v", greedy)
}

func TestSingleActive(t *testing.T) {
	b := newBench(t)
	one, err := patterns.SingleActive(b.conn, true, b)
	require.NoError(t, err)
	f, s := "first", "second"
	assert.Equal(t, []string{f, f, f, f, f, s, s, s, s, s}, one)
	naive, err := patterns.SingleActive(b.conn, false, b)
	require.NoError(t, err)
	// The second one's first delivery may be seen after several of the first one's.
	assert.Subset(t, naive, []string{f, s}, "both work at the same time")
}

func TestLongQueue(t *testing.T) {
	b := newBench(t)
	bounded, refused, err := patterns.LongQueue(b.channel(), b.name("bounded"), amqpTable{"x-max-length": 100, "x-overflow": "reject-publish"}, 300, b)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, bounded, 100)
	assert.Equal(t, 300-bounded, refused, "the publisher knows what was not taken")
	lazy, refused, err := patterns.LongQueue(b.channel(), b.name("lazy"), amqpTable{"x-queue-mode": "lazy"}, 300, b)
	require.NoError(t, err)
	assert.Equal(t, []int{300, 0}, []int{lazy, refused})
	naive, refused, err := patterns.LongQueue(b.channel(), b.name("dropping"), amqpTable{"x-max-length": 100}, 300, b)
	require.NoError(t, err)
	assert.Equal(t, []int{100, 0}, []int{naive, refused}, "the oldest 200 are dropped, and confirmed")
}
