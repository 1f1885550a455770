// A producer: writes publishes that were encoded once, as many at a time as
// its rate and its window of confirms allow.

package perf

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
)

// writeBlock is the size to which publishes are gathered for one write, in bytes.
const writeBlock = 64 << 10

// longestPause bounds how late a slow producer sees that the run is over.
const longestPause = 50 * time.Millisecond

type producer struct {
	*wire
	*sender

	block   []byte // encoded publishes, all alike
	stride  int    // the length of one of them
	stampAt int    // where in it the time stamp goes; 0: nowhere
}

// A sender is how producers pace themselves, and what they have done.
type sender struct {
	watch  stopwatch
	limit  int64         // messages to publish; 0 is no limit
	period time.Duration // between two messages; 0 is none
	offset time.Duration // of the first one, so that producers take turns
	start  int64         // when the first one is due, of the stopwatch

	window   *window // nil without confirms
	sent     atomic.Int64
	returned atomic.Int64
	lastAt   atomic.Int64 // when the last write or confirm was done, of the stopwatch
}

func (s *sender) sending() *sender { return s }

// allowed waits until messages may be published, and returns how many: at most n, and 0 at
// the end of the run.
func (s *sender) allowed(stop context.Context, n int) int {
	for stop.Err() == nil {
		sent := s.sent.Load()
		if s.limit > 0 {
			if n = min(n, int(s.limit-sent)); n == 0 {
				return 0
			}
		}
		if s.period > 0 {
			due := s.start + sent*int64(s.period)
			now := s.watch.now()
			if now < due {
				pause(s.watch.clock, min(time.Duration(due-now), longestPause))
				continue
			}
			n = min(n, 1+int((now-due)/int64(s.period)))
		}
		if s.window != nil {
			n = s.window.acquire(n, s.watch)
		}
		return n
	}
	return 0
}

// published counts messages that have been written.
func (s *sender) published(n int) {
	s.sent.Add(int64(n))
	s.lastAt.Store(s.watch.now())
}

// confirmed takes a confirm.
func (s *sender) confirmed(tag uint64, multiple, nack bool) {
	now := s.watch.now()
	s.lastAt.Store(now)
	s.window.confirm(tag, multiple, nack, now)
}

// encode prepares the block of publishes.
func (p *producer) encode(pl *plan, key string) {
	props := pl.properties(key)
	publish := &amqp.BasicPublish{Exchange: pl.exchange, RoutingKey: key, Mandatory: pl.Mandatory}
	one := amqp.AppendMethod(nil, loadChannel, publish)
	one = amqp.AppendHeader(one, loadChannel, amqp.BasicPublishID.Class(), uint64(pl.Size), props.Append(nil))
	if pl.Size >= stampSize {
		p.stampAt = len(one) + amqp.FrameHeaderSize
	}
	one = amqp.AppendBody(one, loadChannel, make([]byte, pl.Size), p.FrameMax())
	p.stride = len(one)
	for range max(1, writeBlock/p.stride) {
		p.block = append(p.block, one...)
	}
}

// run publishes until it has reached its limit, stop is done, or the
// connection fails.
func (p *producer) run(stop context.Context) error {
	p.start = p.watch.now() + int64(p.offset)
	for {
		n := p.allowed(stop, len(p.block)/p.stride)
		if n == 0 {
			return nil
		}
		out := p.block[:n*p.stride]
		if p.stampAt > 0 {
			now := uint64(p.watch.now())
			for at := p.stampAt; at < len(out); at += p.stride {
				binary.BigEndian.PutUint64(out[at:], now)
			}
		}
		if _, err := p.Write(out); err != nil {
			return err
		}
		p.published(n)
	}
}

// listen reads what the broker has to say: confirms, returns, and the end of
// the connection, which it ends with.
func (p *producer) listen() error {
	for {
		f, err := p.Next()
		if err != nil {
			return err
		}
		if f.Kind != amqp.FrameMethod {
			continue // a heartbeat, or the content of a returned message
		}
		payload := f.Payload()
		switch id := f.Method(); id {
		case amqp.BasicAckID, amqp.BasicNackID:
			if p.window == nil || len(payload) < 13 {
				continue
			}
			p.confirmed(binary.BigEndian.Uint64(payload[4:]), payload[12]&1 != 0, id == amqp.BasicNackID)
		case amqp.BasicReturnID:
			p.returned.Add(1)
		default:
			if err := p.Control(f); err != nil {
				return err
			}
		}
	}
}
