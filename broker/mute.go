package broker

import (
	"context"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// dropMute drops the clients that neither read nor write for Config.MuteTimeout, until ctx
// is done: at a shutdown nothing is expected of them any more.
func (cs *clients) dropMute(ctx context.Context) {
	const looks = 14 // in that time
	timeout, clock := cs.n.cfg.MuteTimeout, cs.n.cfg.PeerClock
	if timeout < 0 {
		return
	}
	type traffic struct {
		bytes uint64
		since time.Time
	}
	heard := make(map[*conn]traffic)
	// The context ends it.
	_ = delay.Poll(ctx, clock, timeout/looks, func() bool {
		now := clock.Now()
		for _, c := range cs.openConns() {
			bytes := c.received.Load() + c.out.sent.Load()
			h, known := heard[c]
			switch {
			case !known || bytes != h.bytes:
				heard[c] = traffic{bytes, now}
			case now.Sub(h.since) >= timeout:
				heard[c] = traffic{bytes, now} // it may take a moment to go
				cs.n.log.Warn("client does not answer and is dropped", "client", c.nc.RemoteAddr().String())
				c.nc.Close()
			}
		}
		return false
	})
}
