package broker

import (
	"encoding/binary"
	"errors"
	"net"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/tap"
)

// Verdicts of a Tap leave marks in an outbox: frames are damaged or cut, the writer pauses,
// the connection is reset.

// An answerFault is what happens to the next answer on a channel.
type answerFault struct {
	act     tap.Act
	channel uint16
}

// A mark is something that befalls the writer on its way through an outbox.
type mark struct {
	at    int // before buf[at]
	pause time.Duration
	begun func() // told of the pause; may be nil
	reset bool
}

// errReset ends a connection that a verdict has reset.
var errReset = errors.New("reset by a tap")

// faultAnswer damages the frame at buf[at] if it is the one. Called with the lock
// held.
func (o *outbound) faultAnswer(channel uint16, at int) {
	if s := o.answerFault; s != nil && s.channel == channel {
		o.answerFault = nil
		o.damage(s.act, at)
	}
}

// damage changes the frame at buf[at], or has the connection reset amidst it.
func (o *outbox) damage(act tap.Act, at int) {
	end := at + amqp.FrameHeaderSize + int(binary.BigEndian.Uint32(o.buf[at+3:]))
	switch act {
	case tap.ActReset:
		o.marks = append(o.marks, mark{at: (at + end) / 2, reset: true})
	case tap.ActDamage:
		o.buf[end] = 0
	}
}

// delay makes the writer pause before what is appended next.
func (o *outbox) delay(d time.Duration, begun func()) {
	if d > 0 {
		o.marks = append(o.marks, mark{at: len(o.buf), pause: d, begun: begun})
	}
}

// writeMarked is outbox.write with marks.
func (o *outbound) writeMarked(out *outbox) (sent int64, err error) {
	splices, from := out.splices, 0
	put := func(p []byte) {
		if err == nil && len(p) > 0 {
			var n int
			n, err = o.nc.Write(p)
			sent += int64(n)
		}
	}
	upTo := func(at int) {
		for len(splices) > 0 && splices[0].at <= at {
			put(out.buf[from:splices[0].at])
			put(splices[0].data)
			from, splices = splices[0].at, splices[1:]
		}
		put(out.buf[from:at])
		from = at
	}
	for _, m := range out.marks {
		upTo(m.at)
		if m.pause > 0 {
			o.pause(m.pause, m.begun)
		}
		if m.reset {
			abort(o.nc)
			return sent, errReset
		}
	}
	upTo(len(out.buf))
	return sent, err
}

// abort closes a connection with a reset, as far as it knows such a thing.
func abort(nc net.Conn) {
	if l, ok := nc.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
	nc.Close()
}
