package queue_test

// Whose turn it is.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/queue"
)

// turns is who got the deliveries since the last call, a word of names.
func (b *bench) turns() string {
	var s strings.Builder
	for _, d := range b.log {
		s.WriteString(d.to)
	}
	b.log = nil
	return s.String()
}

// BASIC-36: strictly in turns, in order of subscription, whether messages come
// one by one, many at once, or were there before the consumers.
func TestRoundRobin(t *testing.T) {
	b := newBench(t, queue.Config{})
	b.subscribe("a", unlimited)
	b.subscribe("b", unlimited)
	b.subscribe("c", unlimited)
	b.publish("1", "2", "3", "4")
	assert.Equal(t, "abca", b.turns())
	b.Publish(messages(5), &b.fx)
	assert.Equal(t, "bcabc", b.turns(), "the turns go on where they were")
	b.subscribe("d", unlimited)
	b.Publish(messages(8), &b.fx)
	assert.Equal(t, "abcdabcd", b.turns())
}

func TestRoundRobinOfABacklog(t *testing.T) {
	b := newBench(t, queue.Config{})
	x, y, z := b.subscribe("x", 0), b.subscribe("y", 0), b.subscribe("z", 0)
	b.Publish(messages(5000), &b.fx)
	for _, r := range []*receiver{x, y, z} {
		r.credit = 1000
	}
	// The first to be unparked has the queue to itself until it is parked.
	b.Unpark(&x.Subscription, &b.fx)
	assert.Equal(t, strings.Repeat("x", 1000), b.turns())
	b.Unpark(&y.Subscription, &b.fx)
	b.Unpark(&z.Subscription, &b.fx)
	assert.Equal(t, strings.Repeat("y", 1000)+strings.Repeat("z", 1000), b.turns())
	assert.Equal(t, 2000, b.Counts().Ready)

	// Together they share what is returned to the queue, over many holds of
	// its lock.
	w := newBench(t, queue.Config{})
	w.Publish(messages(3000), &w.fx)
	var out []queue.Item
	for range 3000 {
		out = append(out, w.get())
	}
	w.subscribe("a", unlimited)
	w.subscribe("b", unlimited)
	w.Requeue(out, &w.fx)
	assert.Equal(t, strings.Repeat("ab", 1500), w.turns())
}

// BASIC-37: a higher priority is served first while it takes anything; turns
// hold within a priority.
func TestConsumerPriorities(t *testing.T) {
	b := newBench(t, queue.Config{})
	z := b.subscribe("z", unlimited)
	b.subscribe("n", unlimited, priority(-7))
	h := b.subscribe("h", 2, priority(10))
	i := b.subscribe("i", 2, priority(10))
	y := b.subscribe("y", unlimited)
	b.Publish(messages(7), &b.fx)
	assert.Equal(t, "hihizyz", b.turns())
	i.allow(1)
	h.allow(2)
	b.Publish(messages(5), &b.fx)
	assert.Equal(t, "ihhyz", b.turns())
	b.Unsubscribe(&z.Subscription, &b.fx) // the lowest is next
	b.Unsubscribe(&y.Subscription, &b.fx)
	b.publish("1", "2")
	assert.Equal(t, "nn", b.turns())
}

// A parked consumer is not asked again, gets nothing, and goes to the end of
// the turns when it is back.
func TestParking(t *testing.T) {
	b := newBench(t, queue.Config{})
	x := b.subscribe("x", 1)
	b.subscribe("y", unlimited)
	b.subscribe("z", unlimited)
	b.Publish(messages(5), &b.fx)
	assert.Equal(t, "xyzyz", b.turns())
	assert.Equal(t, 2, x.offers, "asked once in vain")
	b.publish("1") // y's turn
	x.allow(1)     // z is next, then y, then x
	b.Publish(messages(4), &b.fx)
	assert.Equal(t, "yzyxz", b.turns())

	x.allow(5) // not asked in vain meanwhile: its place between y and z is kept
	x.allow(0)
	b.Publish(messages(6), &b.fx)
	assert.Equal(t, "yxzyxz", b.turns())
}

// Nobody takes a message: it is ready, and goes out as soon as somebody can.
func TestMessagesWaitForCredit(t *testing.T) {
	b := newBench(t, queue.Config{})
	x, y := b.subscribe("x", 1), b.subscribe("y", 0)
	b.Publish(messages(4), &b.fx)
	assert.Equal(t, []string{"x:1"}, b.taken())
	assert.Equal(t, []string{"2", "3", "4"}, b.peek())
	y.allow(2)
	assert.Equal(t, []string{"y:2", "y:3"}, b.taken())
	x.allow(2)
	b.publish("5")
	assert.Equal(t, []string{"x:4", "x:5"}, b.taken())
}

// A consumer gets nothing between Subscribe and Unpark (BASIC-26).
func TestSubscribeOffersNothing(t *testing.T) {
	b := newBench(t, queue.Config{})
	r := &receiver{b: b, name: "x", credit: unlimited}
	r.Subscription = queue.Subscription{Receiver: r, Lock: &r.lock}
	b.publish("1")
	assert.NoError(t, b.Subscribe(&r.Subscription))
	b.publish("2")
	assert.Zero(t, r.offers)
	b.Unpark(&r.Subscription, &b.fx)
	assert.Equal(t, []string{"x:1", "x:2"}, b.taken())
}

// BASIC-29: an exclusive consumer has no others beside it.
func TestExclusiveConsumer(t *testing.T) {
	try := func(b *bench, f func(*queue.Subscription)) error {
		r := &receiver{b: b}
		r.Subscription = queue.Subscription{Receiver: r, Lock: &r.lock}
		f(&r.Subscription)
		return b.Subscribe(&r.Subscription)
	}
	b := newBench(t, queue.Config{})
	x := b.subscribe("x", unlimited)
	assert.ErrorIs(t, try(b, exclusive), queue.ErrExclusive)
	b.Unsubscribe(&x.Subscription, &b.fx)
	e := b.subscribe("e", unlimited, exclusive)
	assert.ErrorIs(t, try(b, noAck), queue.ErrExclusive)
	assert.ErrorIs(t, try(b, exclusive), queue.ErrExclusive)
	b.Unsubscribe(&e.Subscription, &b.fx)
	assert.NoError(t, try(b, noAck))

	b = newBench(t, queue.Config{Settings: &queue.Settings{MaxLength: -1, MaxBytes: -1, SingleActive: true}})
	assert.ErrorIs(t, try(b, exclusive), queue.ErrExclusive, "nor with a single active consumer")
}

// What is out with a consumer that goes stays out; what is ready goes to others.
func TestUnsubscribe(t *testing.T) {
	b := newBench(t, queue.Config{AutoDelete: true})
	x, y := b.subscribe("x", unlimited), b.subscribe("y", unlimited)
	b.publish("1", "2")
	b.Unsubscribe(&x.Subscription, &b.fx)
	b.publish("3", "4")
	assert.Equal(t, []string{"x:1", "y:2", "y:3", "y:4"}, b.taken())
	assert.Equal(t, queue.Counts{Unacked: 4, Consumers: 1}, b.Counts())
	x.allow(1)
	b.Unsubscribe(&x.Subscription, &b.fx)
	assert.Empty(t, b.fx.TakeIdle(), "y is still there")
	b.Unsubscribe(&y.Subscription, &b.fx)
	assert.Equal(t, []queue.Queue{b.Classic}, b.fx.TakeIdle(), "QUEUE-21")
	assert.Empty(t, b.fx.TakeIdle(), "taken once")
	b.publish("5")
	assert.Empty(t, b.taken())
	assert.Equal(t, queue.Counts{Ready: 1, Unacked: 4, ReadyBytes: 1}, b.Counts())
}

// BASIC-40: the first consumer gets everything, whatever the others could take;
// when it goes, the one that came next takes over at once (BASIC-41).
func TestSingleActiveConsumer(t *testing.T) {
	b := newBench(t, queue.Config{Settings: &queue.Settings{MaxLength: -1, MaxBytes: -1, SingleActive: true}})
	x := b.subscribe("x", 2)
	y := b.subscribe("y", unlimited, priority(10))
	z := b.subscribe("z", unlimited)
	b.publish("1", "2", "3")
	assert.Equal(t, []string{"x:1", "x:2"}, b.taken())
	b.Unsubscribe(&z.Subscription, &b.fx)
	x.allow(1)
	assert.Equal(t, []string{"x:3"}, b.taken())
	b.publish("4")
	b.Unsubscribe(&x.Subscription, &b.fx)
	b.publish("5")
	assert.Equal(t, []string{"y:4", "y:5"}, b.taken())
	b.Unsubscribe(&y.Subscription, &b.fx)
	b.publish("6")
	b.subscribe("w", unlimited)
	assert.Equal(t, []string{"w:6"}, b.taken())
}

// However many consumers come and go, the turns stay fair: between any two
// deliveries to one, every other that stays gets one.
func TestTurnsWhileConsumersComeAndGo(t *testing.T) {
	b := newBench(t, queue.Config{})
	var all []*receiver
	for i := range 7 {
		all = append(all, b.subscribe(fmt.Sprint(i), unlimited))
	}
	b.Publish(messages(3), &b.fx)              // 0 1 2
	b.Unsubscribe(&all[3].Subscription, &b.fx) // the next in turn
	b.Unsubscribe(&all[2].Subscription, &b.fx) // the last served
	b.Unsubscribe(&all[0].Subscription, &b.fx) // in between
	b.subscribe("7", unlimited)                // behind 1
	b.turns()
	b.Publish(messages(10), &b.fx)
	assert.Equal(t, "4561745617", b.turns())
}
