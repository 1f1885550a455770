package perf

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ownPID is this process, where processes can be measured.
func ownPID() int {
	if runtime.GOOS != "linux" {
		return 0
	}
	return os.Getpid()
}

func silent(Sample) {}

// Every load delivers what it publishes, as often as it must, and leaves
// nothing behind.
func TestCountedRunsDeliverEverything(t *testing.T) {
	for name, test := range map[string]struct {
		change     func(*Config)
		deliveries int64
		noLatency  bool
	}{
		"defaults":           {func(c *Config) {}, 5000, false},
		"auto-ack":           {func(c *Config) { c.AutoAck = true }, 5000, false},
		"each acknowledged":  {func(c *Config) { c.AckEvery = 1 }, 5000, false},
		"no prefetch limit":  {func(c *Config) { c.Prefetch = 0 }, 5000, false},
		"confirms":           {func(c *Config) { c.Confirm = 10 }, 5000, false},
		"one at a time":      {func(c *Config) { c.Confirm = 1 }, 5000, false},
		"empty bodies":       {func(c *Config) { c.Size = 0 }, 5000, true},
		"bodies of 7":        {func(c *Config) { c.Size = 7 }, 5000, true},
		"bodies of 8":        {func(c *Config) { c.Size = 8 }, 5000, false},
		"several frames":     {func(c *Config) { c.Size, c.Messages = 400_000, 30 }, 30, false},
		"rate":               {func(c *Config) { c.Rate, c.Messages = 2000, 200 }, 200, false},
		"headers":            {func(c *Config) { c.Headers = 5 }, 5000, false},
		"4 queues":           {func(c *Config) { c.Producers, c.Consumers, c.Queues = 4, 4, 4 }, 20_000, false},
		"one queue consumed": {func(c *Config) { c.Producers, c.Queues = 2, 2 }, 5000, false},
		"no consumer":        {func(c *Config) { c.Consumers = 0 }, 0, true},
		"fanout to 3":        {func(c *Config) { c.Consumers, c.Queues, c.ExchangeType = 3, 3, "fanout" }, 15_000, false},
		"direct to 2":        {func(c *Config) { c.Consumers, c.Queues, c.ExchangeType, c.RoutingKey = 2, 2, "direct", "k" }, 10_000, false},
		"direct, key each": {func(c *Config) {
			c.Producers, c.Consumers, c.Queues, c.ExchangeType = 2, 2, 2, "direct"
		}, 10_000, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := startNullBroker(t)
			c := Defaults()
			c.URL, c.Time, c.Messages = b.url, 0, 5000
			test.change(&c)
			r, err := Run(t.Context(), c, silent)
			require.NoError(t, err)
			assert.EqualValues(t, c.Messages*c.Producers, r.Sent)
			assert.Equal(t, test.deliveries, r.Received)
			if c.Confirm > 0 {
				assert.Equal(t, r.Sent, r.Confirmed)
				require.NotNil(t, r.Confirm)
				assert.EqualValues(t, r.Sent, r.Confirm.Count)
			} else {
				assert.Nil(t, r.Confirm)
			}
			if test.noLatency {
				assert.Nil(t, r.Latency)
			} else {
				require.NotNil(t, r.Latency)
				assert.EqualValues(t, r.Received, r.Latency.Count)
				assert.Positive(t, r.Latency.Min)
				assert.Less(t, r.Latency.Max, time.Minute)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			assert.Empty(t, b.queues, "queues are deleted")
			assert.Empty(t, b.exchanges, "exchanges are deleted")
			if !c.AutoAck && c.Consumers > 0 {
				assert.EqualValues(t, test.deliveries/int64(c.Consumers)/int64(c.AckEvery)*int64(c.AckEvery)*int64(c.Consumers), b.acked)
			}
		})
	}
}

// At a given rate the messages are spread over the time, not sent in a burst.
func TestRateIsKept(t *testing.T) {
	b := startNullBroker(t)
	c := Defaults()
	c.URL, c.Time, c.Messages, c.Rate, c.Producers = b.url, 0, 50, 500, 2
	r, err := Run(t.Context(), c, silent)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, r.Elapsed, 49*2*time.Millisecond)
	assert.Less(t, r.SentRate, 1100.0)
}

func TestTimedRunEndsAndForgetsTheWarmUp(t *testing.T) {
	b := startNullBroker(t)
	c := Defaults()
	c.URL, c.Warmup, c.Time, c.Rate, c.PID = b.url, 1500*time.Millisecond, 200*time.Millisecond, 1000, ownPID()
	r, err := Run(t.Context(), c, silent)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, r.Elapsed, c.Time)
	assert.Positive(t, r.Received)
	// A producer that was held up catches up, but not with the 1,500 of the warm-up.
	assert.Less(t, float64(r.Sent), 1000*r.Elapsed.Seconds()+1200)
	assert.LessOrEqual(t, r.Latency.Count, uint64(r.Sent)+1200)
	if c.PID != 0 {
		assert.Positive(t, r.Process.RSS)
		assert.Positive(t, r.Process.RSSAnon)
		assert.Less(t, r.Process.CPU, time.Minute)
	}
}

func TestReturnsAreCounted(t *testing.T) {
	b := startNullBroker(t)
	b.misroute = true
	c := Defaults()
	c.URL, c.Time, c.Messages, c.Consumers, c.Mandatory, c.Confirm = b.url, 0, 1000, 0, true, 100
	r, err := Run(t.Context(), c, silent)
	require.NoError(t, err)
	assert.EqualValues(t, 1000, r.Returned)
}

// What the broker says when it closes is what the user gets to read.
func TestBrokersErrorIsReported(t *testing.T) {
	b := startNullBroker(t)
	b.refuse = &amqp.ChannelClose{ReplyCode: 404, ReplyText: "NOT_FOUND - no exchange 'x' in vhost '/'", ClassID: 60, MethodID: 40}
	c := Defaults()
	c.URL = b.url
	_, err := Run(t.Context(), c, silent)
	var closed *link.CloseError
	require.ErrorAs(t, err, &closed)
	assert.EqualValues(t, 404, closed.Code)
	assert.ErrorContains(t, err, "producer 1: the broker closed the channel: 404 NOT_FOUND - no exchange 'x' in vhost '/'")
}

func TestNobodyListening(t *testing.T) {
	c := Defaults()
	c.URL = "amqp://127.0.0.1:1"
	_, err := Run(t.Context(), c, silent)
	assert.ErrorContains(t, err, "connection refused")
}

func TestProbes(t *testing.T) {
	b := startNullBroker(t)
	idle, err := Idle(t.Context(), IdleConfig{URL: b.url, Connections: 20, Hold: time.Millisecond, PID: ownPID()}, func(string) {})
	require.NoError(t, err)
	assert.Equal(t, 20, idle.Connections)

	queues, err := Queues(t.Context(), QueuesConfig{URL: b.url, Count: 450, BindingKey: "a.%d"}, func(string) {})
	require.NoError(t, err)
	assert.Positive(t, queues.DeclareRate)
	assert.Positive(t, queues.BindRate)
	assert.Positive(t, queues.DeleteRate)
	assert.Empty(t, b.queues)
	assert.Empty(t, b.exchanges)
}

// The generator must be much faster than what it measures. This is both of its
// sides and the null broker on one machine.
func BenchmarkNullBroker(b *testing.B) {
	for name, change := range map[string]func(*Config){
		"100B/auto-ack":  func(c *Config) { c.AutoAck = true },
		"100B/ack-100":   func(c *Config) {},
		"100B/confirms":  func(c *Config) { c.AutoAck, c.Confirm = true, 2000 },
		"100KB/auto-ack": func(c *Config) { c.AutoAck, c.Size = true, 100_000 },
		"100B/fanout-50": func(c *Config) { c.AutoAck, c.ExchangeType, c.Queues, c.Consumers = true, "fanout", 50, 50 },
		"100B/4-queues":  func(c *Config) { c.Queues, c.Producers, c.Consumers = 4, 4, 4 },
	} {
		b.Run(name, func(b *testing.B) {
			null := startNullBroker(b)
			c := Defaults()
			c.URL, c.Time, c.Messages = null.url, 0, b.N
			change(&c)
			r, err := Run(b.Context(), c, silent)
			require.NoError(b, err)
			b.ReportMetric(r.ReceivedRate, "deliveries/s")
		})
	}
}
