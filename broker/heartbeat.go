package broker

import (
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// A pulse keeps time for one connection, with one timer: the handshake's limit, then the
// heartbeats, then the delay before the socket is dropped (CONN-6, CONN-33, CONN-34). It is
// guarded by the lock of the outbound half.
type pulse struct {
	clock    delay.Clock
	socket   net.Conn
	log      *slog.Logger
	out      *outbound
	received *atomic.Uint64 // bytes
	excused  func() bool    // reports whether nothing can be received (CONN-35)

	timer delay.Timer
	every time.Duration // half the interval of heartbeats
	beat  heartbeat
}

// A heartbeat is what the checks remember from one to the next.
type heartbeat struct {
	on       bool
	ticks    int
	sent     uint64 // bytes sent by the last check
	received uint64 // bytes received by the last check
	missed   int    // checks in a row with nothing received
}

// startHandshakeTimer drops a client that does not get to connection.open in
// time (CONN-6).
func (p *pulse) startHandshakeTimer(limit time.Duration) {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.timer = p.clock.AfterFunc(limit, func() {
		p.log.Error("handshake timed out")
		p.socket.Close()
	})
}

// startHeartbeat replaces the handshake's timer.
func (p *pulse) startHeartbeat(interval time.Duration) {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.timer.Stop()
	if interval > 0 {
		p.every = interval / 2
		p.beat = heartbeat{on: true}
		p.timer = p.clock.AfterFunc(p.every, p.tick)
	}
}

// tick runs every half interval: it sends a heartbeat if nothing else was sent
// in that half, and every second time looks whether anything was received.
func (p *pulse) tick() {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	h := &p.beat
	if !h.on || p.out.finished {
		return
	}
	h.ticks++
	sent := p.out.sent.Load()
	idle := h.ticks == 1 || sent == h.sent
	h.sent = sent
	if idle {
		p.out.reserve()
		p.out.buf = amqp.AppendHeartbeat(p.out.buf)
		p.out.wakeWriter()
		h.sent += amqp.FrameOverhead // a heartbeat does not count as something sent
	}
	if h.ticks%2 == 0 {
		received := p.received.Load()
		if received != h.received || p.excused() { // CONN-35: a blocked connection may be silent
			h.received, h.missed = received, 0
		} else if h.missed++; h.missed == 2 {
			p.log.Error("missed heartbeats from client", "timeout", 2*p.every/time.Second)
			p.socket.Close()
			return
		}
	}
	p.timer.Reset(p.every)
}

// dropAfter closes the socket when the time has passed; heartbeats end.
func (p *pulse) dropAfter(d time.Duration) {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.beat.on = false
	p.timer.Stop()
	p.timer = p.clock.AfterFunc(d, func() { p.socket.Close() })
}

// stop stops the timer.
func (p *pulse) stop() {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.timer.Stop()
}
