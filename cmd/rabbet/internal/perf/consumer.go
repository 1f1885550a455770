// A consumer: reads deliveries in one big buffer, counts them, takes their
// latency and acknowledges them, one write for all that a read brought.

package perf

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
)

// A receiver is what consumers have done.
type receiver struct {
	watch    stopwatch
	ackEvery int          // 0: no acknowledgements
	stamped  bool         // bodies carry a time stamp
	received atomic.Int64 // messages
	lastAt   atomic.Int64 // when the latest message came, of the stopwatch

	mu      sync.Mutex // held while messages are recorded
	latency histogram  // since it was last taken
}

func (r *receiver) receiving() *receiver { return r }

type consumer struct {
	*wire
	*receiver

	// Of the message that is being read.
	tag      uint64
	bodyLeft uint64 // bytes of the body in frames not yet begun
	skip     int    // bytes of the current body frame still to come
	stamp    int64  // 0: not seen yet

	unacked int
	acks    []byte // to be written
	batch   int64  // messages of this read
}

// subscribe starts the consumer on its queue.
func (c *consumer) subscribe(queue string, prefetch int) error {
	if prefetch > 0 && c.ackEvery > 0 {
		if err := c.ask(&amqp.BasicQos{PrefetchCount: uint16(prefetch)}, &amqp.BasicQosOk{}); err != nil {
			return err
		}
	}
	return c.ask(&amqp.BasicConsume{Queue: queue, ConsumerTag: "c", NoAck: c.ackEvery == 0}, &amqp.BasicConsumeOk{})
}

// run consumes until the connection ends; that is always with an error.
// onReceive is told of each read's messages.
func (c *consumer) run(onReceive func(n int64)) error {
	for {
		now := c.watch.now()
		c.mu.Lock()
		err := c.parse(now)
		c.mu.Unlock()
		if len(c.acks) > 0 && err == nil {
			_, err = c.Write(c.acks)
			c.acks = c.acks[:0]
		}
		if c.batch > 0 {
			c.lastAt.Store(now)
			c.received.Add(c.batch)
			onReceive(c.batch)
			c.batch = 0
		}
		if err != nil {
			return err
		}
		if err := c.Fill(); err != nil {
			return err
		}
	}
}

// parse uses up what is in the buffer. A body is skipped as it comes, so that
// a long one need not be moved to be whole.
func (c *consumer) parse(now int64) error {
	for {
		if c.skip > 0 {
			n := min(c.skip, len(c.Unread()))
			c.Skip(n)
			if c.skip -= n; c.skip > 0 {
				return nil
			}
			if c.bodyLeft == 0 {
				c.complete(now)
			}
		}
		if p := c.Unread(); len(p) > amqp.FrameHeaderSize && p[0] == amqp.FrameBody {
			if !c.beginBody(p) {
				return nil
			}
			continue
		}
		f, ok, err := c.Buffered()
		if !ok {
			return err
		}
		switch f.Kind {
		case amqp.FrameMethod:
			err = c.method(f)
		case amqp.FrameHeader:
			c.stamp = 0
			if c.bodyLeft = binary.BigEndian.Uint64(f.Payload()[4:]); c.bodyLeft == 0 {
				c.complete(now)
			}
		}
		if err != nil {
			return err
		}
	}
}

// beginBody reads the start of a body frame and the time stamp in the first
// one of a message; it needs more bytes if it returns false.
func (c *consumer) beginBody(p []byte) bool {
	size := int(binary.BigEndian.Uint32(p[3:]))
	if c.stamped && c.stamp == 0 && size >= stampSize {
		if len(p) < amqp.FrameHeaderSize+stampSize {
			return false
		}
		c.stamp = int64(binary.BigEndian.Uint64(p[amqp.FrameHeaderSize:]))
	}
	c.bodyLeft -= min(uint64(size), c.bodyLeft)
	c.skip = size + amqp.FrameOverhead
	return true
}

func (c *consumer) method(f link.Frame) error {
	if f.Method() != amqp.BasicDeliverID {
		return c.Control(f)
	}
	// consumer-tag, delivery-tag; the rest is of no interest.
	args := f.Args()
	if len(args) < 1 || len(args) < 9+int(args[0]) {
		return errors.New("the broker sent a malformed basic.deliver")
	}
	c.tag = binary.BigEndian.Uint64(args[1+int(args[0]):])
	return nil
}

// complete counts a message that has arrived.
func (c *consumer) complete(now int64) {
	c.batch++
	if c.stamp != 0 {
		c.latency.record(now - c.stamp)
	}
	if c.ackEvery == 0 {
		return
	}
	if c.unacked++; c.unacked >= c.ackEvery {
		c.acks = appendAck(c.acks, c.tag, c.ackEvery > 1)
		c.unacked = 0
	}
}

// takeLatency moves what was recorded into h.
func (c *receiver) takeLatency(h *histogram) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.add(&c.latency)
	c.latency.reset()
}

// appendAck appends a basic.ack frame without building a method.
func appendAck(b []byte, tag uint64, multiple bool) []byte {
	b = append(b, amqp.FrameMethod, 0, loadChannel, 0, 0, 0, 13)
	b = binary.BigEndian.AppendUint32(b, uint32(amqp.BasicAckID))
	b = binary.BigEndian.AppendUint64(b, tag)
	var bits byte
	if multiple {
		bits = 1
	}
	return append(b, bits, amqp.FrameEnd)
}
