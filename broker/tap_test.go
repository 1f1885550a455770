package broker_test

// What a Tap sees and does, frame by frame. Package brokertest's tests go through
// the whole of it with the official client.

import (
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// on is a tap that has one verdict for the n-th call of a name, from 1, and all
// calls if n is 0.
func on(name string, n int, v tap.Verdict) *tap.Tap {
	var mu sync.Mutex
	seen := 0
	return &tap.Tap{Decide: func(c *tap.Call) tap.Verdict {
		mu.Lock()
		defer mu.Unlock()
		if c.Method != name {
			return tap.Verdict{}
		}
		if seen++; n != 0 && seen != n {
			return tap.Verdict{}
		}
		return v
	}}
}

// tapped is a client of a broker with a tap and a queue "q", its channel 1 open.
func tapped(t *testing.T, tap *tap.Tap) (*rawClient, *broker.VHost) {
	b := start(t, broker.Config{Tap: tap})
	v := vhost(t, b)
	declare(t, v, "q")
	c := rawOpen(t, b, 0)
	c.channel(1)
	return c, v
}

// A confirm that is never sent is not covered by one that comes after it.
func TestTapLeavesAConfirmOut(t *testing.T) {
	for _, name := range []string{tap.CallPublish, tap.CallConfirm} {
		c, v := tapped(t, on(name, 3, tap.Verdict{Act: tap.ActUnconfirmed}))
		c.send(1, &amqp.ConfirmSelect{})
		expect[*amqp.ConfirmSelectOk](c)
		for _, run := range [][]uint64{{1, 2, 4, 5}, {6, 7, 8}} {
			var p []byte
			for range 5 {
				p = appendPublish(p, 1, "", "q", []byte("m"))
			}
			if run[0] == 6 {
				p = p[:len(p)/5*3]
			}
			c.write(p)
			for _, tag := range run {
				assert.Equal(t, &amqp.BasicAck{DeliveryTag: tag}, expect[*amqp.BasicAck](c))
			}
		}
		counts, err := v.Counts("q")
		require.NoError(t, err)
		assert.Equal(t, 8, counts.Ready, "it was handled like the others")
	}
}

// A second delivery is settled like any other, and nothing comes of it.
func TestTapDeliversTwice(t *testing.T) {
	for name, answer := range map[string]amqp.Method{
		"acked":    &amqp.BasicAck{DeliveryTag: 2, Multiple: true},
		"requeued": &amqp.BasicNack{DeliveryTag: 2, Multiple: true, Requeue: true},
		"dropped":  &amqp.BasicReject{DeliveryTag: 2},
	} {
		t.Run(name, func(t *testing.T) {
			c, v := tapped(t, on(tap.CallDeliver, 1, tap.Verdict{Act: tap.ActTwice}))
			c.send(1, &amqp.BasicConsume{Queue: "q", ConsumerTag: "c"})
			expect[*amqp.BasicConsumeOk](c)
			c.write(appendPublish(nil, 1, "", "q", []byte("m")))
			for tag := range uint64(2) {
				d := expect[*amqp.BasicDeliver](c)
				assert.Equal(t, tag+1, d.DeliveryTag)
				assert.Equal(t, tag == 1, d.Redelivered)
				c.next()
				assert.Equal(t, "m", string(c.next().payload))
			}
			c.send(1, &amqp.BasicCancel{ConsumerTag: "c"}, answer)
			expect[*amqp.BasicCancelOk](c)
			if name == "dropped" { // the first is still out
				c.send(1, &amqp.BasicAck{DeliveryTag: 1})
			}
			c.send(1, &amqp.QueueDeclare{Queue: "q", Passive: true})
			left := uint32(0)
			if name == "requeued" {
				left = 1
			}
			assert.Equal(t, left, expect[*amqp.QueueDeclareOk](c).MessageCount)
			counts, err := v.Counts("q")
			require.NoError(t, err)
			assert.Zero(t, counts.Unacked)
		})
	}
}

// A reset cuts the answer in the middle of its frame, whatever the answer is. A
// pipe that is reset may take back what was not read: it is not, here.
func TestTapResetsInTheMiddleOfAFrame(t *testing.T) {
	for _, tc := range []struct {
		name string
		call string
		send func(c *rawClient)
	}{
		{"answer", "queue.declare", func(c *rawClient) { c.send(1, &amqp.QueueDeclare{Queue: "new"}) }},
		{"confirm", tap.CallConfirm, func(c *rawClient) { c.write(appendPublish(nil, 1, "", "q", []byte("m"))) }},
		{"publish", tap.CallPublish, func(c *rawClient) { c.write(appendPublish(nil, 1, "", "q", []byte("m"))) }},
		{"delivery", tap.CallDeliver, func(c *rawClient) {
			c.send(1, &amqp.BasicConsume{Queue: "q", NoWait: true})
			c.write(appendPublish(nil, 1, "", "q", []byte("m")))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := start(t, broker.Config{Tap: on(tc.call, 1, tap.Verdict{Act: tap.ActReset})})
			declare(t, vhost(t, b), "q")
			client, server := broker.Pipe()
			served := make(chan struct{})
			go func() { // without SetLinger, so that all that was written can be read
				defer close(served)
				_ = b.ServeConn(struct{ net.Conn }{server})
			}()
			c := newRawClient(t, client)
			c.open(0)
			c.channel(1)
			if tc.name != "delivery" {
				c.send(1, &amqp.ConfirmSelect{})
				expect[*amqp.ConfirmSelectOk](c)
			}
			tc.send(c)
			half, _ := io.ReadAll(c.in)
			assert.Greater(t, len(half), 3)
			assert.NotContains(t, half, byte(amqp.FrameEnd), "no frame has come to its end")
			<-served
			assert.Empty(t, b.Snapshot().Connections)
		})
	}
}

// A call without an answer has the connection reset too.
func TestTapResetsWithoutAnAnswer(t *testing.T) {
	c, _ := tapped(t, on("basic.cancel", 1, tap.Verdict{Act: tap.ActReset}))
	c.send(1, &amqp.BasicCancel{ConsumerTag: "none", NoWait: true})
	_, err := c.read()
	assert.ErrorIs(t, err, syscall.ECONNRESET)
}

// Delays keep the broker's time, and the broker's end does not wait for them.
func TestTapDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		b, err := broker.New(broker.Config{
			Clock: clock, PeerClock: delay.Real{}, Tap: on("queue.declare", 0, tap.Verdict{Delay: time.Hour}),
		})
		require.NoError(t, err)
		c := rawOpen(t, b, 0)
		c.channel(1)
		c.send(1, &amqp.QueueDeclare{Queue: "new"})
		synctest.Wait()
		assert.Empty(t, b.Snapshot().VHosts[0].Queues)
		clock.Advance(time.Hour)
		expect[*amqp.QueueDeclareOk](c)
		c.send(1, &amqp.QueueDeclare{Queue: "another"})
		synctest.Wait()
		go func() {
			expect[*amqp.QueueDeclareOk](c)
			expect[*amqp.ConnectionClose](c)
			c.send(0, &amqp.ConnectionCloseOk{})
		}()
		require.NoError(t, b.Shutdown(t.Context()))
		synctest.Wait()
	})
}

// A message keeps its number on disk, out of memory, and in the next broker.
func TestTapKnowsMessagesAgain(t *testing.T) {
	const n = 500
	var mu sync.Mutex
	published, delivered := map[string]uint64{}, map[string]uint64{}
	tap := &tap.Tap{Record: func(e tap.Event) uint64 {
		mu.Lock()
		defer mu.Unlock()
		switch e.Kind {
		case tap.EventPublished:
			published[string(e.Msg.Body)] = uint64(len(published) + 1000)
			return published[string(e.Msg.Body)]
		case tap.EventGone:
			assert.EqualValues(t, "purged", e.Reason)
			delivered[e.Queue] = e.ID
		}
		return 0
	}}
	dir := t.TempDir()
	open := func() *broker.Broker {
		st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		b, err := broker.New(broker.Config{Store: st, Tap: tap})
		require.NoError(t, err)
		return b
	}
	b := open()
	v := vhost(t, b)
	for name, args := range map[string]map[string]any{"q": nil, "lazy": {"x-queue-mode": "lazy"}} {
		_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true, Args: args})
		require.NoError(t, err)
	}
	for i := range n {
		m := broker.Message{Body: []byte{byte(i >> 8), byte(i)}}
		m.Properties.Flags, m.Properties.DeliveryMode = amqp.HasDeliveryMode, 2
		for _, name := range []string{"q", "lazy"} {
			_, err := v.Publish("", name, m)
			require.NoError(t, err)
		}
	}
	require.NoError(t, b.Close())
	b = open()
	defer func() { require.NoError(t, b.Close()) }()
	for _, name := range []string{"q", "lazy"} {
		purged, err := vhost(t, b).Purge(name)
		require.NoError(t, err)
		require.Equal(t, n, purged)
	}
	assert.Equal(t, published[string([]byte{byte((n - 1) >> 8), byte((n - 1) & 0xff)})], delivered["lazy"])
	assert.Contains(t, delivered, "q")
}
