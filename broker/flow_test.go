package broker_test

// A consumer without a prefetch limit that stops reading, while more is
// published to its queue than anybody would want in its outbox (BASIC-38). Run
// with -flow.bytes=1073741824 for a gigabyte.

import (
	"encoding/binary"
	"flag"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// briefly is what is published unless a flag says more: enough to fill every
// buffer, too little to tell a pace by, on a busy machine.
const briefly = 32 << 20

var flowBytes = flag.Int("flow.bytes", briefly, "bytes that TestConsumerThatStopsReading publishes")

// maxOutbox is what a connection may have in its outbox at any time.
const maxOutbox = 16 << 20

func TestConsumerThatStopsReading(t *testing.T) {
	for _, tc := range []struct {
		name  string
		size  int
		part  int // of flow.bytes: small messages take their time
		noAck bool
	}{
		{"1 MB", 1 << 20, 1, false},
		{"1 MB, no-ack", 1 << 20, 1, true},
		{"10 KB", 10 << 10, 1, false},
		{"100 B", 100, 4, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			total := *flowBytes / tc.part
			if *flowBytes > briefly {
				total = *flowBytes
			}
			stopReading(t, tc.size, total/tc.size, tc.noAck)
		})
	}
}

func stopReading(t *testing.T, size, n int, noAck bool) {
	b := start(t, broker.Config{})
	addr := listen(t, b)
	v := vhost(t, b)
	declare(t, v, "big")
	declare(t, v, "control")
	slow, fast := rawTCP(t, addr), rawTCP(t, addr)
	slow.channel(1)
	slow.send(1, &amqp.BasicConsume{Queue: "big", NoAck: noAck})
	expect[*amqp.BasicConsumeOk](slow)
	fast.channel(1)

	pings := startPings(t, b, addr)
	// The pace of others under the same load, but for the consumer.
	largest := 0
	fast.publishMany(n, "control", size, nil)
	undisturbed := pings.restart()
	_, err := v.Purge("control")
	require.NoError(t, err)
	fast.publishMany(n, "big", size, func() { largest = max(largest, b.LargestOutbox()) })
	disturbed := pings.stop()

	counts, err := v.Counts("big")
	require.NoError(t, err)
	assert.Equal(t, n, counts.Ready+counts.Unacked+noAckGone(noAck, n, counts))
	assert.Less(t, largest, maxOutbox, "the outbox of the connection")
	// Besides what the outbox held, the sockets' buffers have had their part.
	assert.Greater(t, counts.Ready, n/4, "the messages stay in the queue")
	t.Logf("%d messages of %d bytes: outbox at most %d KB, %d ready, %d unacked, heap %d MB; "+
		"others %.0f round trips a second, slowest %v; before %.0f, slowest %v",
		n, size, largest>>10, counts.Ready, counts.Unacked, heapInUse()>>20,
		disturbed.rate(), disturbed.slowest, undisturbed.rate(), undisturbed.slowest)
	if *flowBytes > briefly {
		assert.Greater(t, disturbed.rate(), undisturbed.rate()/4, "others keep their pace")
	}
	assert.Less(t, disturbed.slowest, 5*time.Second, "others go on")

	slow.consumeMany(n)
	if !noAck {
		slow.send(1, &amqp.BasicAck{DeliveryTag: uint64(n), Multiple: true})
	}
	eventually(t, "all is consumed", func() bool {
		counts, err := v.Counts("big")
		require.NoError(t, err)
		return counts == queue.Counts{Consumers: 1}
	})
}

// noAckGone is the number of deliveries that count nowhere any more.
func noAckGone(noAck bool, n int, c queue.Counts) int {
	if !noAck {
		return 0
	}
	return n - c.Ready - c.Unacked
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// rawTCP is a raw client with an open connection over TCP.
func rawTCP(t testing.TB, addr string) *rawClient {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	c := newRawClient(t, nc)
	c.open(0)
	return c
}

// publishMany publishes n numbered messages and returns when the broker has
// them. It calls look now and then.
func (c *rawClient) publishMany(n int, key string, size int, look func()) {
	c.t.Helper()
	one := appendPublish(nil, 1, "", key, make([]byte, size))
	number := len(appendPublish(nil, 1, "", key, nil)) + amqp.FrameHeaderSize
	var p []byte
	for i := range n {
		at := len(p) + number
		p = append(p, one...)
		binary.BigEndian.PutUint64(p[at:], uint64(i+1))
		if len(p) > 64<<10 || i == n-1 {
			c.write(p)
			p = p[:0]
			if look != nil {
				look()
			}
		}
	}
	c.send(1, &amqp.QueueDeclare{Queue: key, Passive: true})
	expect[*amqp.QueueDeclareOk](c)
}

// consumeMany reads n deliveries of numbered messages and checks their order.
func (c *rawClient) consumeMany(n int) {
	c.t.Helper()
	for i := range uint64(n) {
		d := expect[*amqp.BasicDeliver](c)
		require.Equal(c.t, i+1, d.DeliveryTag)
		header := c.next()
		require.EqualValues(c.t, amqp.FrameHeader, header.kind)
		left := int(binary.BigEndian.Uint64(header.payload[4:]))
		for first := true; left > 0; first = false {
			body := c.next().payload
			if first {
				require.Equal(c.t, i+1, binary.BigEndian.Uint64(body))
			}
			left -= len(body)
		}
	}
}

// pings are round trips of small messages through a queue of their own.
type pings struct {
	t       testing.TB
	mu      sync.Mutex
	pace    pace
	done    chan struct{}
	stopped sync.WaitGroup
}

// A pace is how fast they were.
type pace struct {
	since   time.Time
	until   time.Time
	n       int
	slowest time.Duration
}

func (p pace) rate() float64 { return float64(p.n) / p.until.Sub(p.since).Seconds() }

func startPings(t testing.TB, b *broker.Broker, addr string) *pings {
	declare(t, vhost(t, b), "pings")
	p := &pings{t: t, done: make(chan struct{})}
	p.pace.since = delay.Real{}.Now()
	c := rawTCP(t, addr)
	c.channel(1)
	c.send(1, &amqp.BasicConsume{Queue: "pings", NoAck: true})
	expect[*amqp.BasicConsumeOk](c)
	ping := appendPublish(nil, 1, "", "pings", []byte("ping"))
	p.stopped.Go(func() {
		for {
			select {
			case <-p.done:
				return
			default:
			}
			began := delay.Real{}.Now()
			c.write(ping)
			expect[*amqp.BasicDeliver](c)
			c.next()
			c.next()
			p.count(began)
		}
	})
	return p
}

func (p *pings) count(began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace.n++
	p.pace.slowest = max(p.pace.slowest, delay.Real{}.Now().Sub(began))
}

// restart returns the pace so far and measures anew.
func (p *pings) restart() pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.pace
	old.until = delay.Real{}.Now()
	p.pace = pace{since: old.until}
	return old
}

func (p *pings) stop() pace {
	close(p.done)
	p.stopped.Wait()
	return p.restart()
}

// A client that consumes slowly with a prefetch limit has no more than that in
// flight, however much there is.
func TestPrefetchLimitsWhatIsOut(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "q")
	ch := channel(t, b)
	require.NoError(t, ch.Qos(10, 0, false))
	deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
	require.NoError(t, err)
	for range 100 {
		_, err := v.Publish("", "q", broker.Message{})
		require.NoError(t, err)
	}
	for i := range 100 {
		n, err := v.Counts("q")
		require.NoError(t, err)
		require.Equal(t, queue.Counts{Ready: max(0, 90-i), Unacked: min(10, 100-i), Consumers: 1}, n)
		var d amqp091.Delivery = receive(t, deliveries)
		require.NoError(t, d.Ack(false))
		eventually(t, "the acknowledgement", func() bool {
			n, err := v.Counts("q")
			require.NoError(t, err)
			return n.Ready+n.Unacked == 99-i
		})
	}
}
