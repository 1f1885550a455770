package broker_test

// What much of everything costs: connections that idle, queues, bindings. Run
// with -scale.connections=10000 -scale.queues=100000 for the full measure.

import (
	"bytes"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

var (
	scaleConnections = flag.Int("scale.connections", 500, "idle connections of TestIdleConnections; each takes two file descriptors")
	scaleQueues      = flag.Int("scale.queues", 10_000, "queues of TestManyQueues")
)

// memoryInUse is the bytes of heap and stacks in use.
func memoryInUse() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// perSecond is the rate of n since a time.
func perSecond(n int, since time.Time) float64 {
	return float64(n) / delay.Real{}.Now().Sub(since).Seconds()
}

// An idle connection with a channel costs 16 KB at most, its client's end in
// this process included.
func TestIdleConnections(t *testing.T) {
	n := *scaleConnections
	b := start(t, broker.Config{})
	addr := listen(t, b)
	before := memoryInUse()
	began := delay.Real{}.Now()
	conns := make([]*rawClient, n)
	for i := range conns {
		conns[i] = rawTCP(t, addr)
		conns[i].channel(1)
		conns[i].in = nil // a client's buffer is its own affair
	}
	rate := perSecond(n, began)
	require.Len(t, b.Snapshot().Connections, n)
	each := (memoryInUse() - before) / int64(n)
	t.Logf("%d connections, %.0f opened a second, %d bytes each", n, rate, each)
	if !raceDetector {
		assert.LessOrEqual(t, each, int64(16<<10))
	}
}

// A connection that was busy costs no more than another once it is idle, which
// its heartbeats tell.
func TestConnectionsThatWereBusy(t *testing.T) {
	const n = 50
	b := start(t, broker.Config{})
	addr := listen(t, b)
	publish := appendPublish(nil, 1, "", "nowhere", make([]byte, 1000))
	burst := bytes.Repeat(publish, 500)
	before := memoryInUse()
	conns := make([]*rawClient, n)
	for i := range conns {
		conns[i] = rawTCP(t, addr)
		conns[i].channel(1)
		for range 4 {
			conns[i].write(burst)
		}
		conns[i].send(1, &amqp.BasicQos{})
		expect[*amqp.BasicQosOk](conns[i])
		conns[i].in = nil
	}
	each := func() int64 { return (memoryInUse() - before) / n }
	t.Logf("busy: %d bytes each", each())
	for _, c := range conns {
		c.write(amqp.AppendHeartbeat(nil))
	}
	eventually(t, "the memory is given back", func() bool { return each() <= 16<<10 || raceDetector })
	t.Logf("idle: %d bytes each", each())
}

// A queue costs 2 KB at most, its name and its place in a binding included.
func TestManyQueues(t *testing.T) {
	n := *scaleQueues
	b := start(t, broker.Config{})
	c := rawTCP(t, listen(t, b))
	c.channel(1)
	before := memoryInUse()
	declared := c.pipeline(n, func(p []byte, i int) []byte {
		return amqp.AppendMethod(p, 1, &amqp.QueueDeclare{Queue: fmt.Sprintf("queue.%d", i)})
	})
	plain := (memoryInUse() - before) / int64(n)
	bound := c.pipeline(n, func(p []byte, i int) []byte {
		return amqp.AppendMethod(p, 1, &amqp.QueueBind{
			Queue: fmt.Sprintf("queue.%d", i), Exchange: "amq.topic", RoutingKey: fmt.Sprintf("key.%d.*", i),
		})
	})
	each := (memoryInUse() - before) / int64(n)

	v := vhost(t, b)
	reached, err := v.Publish("amq.topic", fmt.Sprintf("key.%d.x", n/2), broker.Message{})
	require.NoError(t, err)
	assert.Equal(t, 1, reached)
	deleted := c.pipeline(n, func(p []byte, i int) []byte {
		return amqp.AppendMethod(p, 1, &amqp.QueueDelete{Queue: fmt.Sprintf("queue.%d", i)})
	})
	t.Logf("%d queues: %.0f declared, %.0f bound, %.0f deleted a second; %d bytes each, %d with a topic binding",
		n, declared, bound, deleted, plain, each)
	if !raceDetector {
		assert.LessOrEqual(t, each, int64(2<<10))
	}
	left := (memoryInUse() - before) / int64(n)
	assert.Less(t, left, int64(400), "what is left of each after its deletion")
}

// pipeline sends n requests, a hundred at a time, waits for the answers, and
// returns the rate.
func (c *rawClient) pipeline(n int, request func(p []byte, i int) []byte) float64 {
	c.t.Helper()
	began := delay.Real{}.Now()
	var p []byte
	waiting := 0
	for i := range n {
		p = request(p, i)
		if waiting++; waiting == 100 || i == n-1 {
			c.write(p)
			p = p[:0]
			for ; waiting > 0; waiting-- {
				f := c.next()
				require.EqualValues(c.t, amqp.FrameMethod, f.kind)
				_, closed := f.method(c.t).(*amqp.ChannelClose)
				require.False(c.t, closed)
			}
		}
	}
	return perSecond(n, began)
}
