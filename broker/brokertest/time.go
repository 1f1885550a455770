package brokertest

import (
	"fmt"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// Now returns the broker's time.
func (mq *Broker) Now() time.Time { return mq.server.Now() }

// Advance moves the time of a broker WithManualClock by d. When it returns,
// every time to live, delay and expiry that fell due on the way has taken
// effect, in order and at its own moment: messages are gone, dead letters have
// arrived, and those of them that expired again have moved on.
//
// What a client does about it comes after Advance: its time is real. So does the
// end of a channel that has held a delivery for too long, which its connection
// does by itself, and the part of a long durable queue that is read back from
// disk to expire. And what a client has sent must have arrived for Advance to
// count from it: wait for it with RequireLen.
func (mq *Broker) Advance(d time.Duration) {
	mq.tb.Helper()
	check(mq.tb, mq.server.Advance(d))
}

// SetTime moves the time of a broker WithManualClock to t, as Advance does.
// Moving it back makes nothing happen, and nothing unhappen.
func (mq *Broker) SetTime(t time.Time) {
	mq.tb.Helper()
	check(mq.tb, mq.server.SetTime(t))
}

// Now returns the broker's time.
func (s *Server) Now() time.Time {
	if clock := s.opts.config.Clock; clock != nil {
		return clock.Now()
	}
	return delay.Real{}.Now()
}

// Advance fails with ErrRealTime without a manual clock.
func (s *Server) Advance(d time.Duration) error {
	if s.manual == nil {
		return fmt.Errorf("Advance: %w", ErrRealTime)
	}
	s.manual.Advance(d)
	return nil
}

// SetTime fails with ErrRealTime without a manual clock.
func (s *Server) SetTime(t time.Time) error {
	if s.manual == nil {
		return fmt.Errorf("SetTime: %w", ErrRealTime)
	}
	s.manual.SetTime(t)
	return nil
}
