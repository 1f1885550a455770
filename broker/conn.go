package broker

import (
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/announce"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// A connection's life: its two goroutines, how it ends, and what
// ends with it.

type connState uint8

const (
	stateHeader  connState = iota // nothing received yet
	stateStart                    // connection.start sent
	stateTune                     // connection.tune sent
	stateOpen                     // tune-ok received, connection.open awaited
	stateRunning                  // open
	stateClosing                  // connection.close sent, close-ok awaited (CONN-70)
	stateLinger                   // nothing more is understood; the socket is about to be dropped
)

// dropDelay is how long a socket stays after a refusal that awaits no answer.
const dropDelay = 3 * time.Second

// A conn is one client connection. What the reader goroutine owns needs no
// lock; mu guards what deliveries from other goroutines touch, and is a leaf:
// no other lock is taken under it.
type conn struct {
	b      *node
	log    *slog.Logger
	in     reader
	out    *outbound
	login  *handshake   // nil once the connection is open
	tapped *interceptor // nil without a Tap: all its methods know that
	record recording
	peer
	owner
	seat
	pulse
	gate
	publishing
	settler

	// Owned by the reader.
	state     connState
	vhost     *topology.VHost
	fx        queue.Effects
	share     store.Share
	last      *channel            // the channel of the frame before
	strays    map[uint16]*channel // not open, and amidst a content that will be refused
	leaving   []uint16            // channels to be forgotten at the end of the batch
	ack       amqp.BasicAck       // scratch
	written   uint64              // records of the virtual host before the method at hand
	throttled uint64              // bytes received by the last pause
	backlog   share
	received  atomic.Uint64 // bytes
	reads     atomic.Uint64 // of the socket

	// Guarded by the lock of the outbound half.
	channels map[uint16]*channel // changed by the reader only
	parkings uint64              // how often consumers have been parked, which orders them
	forced   *amqp.Error         // why the broker ends the connection
	overdue  []overdueChannel    // channels to be closed for deliveries held too long
}

func newConn(b *node, nc net.Conn) *conn {
	c := &conn{
		b: b, log: b.log.With("client", nc.RemoteAddr().String()),
		peer:   peer{nc: nc, number: b.connections.Add(1), since: b.clock.Now()},
		tapped: newTapped(b, nc.RemoteAddr().String()),
	}
	c.backlog.of = &b.backlog
	c.in = newReader(nc, c.backlog.idle)
	c.out = newOutbound(nc, &b.buffers, b.cfg.InitialFrameMax) // CONN-26: until tune-ok
	c.out.sending = sendWatch{clock: b.cfg.PeerClock, timeout: b.cfg.SendTimeout, log: c.log}
	c.login = &handshake{c}
	c.tapped.attach(c)
	c.owner = owner{n: b, peer: &c.peer, out: c.out}
	c.seat = seat{n: b}
	c.record.n, c.record.peer, c.record.seat = b, &c.peer, &c.seat
	c.pulse = pulse{clock: b.cfg.PeerClock, socket: nc, log: c.log, out: c.out, received: &c.received, excused: c.hearsNothing}
	c.gate = gate{alarms: &b.alarms, out: c.out, fx: &c.fx}
	c.publishing = publishing{out: c.out, fx: &c.fx, store: b.cfg.Store}
	c.settler = settler{out: c.out, fx: &c.fx, record: &c.record, byTag: b.profile.EndsByTag}
	return c
}

// hearsNothing reports whether the reader waits, so that heartbeats may be missed. Called
// with the lock held.
func (c *conn) hearsNothing() bool { return c.blocked || c.held > 0 || c.tapped.waiting() }

// serve runs the connection to its end.
func (c *conn) serve() {
	var writer sync.WaitGroup
	writer.Go(c.out.run)
	err := c.read()
	c.tapped.end()
	c.cleanUp()
	c.b.events.Closed(describing(c))
	c.dropAfter(dropDelay) // a client that does not read must not keep the writer
	c.out.mu.Lock()
	if c.channels != nil {
		c.counted.add(MessageStats{}, c.received.Load(), c.out.sent.Load())
		c.b.churn.connectionsClosed.Add(1)
	}
	c.out.mu.Unlock()
	c.out.finish()
	writer.Wait()
	c.out.unwatch()
	c.pulse.stop()
	c.nc.Close()
	c.logEnd(err)
}

func (c *conn) logEnd(err error) {
	switch {
	case c.state == stateRunning: // CONN-72: the socket ends without a close
		c.log.Warn("client unexpectedly closed TCP connection", "error", err)
	case c.state == stateHeader && c.received.Load() == 0:
		c.log.Debug("connection closed before it said anything")
	default:
		c.log.Info("connection closed")
	}
}

// read is the reader goroutine's body: frames are handled until the
// connection ends. A panic ends this connection only.
func (c *conn) read() (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("connection crashed", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("crashed: %v", p)
			c.batch = publishBatch{}
			c.publisher.Abandon()
			c.state = stateLinger
		}
	}()
	c.startHandshakeTimer(c.b.cfg.HandshakeTimeout)
	return c.in.run(c)
}

// fail ends the connection as the error asks. It reports whether reading goes
// on: to wait for the peer's answer, or for the socket to be dropped.
func (c *conn) fail(err error, blame amqp.MethodID) bool {
	if s, ok := err.(*refusal.Silent); ok {
		c.log.Error("closing connection", "reason", s.Reason)
		c.cleanUp()
		c.state = stateLinger
		c.dropAfter(dropDelay)
		return !s.Now
	}
	e := amqp.AsError(err)
	if c.state < stateOpen && e.Code != amqp.AccessRefused && e.Closes == amqp.ByCode || c.state == stateClosing { // CONN-32: the handshake fails silently; CONN-70: nothing follows a close
		return c.fail(refusal.Silently("%s", e.Error()), blame)
	}
	c.log.Error("closing connection", "reason", e.Error(), "method", blame.String())
	c.terminate(e, blame)
	return true
}

// terminate cleans up first (CONN-71) and then sends connection.close.
func (c *conn) terminate(e *amqp.Error, blame amqp.MethodID) {
	c.cleanUp()
	blame = e.Blamed(blame)
	c.state = stateClosing
	c.out.sendClosing(&amqp.ConnectionClose{
		ReplyCode: uint16(e.Code), ReplyText: e.Error(), ClassID: blame.Class(), MethodID: blame.Method(),
	}, c.old, &c.fx)
	if e.Fatal {
		c.state = stateLinger
	}
	if e.Fatal || e.Impatient {
		c.dropAfter(dropDelay)
		return
	}
	c.dropAfter(c.closeTimeout())
}

// closeTimeout is how long the peer may take to end a closing connection
// (CONN-69, CONN-70).
func (c *conn) closeTimeout() time.Duration {
	const longest = 30 * time.Second
	if c.interval == 0 {
		return longest
	}
	return min(c.interval, longest)
}

// force ends the connection from outside, on another goroutine: the reader is
// interrupted and sends connection.close itself.
func (c *conn) force(e *amqp.Error) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.forced == nil {
		c.forced, c.over = e, true
		c.tapped.end()
		c.interrupt()
	}
}

// interrupt makes the reader look at what others want of it. Called with the
// lock held.
func (c *conn) interrupt() {
	c.out.drained.Signal()
	c.nc.SetReadDeadline(longAgo)
}

// interrupted handles a read that failed because of interrupt. True asks the
// reader to go on.
func (c *conn) interrupted() bool {
	c.out.mu.Lock()
	e := c.forced
	if c.state != stateRunning || e == nil && len(c.overdue) == 0 {
		c.out.mu.Unlock()
		return false
	}
	c.nc.SetReadDeadline(time.Time{})
	c.out.mu.Unlock()
	if e != nil {
		c.terminate(e, 0)
	} else {
		c.closeOverdue()
	}
	c.endBatch()
	return true
}

// cleanUp ends the channels (unacked messages are requeued), then deletes the
// exclusive queues. It is done once and harmless again.
func (c *conn) cleanUp() {
	c.flushPublishes()
	c.stopConsumers()
	for _, id := range c.channelIDs() {
		c.channels[id].end()
		c.forgetChannel(id)
	}
	c.out.mu.Lock()
	exclusive := c.exclusive.Take()
	c.out.mu.Unlock()
	for _, q := range exclusive {
		// Refused only where another goroutine has deleted it meanwhile.
		_, _ = c.vhost.Remove(q, false, false, nil, &c.fx)
	}
	c.performEffects()
	c.fx.Flush()
	c.leave()
}

// stopConsumers has no consumer of the connection take anything any more: what one
// channel gives back is not for another that is about to end too (CONN-71).
func (c *conn) stopConsumers() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for _, ch := range c.channels {
		for _, s := range ch.consumers {
			s.cancelled = true
		}
	}
}

// performEffects does what queues asked for and only the broker can do.
func (c *conn) performEffects() {
	if c.fx.Pending() {
		c.vhost.DrainEffects(&c.fx)
	}
}

// describing is what an announcer asks for when somebody listens.
func describing(c *conn) announce.Client {
	return func() announce.Connection { return described(c) }
}

// described is what events tell of a connection.
func described(c *conn) announce.Connection {
	p := &c.peer
	user, pid := c.Actor()
	d := announce.Connection{
		ID: p.id(), PID: pid, User: user, VHost: c.owner.vhost, Mechanism: p.mechanism, Name: p.name,
		Local: p.nc.LocalAddr(), Remote: p.nc.RemoteAddr(), Properties: p.client.properties,
		ChannelMax: p.channelMax, FrameMax: c.out.frameMax, Heartbeat: p.interval, Since: p.since,
	}
	if t := p.tlsInfo(); t != nil {
		d.TLS = (*announce.TLS)(t)
	}
	return d
}

// send appends a method to the outbox.
func (c *conn) send(channel uint16, m amqp.Method) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.appendMethod(channel, m, &c.fx)
}
