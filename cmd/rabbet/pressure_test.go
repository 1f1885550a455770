package main

// What holds under pressure, measured: the long form compares with RabbitMQ and with limits.
//
//	go test ./cmd/rabbet -run TestDeclareRate -pressure.for 10s -v     RABBITMQ_URL is compared with
//	go test ./cmd/rabbet -run TestOneProcessor -pressure.for 10s -v

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

var pressureFor = flag.Duration("pressure.for", 0, "how long TestDeclareRate and TestOneProcessor measure; 0 is briefly, and without the limits on speed")

// long reports whether speed is measured, and for how long the load goes on.
func long() (bool, time.Duration) { return *pressureFor > 0, max(*pressureFor, 500*time.Millisecond) }

// declare-ok-not-synced: what declare-ok was sent for is there after kill -9 (BASIC-17), and
// the wait for the disk is shared: twenty connections declare several times as fast as
// with RabbitMQ.
func TestDeclareRate(t *testing.T) {
	measured, during := long()
	args := []string{"serve", "--management", "off", "--data-dir", t.TempDir(), "--log-level", "error"}
	s := start(t, nil, args...)
	names := declareAlike(t, "amqp://guest:guest@"+s.address, "declared", during)
	require.NoError(t, s.cmd.Process.Kill())
	_ = s.cmd.Wait() // killed
	ours := float64(len(names)) / during.Seconds()
	t.Logf("Rabbet: %d queues in %v, %.0f a second", len(names), during, ours)
	s = start(t, nil, args...)
	ch := dialChannel(t, "amqp://guest:guest@"+s.address)
	for _, name := range names {
		_, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		require.NoError(t, err, "declare-ok had come")
	}
	if url := os.Getenv("RABBITMQ_URL"); measured && url != "" {
		names := declareAlike(t, url, "declared", during)
		theirs := float64(len(names)) / during.Seconds()
		t.Logf("RabbitMQ: %d queues in %v, %.0f a second: %.1f times", len(names), during, theirs, ours/theirs)
		assert.GreaterOrEqual(t, ours, 3*theirs)
	}
}

// dialChannel is a channel of a connection for the length of the test.
func dialChannel(t *testing.T, url string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // the broker may have gone
	ch, err := conn.Channel()
	require.NoError(t, err)
	return ch
}

// declareAlike has twenty connections declare durable queues for a while, and returns the
// names of those for which declare-ok came.
func declareAlike(t *testing.T, url, prefix string, during time.Duration) (names []string) {
	var declarers sync.WaitGroup
	var mu sync.Mutex
	clock := delay.Real{}
	channels := make([]*amqp.Channel, 20)
	for i := range channels {
		channels[i] = dialChannel(t, url)
	}
	end := clock.Now().Add(during)
	for i, ch := range channels {
		declarers.Go(func() {
			var mine []string
			for n := 0; clock.Now().Before(end); n++ {
				name := fmt.Sprintf("%s-%d-%d", prefix, i, n)
				_, err := ch.QueueDeclare(name, true, false, false, false, nil)
				if !assert.NoError(t, err) {
					break
				}
				mine = append(mine, name)
			}
			mu.Lock()
			defer mu.Unlock()
			names = append(names, mine...)
		})
	}
	declarers.Wait()
	return names
}

// one-processor-starves-consumers: with one processor consumers keep up with publishers,
// memory stays small, and another connection is answered.
func TestOneProcessor(t *testing.T) {
	measured, during := long()
	for _, c := range []struct {
		clients int
		median  time.Duration
		memory  int64 // MB
		atLeast float64
	}{
		{1, 50 * time.Millisecond, 500, 0},
		{4, 50 * time.Millisecond, 500, 1_000_000},
		{16, 50 * time.Millisecond, 500, 0},
		{100, 200 * time.Millisecond, 1000, 0},
	} {
		if !measured && c.clients != 4 {
			continue
		}
		t.Run(fmt.Sprint(c.clients), func(t *testing.T) {
			s := start(t, []string{"GOMAXPROCS=1"}, "serve", "--memory", "--management", "off", "--log-level", "error")
			url, n := "amqp://guest:guest@"+s.address, strconv.Itoa(c.clients)
			stop := timeConfirms(t, url)
			code, out, errs := run(t, nil, "perf", "--url", url, "--producers", n, "--consumers", n, "--queues", n,
				"--warmup", "1s", "--time", during.String(), "--json")
			require.Zero(t, code, errs)
			median := stop()
			var got struct {
				SentRate     float64 `json:"sent_rate"`
				ReceivedRate float64 `json:"received_rate"`
			}
			require.NoError(t, json.Unmarshal([]byte(out), &got))
			memory := peakMemory(t, s.cmd.Process.Pid)
			t.Logf("%d publishers and consumers: %.0f k published, %.0f k delivered a second (%.0f %%), %d MB, another's confirm %v at the median",
				c.clients, got.SentRate/1000, got.ReceivedRate/1000, 100*got.ReceivedRate/got.SentRate, memory, median)
			assert.Less(t, memory, c.memory, "megabytes")
			if measured {
				assert.GreaterOrEqual(t, got.ReceivedRate, 0.9*got.SentRate)
				assert.GreaterOrEqual(t, got.ReceivedRate, c.atLeast)
				assert.LessOrEqual(t, median, c.median)
			}
		})
	}
}

// timeConfirms publishes and waits for the confirm, again and again, until it is stopped; it
// returns the median.
func timeConfirms(t *testing.T, url string) (stop func() time.Duration) {
	ch := dialChannel(t, url)
	require.NoError(t, ch.Confirm(false))
	q, err := ch.QueueDeclare("", false, false, true, false, amqp.Table{"x-max-length": 1})
	require.NoError(t, err)
	var over atomic.Bool
	var took []time.Duration
	done := make(chan struct{})
	go func() {
		defer close(done)
		for clock := (delay.Real{}); !over.Load(); {
			began := clock.Now()
			confirm, err := ch.PublishWithDeferredConfirm("", q.Name, false, false, amqp.Publishing{})
			if !assert.NoError(t, err) || !assert.True(t, confirm.Wait()) {
				return
			}
			took = append(took, clock.Now().Sub(began))
		}
	}()
	return func() time.Duration {
		over.Store(true)
		<-done
		require.NotEmpty(t, took)
		slices.Sort(took)
		return took[len(took)/2].Round(10 * time.Microsecond)
	}
}

// peakMemory is the most memory that a process has had, in MB.
func peakMemory(t *testing.T, pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("this system does not tell the memory of a process: ", err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, m)
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	require.NoError(t, err)
	return kb / 1000
}
