package broker

import (
	"time"

	"github.com/rabbetmq/rabbet/amqp"
)

// This file keeps time for one connection, with one timer: the handshake's
// limit, then the heartbeats (CONN-6, CONN-33, CONN-34).

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
func (c *conn) startHandshakeTimer() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.pulse = c.b.cfg.PeerClock.AfterFunc(c.b.cfg.HandshakeTimeout, func() {
		c.log.Error("handshake timed out")
		c.nc.Close()
	})
}

// startHeartbeat replaces the handshake's timer.
func (c *conn) startHeartbeat() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.pulse.Stop()
	if c.interval > 0 {
		c.beat = heartbeat{on: true}
		c.pulse = c.b.cfg.PeerClock.AfterFunc(c.interval/2, c.tick)
	}
}

// tick runs every half interval: it sends a heartbeat if nothing else was sent
// in that half, and every second time looks whether anything was received.
func (c *conn) tick() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	h := &c.beat
	if !h.on || c.out.finished {
		return
	}
	h.ticks++
	sent := c.out.sent.Load()
	idle := h.ticks == 1 || sent == h.sent
	h.sent = sent
	if idle {
		c.out.reserve()
		c.out.buf = amqp.AppendHeartbeat(c.out.buf)
		c.out.wakeWriter()
		h.sent += amqp.FrameOverhead // a heartbeat does not count as something sent
	}
	if h.ticks%2 == 0 {
		received := c.received.Load()
		if received != h.received || c.blocked || c.tapped.waiting() { // CONN-35
			h.received, h.missed = received, 0
		} else if h.missed++; h.missed == 2 {
			c.log.Error("missed heartbeats from client", "timeout", c.interval/time.Second)
			c.nc.Close()
			return
		}
	}
	c.pulse.Reset(c.interval / 2)
}
