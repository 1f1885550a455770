package queue_test

import (
	"slices"
	"testing"

	"github.com/rabbetmq/rabbet/queue"
)

// perCall is the number of messages in one call, as in a busy read batch.
const perCall = 100

// perMessage reports the cost of one message.
func perMessage(b *testing.B, f func()) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*perCall), "ns/msg")
	b.ReportMetric(0, "ns/op")
}

// A collector keeps the items of one call.
type collector struct {
	queue.Subscription
	items []queue.Item
}

func (c *collector) Offer(it *queue.Item, _ *queue.Effects) bool {
	c.items = append(c.items, *it)
	return true
}

func (c *collector) QueueDeleted(*queue.Effects) {}

// Published straight into the hands of consumers that wait, and settled.
func BenchmarkPublishDeliver(b *testing.B) {
	q := newBench(b, queue.Config{})
	r := q.subscribe("", 0)
	c := &collector{Subscription: queue.Subscription{Lock: r.Lock}}
	c.Receiver = c
	_ = q.Subscribe(&c.Subscription)
	q.Unpark(&c.Subscription, &q.fx)
	msgs := messages(perCall)
	perMessage(b, func() {
		q.Publish(msgs, &q.fx)
		q.Settle(c.items, new(queue.Effects))
		c.items = c.items[:0]
	})
}

// Stored, then fetched one by one.
func BenchmarkPublishGet(b *testing.B) {
	q := newBench(b, queue.Config{})
	msgs := messages(perCall)
	perMessage(b, func() {
		q.Publish(msgs, &q.fx)
		for range msgs {
			q.Get(true, &q.fx)
		}
	})
}

// The same behind a backlog of a million, with limits, priorities and a TTL.
func BenchmarkPublishGetAllFeatures(b *testing.B) {
	q := newBench(b, queue.Config{MaxPriority: 4, Settings: settings(func(s *queue.Settings) {
		s.MaxLength, s.MaxBytes, s.TTL = 2_000_000, 1<<40, queue.Millis(3_600_000)
	})})
	msgs := messages(perCall)
	for range 10_000 {
		q.Publish(msgs, &q.fx)
	}
	perMessage(b, func() {
		q.Publish(msgs, &q.fx)
		for range msgs {
			q.Get(true, &q.fx)
		}
	})
}

// Taken and returned, all together.
func BenchmarkRequeue(b *testing.B) {
	q := newBench(b, queue.Config{})
	q.Publish(messages(perCall), &q.fx)
	items := make([]queue.Item, perCall)
	perMessage(b, func() {
		for i := range items {
			items[i], _, _ = q.Get(false, &q.fx)
		}
		q.Requeue(slices.Clone(items), &q.fx) // which keeps it
	})
}

// Taken and returned one by one, latest first, into many others returned.
func BenchmarkRequeueSingly(b *testing.B) {
	q := newBench(b, queue.Config{})
	for range 1000 {
		q.Publish(messages(perCall), &q.fx)
	}
	var all []queue.Item
	for range 50_000 {
		all = append(all, q.get())
	}
	q.Requeue(all, &q.fx)
	items := make([]queue.Item, perCall)
	perMessage(b, func() {
		for i := range items {
			items[i], _, _ = q.Get(false, &q.fx)
		}
		for i := range items {
			q.Requeue([]queue.Item{items[perCall-1-i]}, &q.fx)
		}
	})
}
