package shovel

import (
	"encoding/binary"
	"fmt"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
)

// moving is what the goroutine owns that reads from the source.
type moving struct {
	out     []byte // publishes, to be written
	publish []byte // the frame of every publish; nil if they differ
	edit    *editor
	quota   int64  // messages that may still be forwarded; never is no limit
	tag     uint64 // of the last delivery that has begun
	whole   uint64 // the last that is there completely
	left    uint64 // bytes of the body to come
	pass    bool   // the message at hand is not forwarded
	batch   uint64 // messages in out
}

// begin prepares what all messages share.
func (s *session) begin(from, to string) {
	t := &s.def.target
	if x, k, all := t.route(); all {
		s.publish = amqp.AppendMethod(nil, channel, &amqp.BasicPublish{Exchange: x, RoutingKey: k})
	}
	s.edit = newEditor(s.w, from, to)
	s.w.handed.Store(0)
	s.w.settled.Store(0)
}

// route returns where messages go, if that is said of all: with a queue, or with an
// exchange and a key (SHOVEL-5).
func (t *target) route() (exchange, key string, all bool) {
	switch {
	case t.queue != nil:
		return "", *t.queue, true
	case t.exchange != nil && t.key != nil:
		return *t.exchange, *t.key, true
	}
	return "", "", false
}

// pump moves messages until something ends it.
func (s *session) pump() error {
	for {
		err := s.take()
		if len(s.out) > 0 {
			if err := s.hand(); err != nil {
				return err
			}
		}
		switch {
		case err != nil:
			return &endError{sourceEnd, err}
		case s.quota == 0 && s.left == 0 && s.def.ackMode != ackConfirm:
			return errDone
		}
		if err := s.src.Fill(); err != nil {
			return &endError{sourceEnd, err}
		}
	}
}

// take turns the frames that have been read into publishes.
func (s *session) take() error {
	for {
		f, ok, err := s.src.Buffered()
		if !ok {
			return err
		}
		switch f.Kind {
		case amqp.FrameMethod:
			err = s.takeMethod(f)
		case amqp.FrameHeader:
			err = s.takeHeader(f)
		case amqp.FrameBody:
			err = s.takeBody(f)
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) takeMethod(f link.Frame) error {
	if f.Method() != amqp.BasicDeliverID {
		return s.src.Control(f)
	}
	// consumer-tag, delivery-tag, redelivered, exchange, routing-key
	args := f.Args()
	if len(args) < 1 || len(args) < 1+int(args[0])+9 {
		return link.ErrSyntax
	}
	args = args[1+int(args[0]):]
	tag := binary.BigEndian.Uint64(args)
	if tag != s.tag+1 {
		return fmt.Errorf("delivery tag %d follows %d", tag, s.tag)
	}
	s.tag = tag
	if s.pass = s.quota == 0; s.pass { // what is enough goes back when the channel closes
		return nil
	}
	if s.publish != nil {
		s.out = append(s.out, s.publish...)
		return nil
	}
	return s.appendPublish(args[9:])
}

// appendPublish appends a publish by the route of its delivery, save what the shovel
// replaces.
func (s *session) appendPublish(route []byte) error {
	if len(route) < 1 || len(route) < 2+int(route[0]) || len(route) < 2+int(route[0])+int(route[1+int(route[0])]) {
		return link.ErrSyntax
	}
	exchange := string(route[1 : 1+int(route[0])])
	key := string(route[2+int(route[0]):][:route[1+int(route[0])]])
	t := &s.def.target
	if t.exchange != nil {
		exchange = *t.exchange
	}
	if t.key != nil {
		key = *t.key
	}
	s.out = amqp.AppendMethod(s.out, channel, &amqp.BasicPublish{Exchange: exchange, RoutingKey: key})
	return nil
}

// takeHeader passes the properties on as they are, unless the shovel changes them.
func (s *session) takeHeader(f link.Frame) (err error) {
	p := f.Payload()
	s.left = binary.BigEndian.Uint64(p[4:])
	switch {
	case s.pass:
	case s.edit == nil:
		s.out = append(s.out, f.Whole...)
	default:
		s.out, err = s.edit.appendHeader(s.out, s.left, p[12:])
	}
	if err == nil && s.left == 0 {
		s.complete()
	}
	return err
}

func (s *session) takeBody(f link.Frame) error {
	p := f.Payload()
	if uint64(len(p)) > s.left {
		return link.ErrSyntax
	}
	switch {
	case s.pass:
	case uint32(len(f.Whole)) <= s.dst.FrameMax():
		s.out = append(s.out, f.Whole...)
	default:
		s.out = amqp.AppendBody(s.out, channel, p, s.dst.FrameMax())
	}
	if s.left -= uint64(len(p)); s.left == 0 && len(p) > 0 {
		s.complete()
	}
	return nil
}

// complete counts a message whose last frame is there.
func (s *session) complete() {
	if s.pass {
		return
	}
	s.whole = s.tag
	s.batch++
	if s.quota > 0 {
		s.quota--
	}
}

// hand writes what has been taken to the destination. What is handed over when the session
// has ended is dropped: it goes back.
func (s *session) hand() error {
	n := s.batch
	s.batch = 0
	if !s.awaitUnblocked() {
		s.out = s.out[:0]
		return errLeft
	}
	s.w.handed.Add(n)
	if _, err := s.dst.Write(s.out); err != nil {
		return &endError{targetEnd, err}
	}
	s.out = s.out[:0]
	s.w.forwarded.Add(n)
	s.w.total.Add(n)
	if s.edit != nil {
		s.edit.renew()
	}
	if n == 0 || s.def.ackMode == ackConfirm {
		return nil
	}
	s.w.settled.Add(n)
	if s.def.ackMode == ackNone {
		return nil
	}
	if err := s.src.Send(channel, &amqp.BasicAck{DeliveryTag: s.whole, Multiple: true}); err != nil {
		return &endError{sourceEnd, err}
	}
	return nil
}
