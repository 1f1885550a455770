package queue_test

// What a queue holds: counts, positions, the end.

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

func TestCounts(t *testing.T) {
	b := newBench(t, queue.Config{})
	assert.Equal(t, queue.Counts{}, b.Counts())
	b.publish("1", "22", "333", "")
	assert.Equal(t, queue.Counts{Ready: 4, ReadyBytes: 6}, b.Counts())
	first := b.get()
	_, left, ok := b.Get(true, &b.fx)
	assert.True(t, ok)
	assert.Equal(t, 2, left, "BASIC-51")
	assert.Equal(t, queue.Counts{Ready: 2, Unacked: 1, ReadyBytes: 3}, b.Counts())
	b.subscribe("x", 1)
	b.subscribe("y", unlimited, noAck)
	assert.Equal(t, queue.Counts{Unacked: 2, Consumers: 2}, b.Counts())
	b.Settle([]queue.Item{first}, new(queue.Effects))
	assert.Equal(t, queue.Counts{Unacked: 1, Consumers: 2}, b.Counts())
	b.Requeue([]queue.Item{b.log[0].it}, &b.fx)
	assert.Equal(t, queue.Counts{Consumers: 2}, b.Counts())
	assert.Equal(t, []string{"x:333", "y:", "y:333"}, b.taken())
}

// Peek shows what would come, in order, as often as one looks.
func TestPeekChangesNothing(t *testing.T) {
	b := newBench(t, queue.Config{MaxPriority: 2})
	for i, body := range []string{"low", "high", "low2", "high2"} {
		m := message(body)
		m.Priority = uint8(i % 2)
		b.Publish([]*queue.Message{m}, &b.fx)
	}
	out := b.get() // high
	b.Requeue([]queue.Item{out}, &b.fx)
	before := b.Counts()
	for range 2 {
		assert.Equal(t, []string{"high", "high2", "low", "low2"}, b.peek())
	}
	assert.Equal(t, []string{"high", "high2"}, bodiesOf(b.Peek(0, 2)))
	assert.True(t, b.Peek(0, 1)[0].Redelivered)
	assert.Empty(t, b.Peek(0, 0))
	assert.Empty(t, b.Peek(0, -1))
	assert.Equal(t, before, b.Counts())
	for _, want := range []string{"high", "high2", "low", "low2"} {
		assert.Equal(t, want, string(b.get().Msg.Body))
	}
}

// BASIC-58: whatever comes back, in whatever order and company, stands where it
// stood.
func TestRequeueToTheOldPositions(t *testing.T) {
	for _, tc := range []struct {
		name string
		back []string // the items returned, a call a word
		want string
	}{
		{"all at once", []string{"12345"}, "12345678"},
		{"one by one", []string{"1", "2", "3", "4", "5"}, "12345678"},
		{"backwards", []string{"5", "4", "3", "2", "1"}, "12345678"},
		{"backwards at once", []string{"54321"}, "12345678"},
		{"some", []string{"4", "2"}, "24678"},
		{"in between", []string{"53", "1", "24"}, "12345678"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, queue.Config{})
			b.Publish(messages(8), &b.fx)
			out := map[string]queue.Item{}
			for range 5 {
				it := b.get()
				out[string(it.Msg.Body)] = it
			}
			for _, word := range tc.back {
				var items []queue.Item
				for _, body := range strings.Split(word, "") {
					items = append(items, out[body])
				}
				b.Requeue(items, &b.fx)
			}
			assert.Equal(t, tc.want, strings.Join(b.peek(), ""))
			for _, it := range b.Peek(0, 8) {
				assert.Equal(t, it.Seq <= 5, it.Redelivered, "BASIC-59")
			}
		})
	}
}

// Positions hold for large numbers, where many small returns meet many large.
func TestRequeueOfMany(t *testing.T) {
	const n = 20_000
	b := newBench(t, queue.Config{})
	b.Publish(messages(n), &b.fx)
	var out []queue.Item
	for range n / 2 {
		out = append(out, b.get())
	}
	for i := 0; i < len(out); { // the sizes grow and shrink
		k := min(1+(i*i)%97, len(out)-i)
		b.Requeue(append([]queue.Item(nil), out[len(out)-i-k:len(out)-i]...), &b.fx)
		i += k
	}
	for i := range n {
		require.EqualValues(t, i+1, b.get().Seq)
	}
}

func TestPurge(t *testing.T) {
	b := newBench(t, queue.Config{MaxPriority: 3})
	b.Publish(messages(5), &b.fx)
	m := message("high")
	m.Priority = 9
	b.Publish([]*queue.Message{m}, &b.fx)
	high := b.get()
	assert.Equal(t, "high", string(high.Msg.Body))
	assert.Equal(t, 5, b.Purge(), "QUEUE-24: ready messages only")
	assert.Zero(t, b.Purge())
	assert.Equal(t, queue.Counts{Unacked: 1}, b.Counts())
	b.Requeue([]queue.Item{high}, &b.fx)
	b.publish("low")
	assert.Equal(t, []string{"high", "low"}, b.peek(), "the priorities are still there")
}

// QUEUE-23: if-empty is looked at first, and unacked messages do not count.
func TestConditionalDelete(t *testing.T) {
	b := newBench(t, queue.Config{})
	x := b.subscribe("x", 1)
	b.publish("1", "2")
	for _, tc := range []struct {
		ifUnused, ifEmpty bool
		want              error
	}{
		{true, true, queue.ErrNotEmpty}, {false, true, queue.ErrNotEmpty}, {true, false, queue.ErrHasConsumer},
	} {
		n, subs, err := b.Delete(tc.ifUnused, tc.ifEmpty)
		assert.ErrorIs(t, err, tc.want)
		assert.Zero(t, n)
		assert.Empty(t, subs)
	}
	assert.Equal(t, queue.Counts{Ready: 1, Unacked: 1, Consumers: 1, ReadyBytes: 1}, b.Counts(), "nothing happened")
	b.Purge()
	_, _, err := b.Delete(true, true)
	assert.ErrorIs(t, err, queue.ErrHasConsumer)
	_, subs, err := b.Delete(false, true)
	assert.NoError(t, err)
	assert.Equal(t, []*queue.Subscription{&x.Subscription}, subs)
}

// A deleted queue takes nothing and gives nothing, and what is out with its
// consumers can still be settled (QUEUE-26).
func TestDeletedQueue(t *testing.T) {
	b := newBench(t, queue.Config{AutoDelete: true, Settings: &queue.Settings{MaxLength: -1, MaxBytes: -1, DeadLetter: true, TTL: queue.Millis(1000)}})
	x := b.subscribe("x", 2)
	b.publish("1", "2", "3", "4")
	n, subs, err := b.Delete(false, false)
	require.NoError(t, err)
	assert.Equal(t, 2, n, "QUEUE-24")
	assert.Len(t, subs, 1)

	assert.False(t, b.Publish(messages(1), &b.fx))
	assert.ErrorIs(t, b.Subscribe(&queue.Subscription{}), queue.ErrDeleted)
	_, _, ok := b.Get(true, &b.fx)
	assert.False(t, ok)
	assert.Empty(t, b.peek())
	_, _, err = b.Delete(false, false)
	assert.ErrorIs(t, err, queue.ErrDeleted)
	x.allow(5)
	b.Unsubscribe(&x.Subscription, &b.fx)
	b.Settle([]queue.Item{b.log[0].it}, new(queue.Effects))
	b.Reject([]queue.Item{b.log[1].it}, &b.fx)
	b.Configure(&queue.Settings{MaxLength: 0, MaxBytes: 0, DeadLetter: true}, &b.fx)
	b.clock.Advance(time.Hour)
	assert.Equal(t, queue.Counts{}, b.Counts())
	assert.Empty(t, b.buried(), "QUEUE-27")
	assert.Empty(t, b.fx.TakeIdle(), "it is gone already")
	assert.Zero(t, b.clock.Pending(), "no timer is left")
	assert.Equal(t, []string{"x:1", "x:2"}, b.taken())
}

// A publish tells how far consumers are behind, and nothing where there is none.
func TestBacklog(t *testing.T) {
	b := newBench(t, queue.Config{})
	b.publish("123")
	n, bytes := b.fx.TakeBacklog()
	assert.Zero(t, n)
	assert.Zero(t, bytes)
	b.subscribe("x", 0)
	b.publish("45", "6")
	n, bytes = b.fx.TakeBacklog()
	assert.Equal(t, 3, n)
	assert.EqualValues(t, 6, bytes)
	n, _ = b.fx.TakeBacklog()
	assert.Zero(t, n, "told once")
}

// What a queue has no place for any more because it was deleted meanwhile is
// told of, as what was in it is.
func TestDeletedQueueTellsWhatIsGone(t *testing.T) {
	var gone []string
	env := queue.Env{Clock: delay.NewManual(time.Unix(0, 0)), Gone: func(q string, m *queue.Message, why queue.Reason) {
		gone = append(gone, q+" "+string(m.Body)+" "+string(why))
	}}
	var fx queue.Effects
	q := queue.New(queue.Config{Name: "q", Env: &env})
	require.True(t, q.Publish([]*queue.Message{{Body: []byte("before")}}, &fx))
	_, _, err := q.Delete(false, false)
	require.NoError(t, err)
	require.False(t, q.Publish([]*queue.Message{{Body: []byte("after")}}, &fx))
	assert.Equal(t, []string{"q before deleted", "q after deleted"}, gone)
}

func TestPeekFromAPosition(t *testing.T) {
	b := newBench(t, queue.Config{})
	b.Publish(messages(2000), &b.fx)
	assert.Equal(t, []string{"1999", "2000"}, bodiesOf(b.Peek(1998, 10)))
	assert.Equal(t, []string{"700", "701"}, bodiesOf(b.Peek(699, 2)))
	assert.Empty(t, b.Peek(2000, 10))
	assert.Empty(t, b.Peek(5000, 10))
}
