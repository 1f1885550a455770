package broker_test

// What one client can make the broker hold, or do, is bounded.

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

// inUse is the heap in bytes after a collection.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Case get-burst-unbounded-memory: one read holds thousands of basic.get. They are answered
// as far as the client reads.
func TestBurstOfGetsIsAnsweredAsFarAsItIsRead(t *testing.T) {
	const messages, size = 1000, 100_000
	b := start(t, broker.Config{})
	vh, err := b.VHost("")
	require.NoError(t, err)
	_, err = vh.DeclareQueue(broker.Queue{Name: "q"})
	require.NoError(t, err)
	body := make([]byte, size)
	for range messages {
		_, err := vh.Publish("", "q", broker.Message{Body: body})
		require.NoError(t, err)
	}
	c := rawOpen(t, b, 0)
	c.channel(1)
	var burst []byte
	for range messages {
		burst = amqp.AppendMethod(burst, 1, &amqp.BasicGet{Queue: "q"})
	}
	c.write(burst)
	expect[*amqp.BasicGetOk](c) // the burst is being handled
	counts, err := vh.Counts("q")
	require.NoError(t, err)
	assert.Less(t, counts.Unacked, messages/4, "what is out at once")
	frames := 0
	for got := 1; got < messages; frames++ {
		if f := c.next(); f.kind == amqp.FrameMethod {
			got++
		}
	}
	counts, err = vh.Counts("q")
	require.NoError(t, err)
	assert.Equal(t, messages, counts.Unacked, "all of it is answered once the client reads")
}

// Case alarm-ignored-mid-body: an alarm stops a body that is under way.
func TestAlarmStopsBodyUnderWay(t *testing.T) {
	const size = 64 << 20
	b := start(t, broker.Config{})
	for _, piece := range []int{1000, 128 << 10} { // in the read buffer, and straight into the message
		c := rawOpen(t, b, 0)
		c.channel(1)
		p := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{RoutingKey: "nowhere"})
		p = amqp.AppendHeader(p, 1, 60, size, []byte{0, 0})
		c.write(amqp.AppendBody(p, 1, make([]byte, piece), 0))
		c.channel(2) // the piece has been read
		before := inUse()
		b.SetAlarm(broker.MemoryAlarm, true)
		taken := writeUntilFull(t, c, amqp.AppendBody(nil, 1, make([]byte, piece), 0), size)
		assert.Less(t, taken, 4<<20, "pieces of %d bytes", piece)
		assert.Less(t, inUse()-before, int64(8<<20))
		b.SetAlarm(broker.MemoryAlarm, false)
	}
}

// Case F8-returns-unread: a client with one thread publishes everything before it reads
// what came back.
func TestReturnsWaitForClientWithOneThread(t *testing.T) {
	const messages, size = 30_000, 1000
	c := rawOpen(t, start(t, broker.Config{}), 0)
	c.channel(1)
	p := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{RoutingKey: "nowhere", Mandatory: true})
	p = amqp.AppendHeader(p, 1, 60, size, []byte{0, 0})
	p = amqp.AppendBody(p, 1, make([]byte, size), 131072)
	for range messages {
		c.write(p)
	}
	for range messages { // BASIC-3: method, header, body of each
		expect[*amqp.BasicReturn](c)
		c.next()
		c.next()
	}
}

// BASIC-73: direct replies to a client that does not read are dropped from 16 MiB on. It gets
// those before them.
func TestDirectRepliesToDeafClientAreDropped(t *testing.T) {
	const size, replies, least, most = 64 << 10, 1000, 16 << 20, 20 << 20
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "q")
	deaf := rawOpen(t, b, 0)
	deaf.channel(1)
	deaf.send(1, &amqp.BasicConsume{Queue: "amq.rabbitmq.reply-to", NoAck: true})
	expect[*amqp.BasicConsumeOk](deaf)
	request := amqp.Properties{Flags: amqp.HasReplyTo, ReplyTo: "amq.rabbitmq.reply-to"}
	deaf.write(appendPublishWith(nil, 1, "", "q", &request, nil))
	address := take(t, v, "q").Properties.ReplyTo

	server := rawOpen(t, b, 0)
	server.channel(1)
	before := inUse()
	for range replies {
		server.write(appendPublish(nil, 1, "", address, make([]byte, size)))
	}
	server.channel(2) // all of them have been handled
	assert.Less(t, inUse()-before, int64(most)+8<<20)

	deaf.send(1, &amqp.QueueDeclare{Queue: "q", Passive: true})
	got := 0
	for f := deaf.next(); ; f = deaf.next() {
		if f.kind == amqp.FrameBody {
			got += len(f.payload)
		} else if f.kind == amqp.FrameMethod {
			if _, ok := f.method(t).(*amqp.QueueDeclareOk); ok {
				break
			}
		}
	}
	assert.GreaterOrEqual(t, got, least)
	assert.LessOrEqual(t, got, most)
}

// Case route-cache-memory: what a connection remembers of its routes is bounded by the
// queues in them, not by the number of routes alone.
func TestRouteCacheIsBoundedByQueues(t *testing.T) {
	const queues, keys = 2000, 512
	b := start(t, broker.Config{})
	vh, err := b.VHost("")
	require.NoError(t, err)
	for i := range queues {
		name, err := vh.DeclareQueue(broker.Queue{Name: fmt.Sprint("q", i), Args: map[string]any{"x-max-length": 0}})
		require.NoError(t, err)
		require.NoError(t, vh.Bind(broker.Binding{Source: "amq.fanout", Destination: name}))
	}
	c := rawOpen(t, b, 0)
	c.channel(1)
	before := inUse()
	for i := range keys {
		c.write(appendPublish(nil, 1, "amq.fanout", fmt.Sprint("key", i), nil))
		if i%32 == 31 {
			c.channel(uint16(2 + i)) // all of them have been handled
		}
	}
	assert.Less(t, inUse()-before, int64(4<<20))
}

// Case tx-rollback-quadratic: N acknowledgements and a rollback, or the end of the channel,
// cost N. Each step has four times the acknowledgements of the one before.
func TestRollbackOfManyAcksIsLinear(t *testing.T) {
	for _, end := range []string{"rollback", "close", "rollback each"} {
		t.Run(end, func(t *testing.T) {
			b := start(t, broker.Config{})
			vh, err := b.VHost("")
			require.NoError(t, err)
			c := rawOpen(t, b, 0)
			c.channel(1)
			c.send(1, &amqp.QueueDeclare{Queue: "q"}, &amqp.TxSelect{})
			expect[*amqp.QueueDeclareOk](c)
			expect[*amqp.TxSelectOk](c)
			const acks = 40_000 // at a quadratic cost this is minutes
			for range acks {
				_, err := vh.Publish("", "q", broker.Message{})
				require.NoError(t, err)
			}
			c.send(1, &amqp.BasicConsume{Queue: "q"})
			expect[*amqp.BasicConsumeOk](c)
			for range acks {
				expect[*amqp.BasicDeliver](c)
				c.next()
			}
			var p []byte
			rollbacks := 1
			for tag := range uint64(acks) {
				p = amqp.AppendMethod(p, 1, &amqp.BasicAck{DeliveryTag: tag + 1})
				if end == "rollback each" && tag%8 == 0 {
					p = amqp.AppendMethod(p, 1, &amqp.TxRollback{})
					p = amqp.AppendMethod(p, 1, &amqp.BasicAck{DeliveryTag: tag + 1})
					rollbacks++
				}
			}
			if end == "close" {
				c.write(amqp.AppendMethod(p, 1, &amqp.ChannelClose{}))
				expect[*amqp.ChannelCloseOk](c)
				counts, err := vh.Counts("q")
				require.NoError(t, err)
				assert.Equal(t, acks, counts.Ready, "BASIC-87: acknowledgements of a transaction that is not committed do not count")
				return
			}
			go c.write(amqp.AppendMethod(p, 1, &amqp.TxRollback{}))
			for range rollbacks {
				expect[*amqp.TxRollbackOk](c)
			}
			counts, err := vh.Counts("q")
			require.NoError(t, err)
			assert.Equal(t, acks, counts.Unacked, "BASIC-85: a rollback requeues nothing")
		})
	}
}

// A panickingHandler is a log handler of a host that fails.
type panickingHandler struct{}

func (panickingHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingHandler) Handle(context.Context, slog.Record) error { panic("no log") }
func (h panickingHandler) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (h panickingHandler) WithGroup(string) slog.Handler           { return h }

// Case logger-panic-kills-process: nothing that is logged ends more than its line.
func TestPanickingLoggerHarmsNobody(t *testing.T) {
	b := start(t, broker.Config{Logger: slog.New(panickingHandler{})})
	for _, end := range []func(c *rawClient){
		func(c *rawClient) { c.nc.Close() },
		func(c *rawClient) {
			c.send(0, &amqp.ConnectionClose{})
			expect[*amqp.ConnectionCloseOk](c)
		},
		func(c *rawClient) { c.write([]byte("no frame at all")) },
	} {
		c := rawOpen(t, b, 0)
		c.channel(1)
		end(c)
	}
	rawOpen(t, b, 0).channel(1)
}

// writeUntilFull writes pieces until most bytes are written or the broker takes no more.
func writeUntilFull(t *testing.T, c *rawClient, piece []byte, most int) int {
	t.Helper()
	require.EqualValues(t, amqp.FrameBody, piece[0])
	require.Positive(t, binary.BigEndian.Uint32(piece[3:]))
	sent := 0
	for sent < most {
		n, full := c.tryWrite(piece)
		sent += n
		if full {
			break
		}
	}
	return sent
}
