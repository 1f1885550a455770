package broker

import (
	"log/slog"
	"net"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// sendLooks is how many looks in a row, in Config.SendTimeout, find that the client has
// taken nothing before it is dropped.
const sendLooks = 6

// lastLook is the time that a client has beside those looks, on the real clock: a clock
// that is moved by hand makes an hour pass while a write of a microsecond is under way.
const lastLook = time.Second

// A sendWatch drops a client that has stopped reading while something waits to be written
// to it. Its timer runs only while the writer has work. It is guarded by the lock of the
// outbound half.
type sendWatch struct {
	clock   delay.Clock
	timeout time.Duration // none if negative
	log     *slog.Logger

	timer  delay.Timer
	last   delay.Timer // the real one, of the last look
	on     bool
	begun  uint64 // parcels
	seen   uint64 // parcels and bytes at the last look that found more of them
	looks  int    // since then
	nudged bool   // the write under way was interrupted, to tell how far it is
}

// watch has the parcel at hand watched. Called with the lock held.
func (o *outbound) watch() {
	w := &o.sending
	if w.begun++; w.on || w.timeout < 0 {
		return
	}
	w.on, w.seen = true, 0
	if every := w.timeout / sendLooks; w.timer == nil {
		w.timer = w.clock.AfterFunc(every, o.look)
	} else {
		w.timer.Reset(every)
	}
}

// look runs every so often while the writer has work. A write under way counts as one
// that goes on if the client has taken a byte of it.
func (o *outbound) look() {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := &o.sending
	if !w.on || !o.writing || o.broken {
		w.on = false // the next parcel turns it on
		return
	}
	if now := w.begun + o.sent.Load(); now != w.seen || o.paused {
		w.seen, w.looks = now, 0
	} else if w.looks++; w.looks == sendLooks {
		w.last = delay.Real{}.AfterFunc(lastLook, o.look)
		return
	} else if w.looks > sendLooks {
		w.on = false
		w.log.Error("client does not read and is dropped", "timeout", w.timeout)
		o.nc.Close()
		return
	}
	if o.divisible && !o.paused {
		w.nudged = true
		o.nc.SetWriteDeadline(longAgo)
	}
	w.timer.Reset(w.timeout / sendLooks)
}

// resume reports whether a failed write has only been interrupted by a look.
func (o *outbound) resume() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.sending.nudged {
		return false
	}
	o.sending.nudged = false
	return o.nc.SetWriteDeadline(time.Time{}) == nil
}

// unwatch ends the watch.
func (o *outbound) unwatch() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sending.on = false
	for _, timer := range []delay.Timer{o.sending.timer, o.sending.last} {
		if timer != nil {
			timer.Stop()
		}
	}
}

// longAgo is a deadline that has passed on any clock.
var longAgo = time.Unix(1, 0)

// pieceSize is how much is written at a time where a write that was interrupted cannot go
// on, as over TLS.
const pieceSize = 64 << 10

// A pieces writes to a connection piece by piece, and counts each.
type pieces struct {
	net.Conn
	out *outbound
}

func (w pieces) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = w.Conn.Write(p[n:min(len(p), n+pieceSize)])
		n += m
		w.out.sent.Add(uint64(m))
	}
	return n, err
}
