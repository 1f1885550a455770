package queue_test

// Time in a queue: the timer that a message or an unused queue arms.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/queue"
)

// settings are those of a plain dead-lettering queue, changed by f.
func settings(f func(s *queue.Settings)) *queue.Settings {
	s := &queue.Settings{MaxLength: -1, MaxBytes: -1, DeadLetter: true}
	f(s)
	return s
}

// expiring is a message with a TTL.
func expiring(body string, ttl time.Duration) *queue.Message {
	return &queue.Message{Body: []byte(body), TTL: ttl.Milliseconds() + 1}
}

// died is what has been dead-lettered since the last call, by whomever.
func (b *bench) died() []string {
	list := []string{}
	for _, d := range append(b.fx.TakeDead(), b.timed.TakeDead()...) {
		list = append(list, string(d.Reason)+":"+string(d.Item.Msg.Body))
	}
	return list
}

// A message expires at its instant, without anybody asking for it.
func TestExpiryAtTheInstant(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.TTL = 5001 })})
	b.publish("1")
	b.clock.Advance(time.Second)
	b.publish("2")
	b.clock.Advance(4*time.Second - time.Millisecond)
	assert.Empty(t, b.died())
	b.clock.Advance(time.Millisecond)
	assert.Equal(t, []string{"expired:1"}, b.died())
	b.clock.Advance(time.Second)
	assert.Equal(t, []string{"expired:2"}, b.died())
	assert.Zero(t, b.Counts().Ready)
	assert.Zero(t, b.clock.Pending(), "nothing left to wait for")
}

// QUEUE-53: what is due behind a head that is not waits for it, and is gone the
// moment that the head is, whichever way it goes.
func TestExpiryBehindTheHead(t *testing.T) {
	for _, tc := range []struct {
		name string
		turn func(b *bench)
		died []string
		left []string
	}{
		{"got", func(b *bench) {
			_, left, _ := b.Get(true, &b.fx)
			assert.Equal(t, 1, left)
		}, []string{"expired:due"}, []string{"stays"}},
		{"delivered", func(b *bench) { b.subscribe("x", 1) }, []string{"expired:due"}, []string{"stays"}},
		{"delivered with all others", func(b *bench) {
			b.subscribe("x", unlimited)
			assert.Equal(t, []string{"x:head", "x:stays"}, b.taken())
		}, []string{"expired:due"}, []string{}},
		{"dropped for a limit", func(b *bench) {
			b.Configure(settings(func(s *queue.Settings) { s.MaxLength = 2 }), &b.fx)
		}, []string{"maxlen:head", "expired:due"}, []string{"stays"}},
		{"got and returned", func(b *bench) {
			b.Requeue([]queue.Item{b.get()}, &b.fx)
		}, []string{"expired:due"}, []string{"head", "stays"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, queue.Config{Settings: settings(func(*queue.Settings) {})})
			b.Publish([]*queue.Message{message("head"), expiring("due", time.Second), expiring("stays", time.Hour)}, &b.fx)
			b.clock.Advance(time.Minute)
			assert.Empty(t, b.died())
			assert.Equal(t, 3, b.Counts().Ready, "it counts as ready")
			tc.turn(b)
			assert.Equal(t, tc.died, b.died())
			assert.Equal(t, tc.left, b.peek())
		})
	}
}

// The deadline of a message that becomes the head counts from then on.
func TestExpiryOfANewHead(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(*queue.Settings) {})})
	b.Publish([]*queue.Message{message("head"), expiring("next", time.Second)}, &b.fx)
	b.get()
	b.clock.Advance(time.Second)
	assert.Equal(t, []string{"expired:next"}, b.died())
}

// QUEUE-54, QUEUE-68: a TTL of 0 is enough for a consumer that waits, and for
// nothing else.
func TestTTLZero(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.TTL = 1 })})
	b.publish("1")
	assert.Equal(t, []string{"expired:1"}, b.died())
	b.subscribe("x", 1)
	b.publish("2", "3")
	assert.Equal(t, []string{"x:2"}, b.taken())
	assert.Equal(t, []string{"expired:3"}, b.died())
	assert.Equal(t, queue.Counts{Unacked: 1, Consumers: 1}, b.Counts())
}

// QUEUE-55: no deadline passes while a message is out, but it counts when the
// message is back.
func TestDeadlineOfWhatIsOut(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.TTL = 1001 })})
	b.publish("1", "2")
	one, two := b.get(), b.get()
	b.Requeue([]queue.Item{two}, &b.fx)
	b.clock.Advance(time.Minute)
	assert.Equal(t, []string{"expired:2"}, b.died())
	b.Requeue([]queue.Item{one}, &b.fx)
	assert.Equal(t, []string{"expired:1"}, b.died())
}

// QUEUE-56: new settings do not change the deadline of what is there.
func TestDeadlinesOutliveSettings(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.TTL = 10_001 })})
	b.publish("1")
	b.Configure(settings(func(s *queue.Settings) { s.TTL = 1001 }), &b.fx)
	b.publish("2")
	b.clock.Advance(5 * time.Second)
	assert.Empty(t, b.died(), "2 is behind 1")
	b.clock.Advance(5 * time.Second)
	assert.Equal(t, []string{"expired:1", "expired:2"}, b.died())
}

// QUEUE-58: a queue expires when for the time nobody consumed, got or declared.
func TestQueueExpiry(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.Expires = 10_000 })})
	use := func(f func()) {
		b.clock.Advance(9 * time.Second)
		f()
		assert.Empty(t, b.timed.TakeIdle())
	}
	use(func() { b.Touch() })
	use(func() { _, _, _ = b.Get(true, &b.fx) })
	var x *receiver
	use(func() { x = b.subscribe("x", 0) })
	use(func() {})
	use(func() { b.Unsubscribe(&x.Subscription, &b.fx) })
	use(func() { b.publish("1") }) // no use
	b.clock.Advance(time.Second - 1)
	assert.Empty(t, b.timed.TakeIdle())
	b.clock.Advance(1)
	assert.Equal(t, []*queue.Queue{b.Queue}, b.timed.TakeIdle())
	assert.Empty(t, b.died(), "QUEUE-27")
}

// One timer serves messages and queue alike, however many deadlines there are.
func TestOneTimer(t *testing.T) {
	b := newBench(t, queue.Config{
		MaxPriority: 5,
		Settings:    settings(func(s *queue.Settings) { s.Expires, s.TTL = 3_600_000, 60_001 }),
	})
	for i := range 100 {
		m := expiring("m", time.Duration(100-i)*time.Second)
		m.Priority = uint8(i % 6)
		b.Publish([]*queue.Message{m}, &b.fx)
		assert.Equal(t, 1, b.clock.Pending())
	}
	b.clock.Advance(2 * time.Minute)
	assert.Len(t, b.died(), 100)
	assert.Equal(t, 1, b.clock.Pending(), "the queue's own")
}
