// A producer of delayed messages: like producer, but each publish has a delay of
// its own in its header, and in its body when that ends.

package perf

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
)

type delayedProducer struct {
	producer
	delayAt int // where in a publish the header x-delay has its value
}

// newDelayedProducer encodes persistent publishes with eight bytes each for the
// header x-delay and for the time stamp.
func newDelayedProducer(w *wire, watch stopwatch, exchange, key string, size, limit int) *delayedProducer {
	const mark = 0x0123456789abcdef
	p := &delayedProducer{producer: producer{wire: w, sender: &sender{watch: watch, window: newWindow(limit)}}}
	props := amqp.Properties{
		Flags: amqp.HasDeliveryMode | amqp.HasHeaders, DeliveryMode: 2,
		Headers: amqp.Table{{Key: "x-delay", Value: int64(mark)}},
	}
	one := amqp.AppendMethod(nil, loadChannel, &amqp.BasicPublish{Exchange: exchange, RoutingKey: key})
	one = amqp.AppendHeader(one, loadChannel, amqp.BasicPublishID.Class(), uint64(size), props.Append(nil))
	p.delayAt = bytes.Index(one, binary.BigEndian.AppendUint64(nil, mark))
	p.stampAt = len(one) + amqp.FrameHeaderSize
	one = amqp.AppendBody(one, loadChannel, make([]byte, size), p.FrameMax())
	p.stride = len(one)
	p.block = bytes.Repeat(one, max(1, writeBlock/p.stride))
	return p
}

// send publishes n messages, as many at a time as the window allows. due says
// when each is to come, given the time now; it comes up to a millisecond later,
// as delays are whole ones.
func (p *delayedProducer) send(n int, due func(i int, now int64) int64) error {
	for i := 0; i < n; {
		run := p.window.acquire(min(n-i, len(p.block)/p.stride), p.watch)
		if run == 0 {
			return nil // closed: the one who closed it says why
		}
		out := p.block[:run*p.stride]
		now := p.watch.now()
		for at := 0; at < len(out); at += p.stride {
			wait := (due(i, now) - now + int64(time.Millisecond) - 1) / int64(time.Millisecond)
			binary.BigEndian.PutUint64(out[at+p.delayAt:], uint64(max(wait, 1)))
			binary.BigEndian.PutUint64(out[at+p.stampAt:], uint64(now+max(wait, 1)*int64(time.Millisecond)))
			i++
		}
		if _, err := p.Write(out); err != nil {
			return err
		}
	}
	return nil
}
