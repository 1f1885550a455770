package brokertest_test

// What a broker of one's own costs a test.

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/delay"
)

// BenchmarkNewAndClose is the least that a test pays.
func BenchmarkNewAndClose(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		brokertest.New(b).Close()
	}
}

// BenchmarkFirstConfirm is New, a connection and a channel of the official
// client, the first confirmed publish, and Close.
func BenchmarkFirstConfirm(b *testing.B) {
	for name, dial := range networks {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var took []time.Duration
			for b.Loop() {
				begin := delay.Real{}.Now()
				firstConfirm(b, dial)
				took = append(took, delay.Real{}.Now().Sub(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e3, "median-µs")
		})
	}
}

func firstConfirm(t testing.TB, dial func(mq *brokertest.Broker, name string) (*amqp091.Connection, error)) {
	mq := brokertest.New(t)
	conn, err := dial(mq, "")
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	q, err := ch.QueueDeclare("q", false, false, false, false, nil)
	require.NoError(t, err)
	confirm, err := ch.PublishWithDeferredConfirm("", q.Name, false, false, amqp091.Publishing{Body: []byte("x")})
	require.NoError(t, err)
	require.True(t, confirm.Wait())
	require.NoError(t, conn.Close())
	mq.Close()
}

// BenchmarkAdvance is ten years in which nothing falls due, with a store and a
// client that is connected.
func BenchmarkAdvance(b *testing.B) {
	mq := brokertest.New(b, brokertest.WithManualClock(), brokertest.Durable())
	queues(mq, "q")
	channel(b, mq)
	for b.Loop() {
		mq.Advance(10 * 365 * 24 * time.Hour)
	}
}

// A thousand at once, each with a connection in memory, a channel and a queue.
func TestThousandBrokers(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's memory is not the broker's")
	}
	before := inUse()
	for range 1000 {
		mq := brokertest.New(t)
		_, err := channel(t, mq).QueueDeclare("q", false, false, false, false, nil)
		require.NoError(t, err)
	}
	used := float64(inUse()-before) / 1e6
	t.Logf("%.1f MB", used)
	assert.Less(t, used, 100.0)
}

// inUse is the memory that is in use, stacks included, in bytes.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
