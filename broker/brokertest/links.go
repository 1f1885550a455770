package brokertest

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A link is the broker's end of one connection.
type link struct {
	net.Conn
	net   *network
	peer  net.Addr
	ended chan struct{} // closed once the broker has cleaned up after it

	secured net.Conn // TLS on top of it; nil without

	closed bool        // guarded by the network's lock
	mute   atomic.Bool // what the broker writes is dropped

	lag       time.Duration // of each of the first reads
	firstRead int           // how many of these are left
}

// end is what the broker is given to serve.
func (l *link) end() net.Conn {
	if l.secured != nil {
		return l.secured
	}
	return l
}

// handshakeReads is the number of reads in which a client comes to be open.
const handshakeReads = 4

// inBubble gives the link a lag of its own while the client opens the
// connection: some nanoseconds of the bubble's time. Without it all that
// happens in a bubble happens at multiples of the same moment, the client's
// heartbeat tickers among it, and Go's race detector crashes now and then when
// a bubble's timers run on two threads at once (golang/go#78156).
func (l *link) inBubble(n int) {
	const lags = 100 // so many connections that are dialled at once differ
	l.lag, l.firstRead = time.Duration(1+n%lags), handshakeReads
}

// RemoteAddr tells connections in memory apart.
func (l *link) RemoteAddr() net.Addr { return l.peer }

func (l *link) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if l.firstRead > 0 {
		l.firstRead--
		delay.Throttle(l.lag)
	}
	l.net.hold(l)
	return n, err
}

func (l *link) Write(p []byte) (int, error) {
	l.net.hold(l)
	if l.mute.Load() {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

// Close ends the link even while the network is paused.
func (l *link) Close() error {
	l.net.mu.Lock()
	l.closed = true
	l.net.resumed.Broadcast()
	l.net.mu.Unlock()
	return l.Conn.Close()
}

// SetLinger is net.TCPConn's, for a broker that resets the connection itself.
func (l *link) SetLinger(sec int) error {
	if c, ok := l.Conn.(interface{ SetLinger(sec int) error }); ok {
		return c.SetLinger(sec)
	}
	return nil
}

// reset ends the link as a machine that has died does: the client gets RST over
// TCP, and ECONNRESET in memory, and what was under way is lost.
func (l *link) reset() {
	_ = l.SetLinger(0) // else it is closed already
	_ = l.Close()
}

// hold waits while the network is paused.
func (n *network) hold(l *link) {
	if !n.paused.Load() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.paused.Load() && !l.closed {
		n.resumed.Wait()
	}
}

func (n *network) pause(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.paused.Store(on)
	n.resumed.Broadcast()
}

// all is the links that there are.
func (n *network) all() []*link {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]*link, 0, len(n.links))
	for _, l := range n.links {
		list = append(list, l)
	}
	return list
}

// KillConnections cuts the connections that match says yes to, or all with nil,
// and returns their number. Clients see a reset (ECONNRESET), with nothing
// of AMQP before it. When it returns the broker has cleaned up: unacked messages
// are back in their queues, exclusive queues are gone. A connection that is
// blocked by an alarm is cleaned up after once the alarm is over.
func (mq *Broker) KillConnections(match func(broker.ConnectionInfo) bool) int {
	return mq.server.KillConnections(match)
}

// Pause makes the network carry nothing, in either direction, until Resume or
// until the test has failed: clients can still connect and write, and nobody
// answers. Connections stay open until either side misses heartbeats. The broker
// itself goes on: time passes, and what the test does from Go takes effect.
func (mq *Broker) Pause() {
	mq.rescue.watch(mq)
	mq.server.Pause()
}

// Resume ends a Pause: what was held up arrives. Without one it does nothing.
func (mq *Broker) Resume() { mq.server.Resume() }

// SetAlarm raises or clears a resource alarm: while one is on, connections that
// publish are blocked and told so (CONN-77). Restart and Crash clear it, and so
// does a test that has failed.
func (mq *Broker) SetAlarm(a broker.Alarm, on bool) {
	mq.tb.Helper()
	mq.rescue.watch(mq)
	check(mq.tb, mq.server.SetAlarm(a, on))
}

// KillConnections cuts connections and returns their number.
func (s *Server) KillConnections(match func(broker.ConnectionInfo) bool) int {
	matches := map[string]bool{}
	if match != nil {
		for _, c := range s.Connections() {
			matches[c.Peer] = match(c)
		}
	}
	var cut []*link
	for _, l := range s.net.all() {
		if match == nil || matches[l.peer.String()] {
			l.reset()
			cut = append(cut, l)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	for _, l := range cut {
		select {
		case <-l.ended:
		case <-ctx.Done():
			return len(cut)
		}
	}
	return len(cut)
}

// Pause makes the network carry nothing until Resume.
func (s *Server) Pause() { s.net.pause(true) }

// Resume ends a Pause.
func (s *Server) Resume() { s.net.pause(false) }

// SetAlarm fails for a broker that is stopped or closed.
func (s *Server) SetAlarm(a broker.Alarm, on bool) error {
	if err := s.needStarted("SetAlarm"); err != nil {
		return err
	}
	s.Broker().SetAlarm(a, on)
	return nil
}
