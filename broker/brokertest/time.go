package brokertest

import (
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// This file is time: as it passes, or as the test says.

// Now is the broker's time.
func (mq *Broker) Now() time.Time {
	if clock := mq.opts.config.Clock; clock != nil {
		return clock.Now()
	}
	return delay.Real{}.Now()
}

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
	mq.clock("Advance").Advance(d)
}

// SetTime moves the time of a broker WithManualClock to t, as Advance does.
// Moving it back makes nothing happen, and nothing unhappen.
func (mq *Broker) SetTime(t time.Time) {
	mq.tb.Helper()
	mq.clock("SetTime").SetTime(t)
}

// clock is the manual clock, for those who cannot do without.
func (mq *Broker) clock(caller string) *delay.Manual {
	mq.tb.Helper()
	if mq.manual == nil {
		mq.tb.Fatalf("brokertest: %s: this broker's time is real. Start it with "+
			"brokertest.New(t, brokertest.WithManualClock()); in a synctest bubble use time.Sleep", caller)
	}
	return mq.manual
}
