package queue_test

// What a queue holds at most.

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/queue"
)

// QUEUE-61 to QUEUE-64: what is too much goes from the head, at each message.
func TestDropHead(t *testing.T) {
	for _, tc := range []struct {
		name     string
		length   int64
		bytes    int64
		publish  string // bodies, with a ! for each step of priority
		kept     string
		dropped  string
		priority uint8
	}{
		{"length", 2, -1, "a b c d", "c d", "a b", 0},
		{"bytes", -1, 5, "aa bb c dddd", "c dddd", "aa bb", 0},
		{"both, length first", 2, 5, "a b c", "b c", "a", 0},
		{"both, bytes first", 5, 2, "a b c", "b c", "a", 0},
		{"no room", 0, -1, "a b", "", "a b", 0},
		{"no bytes", -1, 0, "a b", "", "a b", 0},
		{"larger than the limit", -1, 3, "a b cccc", "", "a b cccc", 0},
		{"priority", 2, -1, "a b!! c! d!! e", "a e", "b!! d!! c!", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, queue.Config{MaxPriority: tc.priority, Settings: settings(func(s *queue.Settings) {
				s.MaxLength, s.MaxBytes = tc.length, tc.bytes
			})})
			for _, body := range strings.Fields(tc.publish) {
				m := message(body)
				m.Priority = uint8(strings.Count(body, "!"))
				b.Publish([]*queue.Message{m}, &b.fx)
			}
			want := []string{}
			for _, body := range strings.Fields(tc.dropped) {
				want = append(want, "maxlen:"+body)
			}
			assert.Equal(t, want, b.died())
			assert.Equal(t, strings.Fields(tc.kept), b.peek())
			assert.Empty(t, b.fx.Refused)
		})
	}
}

// Within one call, too, each message is weighed when its turn comes.
func TestDropHeadWithinACall(t *testing.T) {
	b := newBench(t, queue.Config{MaxPriority: 1, Settings: settings(func(s *queue.Settings) { s.MaxLength = 1 })})
	urgent := message("urgent")
	urgent.Priority = 1
	b.Publish([]*queue.Message{message("a"), urgent, message("b")}, &b.fx)
	assert.Equal(t, []string{"maxlen:urgent", "maxlen:a"}, b.died())
	assert.Equal(t, []string{"b"}, b.peek())
}

// QUEUE-54, QUEUE-62: what may not live at all still drives out the head before
// it goes itself.
func TestExpiringDrivesOutTheHead(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.MaxLength = 1 })})
	b.Publish([]*queue.Message{message("head"), expiring("zero", 0)}, &b.fx)
	assert.Equal(t, []string{"maxlen:head", "expired:zero"}, b.died())
	assert.Zero(t, b.Counts())
}

// What is due and over the limit when it comes back has broken the limit.
func TestRequeueDueAndOverTheLimit(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.MaxLength = 1 })})
	b.Publish([]*queue.Message{expiring("a", time.Second)}, &b.fx)
	a := b.get()
	b.publish("b")
	b.clock.Advance(time.Minute)
	b.Requeue([]queue.Item{a}, &b.fx)
	assert.Equal(t, []string{"maxlen:a"}, b.died())
	assert.Equal(t, []string{"b"}, b.peek())
}

// QUEUE-65, QUEUE-66: what does not fit is refused, even if a consumer waits for it; a
// limit broken by what comes back stays so.
func TestRejectPublish(t *testing.T) {
	for _, overflow := range []queue.Overflow{queue.RejectPublish, queue.RejectPublishDLX} {
		b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) {
			s.MaxLength, s.MaxBytes, s.Overflow = 2, 5, overflow
		})})
		b.Publish([]*queue.Message{message("aaa"), message("bbb"), message("cc"), message("")}, &b.fx)
		assert.Equal(t, []int{1, 3}, b.fx.Refused)
		want := []string{}
		if overflow == queue.RejectPublishDLX {
			want = []string{"maxlen:bbb", "maxlen:"}
		}
		assert.Equal(t, want, b.died())
		a := b.get()
		b.publish("d")
		b.Requeue([]queue.Item{a}, &b.fx)
		assert.Equal(t, []string{"aaa", "cc", "d"}, b.peek())
		assert.Empty(t, b.died())
	}
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) {
		s.MaxLength, s.Overflow = 0, queue.RejectPublish
	})})
	b.subscribe("x", unlimited)
	b.publish("a")
	assert.Equal(t, []int{0}, b.fx.Refused)
	assert.Empty(t, b.taken())
}

// QUEUE-68: lower limits are kept at once, whatever that takes.
func TestLowerLimits(t *testing.T) {
	const n = 5000
	b := newBench(t, queue.Config{Settings: settings(func(*queue.Settings) {})})
	b.Publish(messages(n), &b.fx)
	b.Configure(settings(func(s *queue.Settings) { s.MaxLength = 3 }), &b.fx)
	assert.Equal(t, []string{"4998", "4999", "5000"}, b.peek())
	died := b.died()
	assert.Len(t, died, n-3)
	assert.True(t, slices.Equal([]string{"maxlen:1", "maxlen:2"}, died[:2]))

	// One large message in place of all others is the same amount of work.
	b = newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.MaxBytes = 100_000 })})
	b.Publish(messages(n), &b.fx)
	b.publish(strings.Repeat("x", 100_000))
	assert.Len(t, b.died(), n)
	assert.Equal(t, queue.Counts{Ready: 1, ReadyBytes: 100_000}, b.Counts())
}

// BASIC-37, BASIC-40: of those that wait, the first with the highest priority
// takes over; nobody takes over from one that is there.
func TestSingleActiveConsumerByPriority(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.SingleActive = true })})
	first := b.subscribe("first", unlimited)
	b.subscribe("low", unlimited)
	high := b.subscribe("high", unlimited, priority(5))
	b.subscribe("high too", unlimited, priority(5))
	b.publish("1")
	b.Unsubscribe(&first.Subscription, &b.fx)
	b.publish("2")
	b.Unsubscribe(&high.Subscription, &b.fx)
	b.publish("3")
	assert.Equal(t, []string{"first:1", "high:2", "high too:3"}, b.taken())
}
