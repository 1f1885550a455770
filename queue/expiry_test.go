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
	return &queue.Message{Body: []byte(body), TTL: queue.Millis(ttl.Milliseconds())}
}

// died is what has been dead-lettered since the last call, by whomever.
func (b *bench) died() []string {
	list := []string{}
	for _, d := range b.buried() {
		list = append(list, string(d.Reason)+":"+string(d.Item.Msg.Body))
	}
	return list
}

// A message expires at its instant, without anybody asking for it.
func TestExpiryAtTheInstant(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.TTL = queue.Millis(5000) })})
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

// Deadlines are in microseconds; a message that comes between two of them expires no
// earlier for that.
func TestExpiryAtOddNanoseconds(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.TTL = queue.Millis(5000) })})
	b.clock.Advance(999)
	b.publish("1")
	b.clock.Advance(5*time.Second - 1)
	assert.Empty(t, b.died())
	b.clock.Advance(1)
	assert.Equal(t, []string{"expired:1"}, b.died())
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
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.TTL = queue.Millis(0) })})
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
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.TTL = queue.Millis(1000) })})
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
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.TTL = queue.Millis(10_000) })})
	b.publish("1")
	b.Configure(settings(func(s *queue.Settings) { s.TTL = queue.Millis(1000) }), &b.fx)
	b.publish("2")
	b.clock.Advance(5 * time.Second)
	assert.Empty(t, b.died(), "2 is behind 1")
	b.clock.Advance(5 * time.Second)
	assert.Equal(t, []string{"expired:1", "expired:2"}, b.died())
}

// QUEUE-58: a queue expires when for the time nobody consumed, got or declared.
func TestQueueExpiry(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.Expires = queue.Millis(10_000) })})
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
	assert.Equal(t, []queue.Queue{b.Classic}, b.timed.TakeIdle())
	assert.Empty(t, b.died(), "QUEUE-27")
}

// One timer serves messages and queue alike, however many deadlines there are.
func TestOneTimer(t *testing.T) {
	b := newBench(t, queue.Config{
		MaxPriority: 5,
		Settings:    settings(func(s *queue.Settings) { s.Expires, s.TTL = queue.Millis(3_600_000), queue.Millis(60_000) }),
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

// Nothing expires a part of a millisecond early, at whatever part of one it was
// published, not even if it is looked at just before its time.
func TestExpiryWithinAMillisecond(t *testing.T) {
	for _, part := range []time.Duration{0, 1 * time.Microsecond, 999 * time.Microsecond} {
		b := newBench(t, queue.Config{Settings: settings(func(*queue.Settings) {})})
		b.clock.Advance(part)
		b.Publish([]*queue.Message{expiring("m", 5*time.Millisecond)}, &b.fx)
		b.clock.Advance(5*time.Millisecond - time.Microsecond)
		b.Requeue([]queue.Item{b.get()}, &b.fx)
		assert.Empty(t, b.died())
		b.clock.Advance(time.Microsecond)
		assert.Equal(t, []string{"expired:m"}, b.died())
	}
}

// QUEUE-53, QUEUE-54: no time to live is still the time until one's turn.
func TestTTLZeroBehindAnother(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(*queue.Settings) {})})
	b.Publish([]*queue.Message{message("head"), expiring("zero", 0)}, &b.fx)
	assert.Empty(t, b.died())
	assert.Equal(t, 2, b.Counts().Ready)
	_, left, _ := b.Get(true, &b.fx)
	assert.Zero(t, left)
	assert.Equal(t, []string{"expired:zero"}, b.died())
}

// QUEUE-88: a queue with priorities has one head. What is due behind it waits,
// and its time is up at the very moment that it comes to the head.
func TestExpiryOfLowerPriorities(t *testing.T) {
	b := newBench(t, queue.Config{MaxPriority: 3, Settings: settings(func(*queue.Settings) {})})
	add := func(priority uint8, m *queue.Message) {
		m.Priority = priority
		b.Publish([]*queue.Message{m}, &b.fx)
	}
	add(0, expiring("low", time.Second))
	add(1, expiring("middle", 3*time.Second))
	add(3, message("high"))
	b.clock.Advance(2 * time.Second)
	assert.Empty(t, b.died())
	assert.Zero(t, b.clock.Pending(), "nothing to wait for: the head does not expire")
	b.get()
	assert.Empty(t, b.died(), "middle is the head")
	b.clock.Advance(time.Second - time.Microsecond)
	assert.Empty(t, b.died())
	b.clock.Advance(time.Microsecond)
	assert.Equal(t, []string{"expired:middle", "expired:low"}, b.died())
}

// A head with an earlier deadline than the timer waits for is seen to in time.
func TestTimerIsSetForward(t *testing.T) {
	for name, replace := range map[string]func(b *bench){
		"after a purge":      func(b *bench) { b.Purge() },
		"after a get":        func(b *bench) { b.get() },
		"by a higher one":    func(*bench) {},
		"by what comes back": func(b *bench) { b.Requeue([]queue.Item{b.get()}, &b.fx); b.Purge() },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, queue.Config{MaxPriority: 1, Settings: settings(func(*queue.Settings) {})})
			b.Publish([]*queue.Message{expiring("late", time.Hour)}, &b.fx)
			replace(b)
			early := expiring("early", time.Second)
			early.Priority = 1
			b.Publish([]*queue.Message{early}, &b.fx)
			b.clock.Advance(time.Second - time.Microsecond)
			assert.Empty(t, b.died())
			b.clock.Advance(time.Microsecond)
			assert.Equal(t, []string{"expired:early"}, b.died())
		})
	}
}

// The clock holds on to no queue that is gone, whatever comes after its end.
func TestDeleteEndsTheTimer(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.Expires, s.TTL = queue.Millis(5000), queue.Millis(1000) })})
	b.publish("out", "ready")
	out := b.get()
	assert.Equal(t, 1, b.clock.Pending())
	_, _, err := b.Delete(false, false)
	assert.NoError(t, err)
	b.Touch()
	b.Requeue([]queue.Item{out}, &b.fx)
	_, _, _ = b.Get(true, &b.fx)
	assert.Zero(t, b.clock.Pending())
	b.clock.Advance(time.Hour)
	assert.Empty(t, b.died())
	assert.Empty(t, b.timed.TakeIdle())
}

// More than one hold's work at one instant is all done at that instant.
func TestExpiryOfMany(t *testing.T) {
	const n = 5000
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.TTL = queue.Millis(1000) })})
	b.Publish(messages(n), &b.fx)
	b.clock.Advance(time.Second)
	died := b.died()
	assert.Len(t, died, n)
	assert.Equal(t, []string{"expired:1", "expired:5000"}, []string{died[0], died[n-1]})
	assert.Zero(t, b.clock.Pending())
}

// Dead letters of one queue come in the order of their deaths, no matter who performs
// what: a timer and a client may do it at the same time.
func TestDeadLettersKeepTheirOrder(t *testing.T) {
	b := newBench(t, queue.Config{Settings: settings(func(s *queue.Settings) { s.MaxLength, s.DeadLetter = 0, true })})
	var first, second queue.Effects
	b.Publish([]*queue.Message{message("1"), message("2")}, &first)
	b.Publish([]*queue.Message{message("3")}, &second)
	var order []string
	add := func(list []queue.DeadLetter) {
		for _, d := range list {
			order = append(order, string(d.Item.Msg.Body))
		}
	}
	second.EachDead(add)
	first.EachDead(add)
	assert.Equal(t, []string{"1", "2", "3"}, order)
}
