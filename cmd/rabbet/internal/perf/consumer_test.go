package perf

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
	"github.com/rabbetmq/rabbet/delay"
)

// scriptedConn gives out its input in pieces of a fixed size and collects what
// is written.
type scriptedConn struct {
	net.Conn
	in    []byte
	piece int
	out   bytes.Buffer
}

func (c *scriptedConn) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.in[:min(c.piece, len(c.in))])
	c.in = c.in[n:]
	return n, nil
}

func (c *scriptedConn) Write(p []byte) (int, error) { return c.out.Write(p) }

// However the socket cuts the stream, the same messages come out of it.
func TestConsumerParsesAnySplit(t *testing.T) {
	watch := newStopwatch(delay.Real{})
	sent := watch.now()
	var in []byte
	sizes := []int{0, 5, 8, 100, 0, 300_000, 20}
	for i, size := range sizes {
		body := make([]byte, size)
		if size >= stampSize {
			binary.BigEndian.PutUint64(body, uint64(sent))
		}
		in = amqp.AppendMethod(in, 1, &amqp.BasicDeliver{ConsumerTag: "c", DeliveryTag: uint64(i + 1), RoutingKey: "k"})
		in = amqp.AppendHeader(in, 1, 60, uint64(size), []byte{0, 0})
		in = amqp.AppendBody(in, 1, body, 131072)
		in = amqp.AppendHeartbeat(in)
	}
	in = amqp.AppendMethod(in, 0, &amqp.ConnectionBlocked{Reason: "low on memory"})
	in = amqp.AppendMethod(in, 0, &amqp.ConnectionCloseOk{})
	for _, piece := range []int{1, 2, 3, 7, 64, 4096, 1 << 20} {
		conn := &scriptedConn{in: in, piece: piece}
		c := &consumer{wire: &wire{Link: link.New(conn, nil, readBuffer)}, receiver: &receiver{watch: watch, ackEvery: 3, stamped: true}}
		total := int64(0)
		assert.ErrorIs(t, c.run(func(n int64) { total += n }), link.ErrClosed)
		assert.EqualValues(t, len(sizes), total)
		assert.EqualValues(t, len(sizes), c.received.Load())
		assert.EqualValues(t, 4, c.latency.count(), "messages with a time stamp")
		assert.True(t, c.Blocked())
		want := amqp.AppendMethod(nil, 1, &amqp.BasicAck{DeliveryTag: 3, Multiple: true})
		want = amqp.AppendMethod(want, 1, &amqp.BasicAck{DeliveryTag: 6, Multiple: true})
		// A read that brings the end leaves its acks unwritten.
		assert.Equal(t, want, append(conn.out.Bytes(), c.acks...))
	}
}

func TestConsumerRefusesGarbage(t *testing.T) {
	for want, in := range map[string][]byte{
		"does not speak AMQP 0-9-1":       []byte("AMQP\x00\x01\x00\x00"),
		"malformed frame":                 {amqp.FrameMethod, 0, 1, 0, 0, 0, 4, 0, 60, 0, 60, 0},
		"frame of 4294967303 bytes":       {amqp.FrameMethod, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF},
		"malformed basic.deliver":         {amqp.FrameMethod, 0, 1, 0, 0, 0, 5, 0, 60, 0, 60, 9, amqp.FrameEnd},
		"socket without connection.close": {amqp.FrameHeartbeat, 0, 0, 0, 0, 0, 0, amqp.FrameEnd},
		"closed the connection: 320 ":     amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{ReplyCode: 320, ReplyText: "CONNECTION_FORCED"}),
	} {
		c := &consumer{
			wire:     &wire{Link: link.New(&scriptedConn{in: in, piece: 100}, nil, readBuffer)},
			receiver: &receiver{watch: newStopwatch(delay.Real{})},
		}
		assert.ErrorContains(t, c.run(func(int64) {}), want)
	}
}
