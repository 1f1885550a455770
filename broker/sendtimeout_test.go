package broker_test

// Case F9-send-timeout: a client that has stopped reading does not keep its consumers.

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// deafConsumer consumes from a queue of n messages, and reads no further than consume-ok.
func deafConsumer(t *testing.T, b *broker.Broker, c *rawClient, n, size int) *broker.VHost {
	v := vhost(t, b)
	declare(t, v, "q")
	c.channel(1)
	c.send(1, &amqp.BasicConsume{Queue: "q"})
	expect[*amqp.BasicConsumeOk](c)
	for range n {
		_, err := v.Publish("", "q", broker.Message{Body: make([]byte, size)})
		require.NoError(t, err)
	}
	return v
}

func TestClientThatDoesNotReadIsDropped(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"by default": 30 * time.Second, "sooner": 6 * time.Second, "never": -1} {
		for _, size := range []int{100, 100_000} {
			t.Run(name, func(t *testing.T) {
				underClock(t, broker.Config{SendTimeout: timeout}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
					n := 4_000_000 / size
					v := deafConsumer(t, b, rawOpen(t, b, 0), n, size)
					holds := func() queue.Counts {
						counts, err := v.Counts("q")
						require.NoError(t, err)
						return counts
					}
					if timeout < 0 {
						pass(clock, 24*time.Hour)
						assert.Equal(t, 1, holds().Consumers)
						return
					}
					for range 5 {
						pass(clock, timeout/6)
					}
					assert.Equal(t, 1, holds().Consumers, "it has its time")
					pass(clock, timeout/6)
					pass(clock, timeout/6)
					eventually(t, "it is dropped", func() bool { return holds().Consumers == 0 })
					assert.Equal(t, n, holds().Ready, "its messages are there for others")
				})
			})
		}
	}
}

// A client that reads slowly, or has nothing to read, stays.
func TestSlowClientStays(t *testing.T) {
	underClock(t, broker.Config{SendTimeout: 30 * time.Second}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		idle := rawOpen(t, b, 0)
		c := rawOpen(t, b, 0)
		v := deafConsumer(t, b, c, 10, 1<<20)
		for range 20 { // much less in 30 s than one message
			pass(clock, 5*time.Second)
			_, err := io.CopyN(io.Discard, c.in, 64<<10)
			require.NoError(t, err)
		}
		counts, err := v.Counts("q")
		require.NoError(t, err)
		assert.Equal(t, 1, counts.Consumers)
		idle.channel(1)
		synctest.Wait()
		pass(clock, time.Hour)
		idle.channel(2)
	})
}

// A jump of the clock while a write is under way drops nobody who reads.
func TestJumpOfTheClockDropsNoReader(t *testing.T) {
	clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	b := start(t, broker.Config{PeerClock: clock})
	c := rawTCP(t, listen(t, b))
	deafConsumer(t, b, c, 1, 16<<20)
	eventually(t, "the write is under way", func() bool {
		clock.Advance(time.Second)
		return b.Snapshot().Connections[0].Sent > 1<<16
	})
	clock.Advance(time.Hour)
	expect[*amqp.BasicDeliver](c)
	for got := 0; got < 16<<20; {
		if f := c.next(); f.kind == amqp.FrameBody {
			got += len(f.payload)
		}
	}
	c.channel(2)
}

// Over TCP a write that was interrupted to see how far it is goes on where it was.
func TestInterruptedWriteGoesOn(t *testing.T) {
	const n, size = 24, 2 << 20
	clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	b := start(t, broker.Config{PeerClock: clock})
	c := rawTCP(t, listen(t, b))
	v := deafConsumer(t, b, c, n, size)
	for i := range n {
		eventually(t, "more is written", func() bool {
			clock.Advance(5 * time.Second)
			return b.Snapshot().Connections[0].Sent > uint64(i*size)
		})
		d := expect[*amqp.BasicDeliver](c)
		assert.EqualValues(t, i+1, d.DeliveryTag)
		for got := 0; got < size; {
			if f := c.next(); f.kind == amqp.FrameBody {
				got += len(f.payload)
			}
		}
	}
	counts, err := v.Counts("q")
	require.NoError(t, err)
	assert.Equal(t, queue.Counts{Unacked: n, Consumers: 1}, counts)
}

// Over TLS a client that has stopped reading is dropped as well, and its message is there
// for others.
func TestTLSClientThatDoesNotReadIsDropped(t *testing.T) {
	clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	b := start(t, broker.Config{PeerClock: clock})
	ca := newAuthority(t)
	addr, err := b.ListenTLS("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{ca.sign(t, pkix.Name{CommonName: "localhost"})}})
	require.NoError(t, err)
	nc, err := tls.Dial("tcp", addr.String(), &tls.Config{RootCAs: ca.pool, ServerName: "localhost"})
	require.NoError(t, err)
	c := newRawClient(t, nc)
	c.open(0)
	v := deafConsumer(t, b, c, 1, 64<<20)
	eventually(t, "it is dropped", func() bool {
		clock.Advance(5 * time.Second)
		counts, err := v.Counts("q")
		require.NoError(t, err)
		return counts.Consumers == 0 && counts.Ready == 1
	})
}
