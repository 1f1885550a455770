package queue_test

// What deadlines and priorities cost: a million messages into a queue, and out
// of it by time.

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

const million = 1_000_000

// randomMessages are a million messages; with timed, each has a random
// expiration of up to an hour and one of ten priorities.
func randomMessages(timed bool) []*queue.Message {
	rnd := rand.New(rand.NewPCG(1, 2))
	slab := make([]queue.Message, million)
	msgs := make([]*queue.Message, million)
	for i := range msgs {
		m := &slab[i]
		m.Body = []byte("body")
		if timed {
			m.TTL, m.Priority = queue.Millis(rnd.Int64N(3_600_000)), uint8(rnd.IntN(10))
		}
		msgs[i] = m
	}
	return msgs
}

// publishMillion publishes a million messages to a new queue, a hundred a call.
func publishMillion(b *testing.B, cfg queue.Config, clock delay.Clock, msgs []*queue.Message) *queue.Classic {
	b.Helper()
	cfg.Env = &queue.Env{Clock: clock, Perform: func(fx *queue.Effects) { fx.EachDead(func([]queue.DeadLetter) {}) }}
	q := queue.New(cfg)
	var fx queue.Effects
	for i := 0; i < len(msgs); i += perCall {
		q.Publish(msgs[i:i+perCall], &fx)
	}
	return q
}

func perMessageOfMillion(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/msg")
	b.ReportMetric(0, "ns/op")
}

// The wall clock is the one that is used, and paid for.
func benchmarkMillion(b *testing.B, cfg queue.Config, timed bool) {
	msgs := randomMessages(timed)
	for b.Loop() {
		q := publishMillion(b, cfg, delay.Real{}, msgs)
		q.Stop()
	}
	perMessageOfMillion(b)
}

func BenchmarkMillionPlain(b *testing.B) { benchmarkMillion(b, queue.Config{}, false) }

func BenchmarkMillionTimedTenPriorities(b *testing.B) {
	benchmarkMillion(b, queue.Config{MaxPriority: 9}, true)
}

func BenchmarkMillionTimedDeadLettering(b *testing.B) {
	benchmarkMillion(b, queue.Config{MaxPriority: 9, Settings: settings(func(*queue.Settings) {})}, true)
}

// All of them expire, in as many steps of the clock as there are seconds in the
// hour.
func BenchmarkMillionExpire(b *testing.B) {
	msgs := randomMessages(true)
	for b.Loop() {
		b.StopTimer()
		clock := delay.NewManual(time.Unix(2_000_000_000, 0))
		q := publishMillion(b, queue.Config{MaxPriority: 9, Settings: settings(func(*queue.Settings) {})}, clock, msgs)
		b.StartTimer()
		for range 3600 {
			clock.Advance(time.Second)
		}
		require.Zero(b, q.Counts().Ready)
	}
	perMessageOfMillion(b)
}
