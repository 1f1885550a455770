package shovel

import (
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// confirming is what the goroutine owns that reads from the destination.
type confirming struct {
	acks      []byte // acknowledgements, to be written
	low       uint64 // all up to it are settled
	ahead     map[uint64]struct{}
	upTo      uint64 // an acknowledgement of all up to it is owed; 0 is none
	refused   bool   // acks has a nack
	remaining int64  // messages to be settled before the shovel is done; never is no limit
}

// refusedPause keeps a message that the destination refuses again and again from taking a
// whole processor, in real time.
const refusedPause = 10 * time.Millisecond

// passConfirms passes confirms on until something ends it (SHOVEL-7).
func (s *session) passConfirms() error {
	for {
		err := s.takeConfirms()
		s.flushAck()
		if len(s.acks) > 0 {
			if s.refused {
				delay.Throttle(refusedPause)
			}
			if _, err := s.src.Write(s.acks); err != nil {
				return &endError{sourceEnd, err}
			}
			s.acks, s.refused = s.acks[:0], false
		}
		switch {
		case err != nil:
			return &endError{targetEnd, err}
		case s.remaining == 0 && s.def.ackMode == ackConfirm:
			return errDone
		}
		if err := s.dst.Fill(); err != nil {
			return &endError{targetEnd, err}
		}
	}
}

// takeConfirms deals with the frames that have been read.
func (s *session) takeConfirms() error {
	for {
		f, ok, err := s.dst.Buffered()
		if !ok {
			return err
		}
		if f.Kind != amqp.FrameMethod {
			continue
		}
		switch f.Method() {
		case amqp.BasicAckID:
			var m amqp.BasicAck
			if err = m.Decode(f.Args()); err == nil {
				s.confirmed(m.DeliveryTag, m.Multiple, false)
			}
		case amqp.BasicNackID:
			var m amqp.BasicNack
			if err = m.Decode(f.Args()); err == nil {
				s.confirmed(m.DeliveryTag, m.Multiple, true)
			}
		case amqp.ConnectionBlockedID:
			s.setBlocked(true)
		case amqp.ConnectionUnblockedID:
			s.setBlocked(false)
		default:
			err = s.dst.Control(f)
		}
		if err != nil {
			return err
		}
	}
}

// confirmed settles the deliveries of a confirm. Acknowledgements in order become one; the
// others go as they come. What the destination refuses goes back to its queue.
func (s *session) confirmed(tag uint64, multiple, refused bool) {
	if tag <= s.low { // cannot be
		return
	}
	n := uint64(1)
	switch {
	case multiple:
		n = tag - s.low
		for t := range s.ahead {
			if t <= tag {
				delete(s.ahead, t)
				n--
			}
		}
	case tag != s.low+1:
		s.flushAck()
		s.append(tag, false, refused)
		if s.ahead == nil {
			s.ahead = make(map[uint64]struct{})
		}
		s.ahead[tag] = struct{}{}
		s.countMoved(n)
		return
	}
	s.low = tag
	for len(s.ahead) > 0 {
		if _, ok := s.ahead[s.low+1]; !ok {
			break
		}
		s.low++
		delete(s.ahead, s.low)
	}
	if refused {
		s.flushAck()
		s.append(tag, multiple, true)
	} else {
		s.upTo = tag
	}
	s.countMoved(n)
}

// flushAck appends the acknowledgement that is owed.
func (s *session) flushAck() {
	if s.upTo > 0 {
		s.append(s.upTo, true, false)
		s.upTo = 0
	}
}

func (s *session) append(tag uint64, multiple, refused bool) {
	if refused {
		s.refused = true
		s.acks = amqp.AppendMethod(s.acks, channel, &amqp.BasicNack{DeliveryTag: tag, Multiple: multiple, Requeue: true})
		return
	}
	s.acks = amqp.AppendMethod(s.acks, channel, &amqp.BasicAck{DeliveryTag: tag, Multiple: multiple})
}

func (s *session) countMoved(n uint64) {
	s.w.settled.Add(n)
	if s.remaining > 0 {
		s.remaining = max(0, s.remaining-int64(n))
	}
}
