package link

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// A pulse is what a link knows of its life. Its timer holds the lock.
type pulse struct {
	incoming incoming
	written  atomic.Bool // since the last heartbeat
	silent   atomic.Bool // ended for missed heartbeats

	mu    sync.Mutex
	timer delay.Timer
	seen  uint64 // reads
	quiet int    // beats without a read
	ended bool
}

// incoming counts what is read from a socket.
type incoming struct {
	src     io.Reader
	reads   atomic.Uint64
	waiting atomic.Bool // a read is under way
}

func (i *incoming) Read(b []byte) (int, error) {
	i.waiting.Store(true)
	n, err := i.src.Read(b)
	i.waiting.Store(false)
	i.reads.Add(1)
	return n, err
}

// beat sends a heartbeat twice an interval, and ends a link on which nothing has
// come for two intervals while it was waited for.
func (l *Link) beat(interval time.Duration) {
	if interval == 0 {
		return
	}
	p := &l.pulse
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.timer = l.clock.AfterFunc(interval/2, func() { l.beat(interval) })
	if reads := p.incoming.reads.Load(); reads != p.seen || !p.incoming.waiting.Load() {
		p.seen, p.quiet = reads, 0
	} else if p.quiet++; p.quiet > 4 {
		p.ended = true
		p.timer.Stop()
		p.silent.Store(true)
		l.Conn.Close()
		return
	}
	if !p.written.Swap(false) && l.writing.TryLock() { // a write under way shows that we live
		_, _ = l.Conn.Write(amqp.AppendHeartbeat(nil)) // the reader notices a failure
		l.writing.Unlock()
	}
}

func (l *Link) stopBeat() {
	p := &l.pulse
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if p.timer != nil {
		p.timer.Stop()
	}
}
