package broker

import (
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/ordered"
	"github.com/rabbetmq/rabbet/broker/internal/pipe"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// This file is a connection's life: its two goroutines, how it ends, and what
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

// A connKind is where a connection comes from.
type connKind uint8

const (
	connNetwork connKind = iota
	connDirect           // of this process (SHOVEL-4)
	connTrusted          // the same, and nobody's
)

// nobody is the user of connections that are trusted.
const nobody = "none"

// dropDelay is how long a socket stays after a refusal that awaits no answer.
const dropDelay = 3 * time.Second

// A conn is one client connection. What the reader goroutine owns needs no
// lock; mu guards what deliveries from other goroutines touch, and is a leaf:
// no other lock is taken under it.
type conn struct {
	b      *node
	nc     net.Conn
	number uint64 // of the connection, from 1
	kind   connKind
	log    *slog.Logger
	in     reader

	tapped *tapped                  // nil without a Tap
	traced atomic.Pointer[tap.Peer] // without a Tap; see peerOf

	// Owned by the reader.
	state       connState
	old         dialect // CONN-3
	identity    access.Identity
	usage       *usage // the user's; nil before the connection is open
	counted     *vhost // where it is counted as well
	permits     permits
	mechanism   string // of the login
	vhost       *topology.VHost
	name        string // client-provided connection_name
	client      clientInfo
	fx          queue.Effects
	batch       publishBatch
	share       store.Share
	publisher   topology.Publisher // from connection.open on
	checker     message.Checker
	keys        []string          // scratch
	scratch     []*topology.Queue // scratch
	routes      map[string]*route
	counting    []*channel          // those that have counted publishes in this batch
	run         exchangeRun         // of publishes in this batch
	routeQueues int                 // the queues in routes, each as often as it is there
	last        *channel            // the channel of the frame before
	strays      map[uint16]*channel // not open, and amidst a content that will be refused
	confirms    []*channel          // those with confirms to send at the end of the batch
	leaving     []uint16            // channels to be forgotten at the end of the batch
	settling    []unacked           // scratch
	items       []queue.Item
	unparked    []*consumer
	ack         amqp.BasicAck // scratch
	written     uint64        // records of the virtual host before the method at hand
	throttled   uint64        // bytes received by the last pause
	blocking    bool          // a publish has met a resource alarm

	channelMax uint16
	interval   time.Duration // of heartbeats; 0 is none

	out *outbound // its lock guards what follows

	channels  map[uint16]*channel // changed by the reader only, under mu
	exclusive ordered.Set[*topology.Queue]
	parkings  uint64      // how often consumers have been parked, which orders them
	pulse     delay.Timer // heartbeat, or the delay before the socket is dropped
	beat      heartbeat
	forced    *Error    // why the broker ends the connection
	overdue   []overdue // channels to be closed for deliveries held too long
	blocked   bool      // by a resource alarm: the reader waits

	received atomic.Uint64
	since    time.Time
}

// clientInfo is what client-properties told (CONN-11).
type clientInfo struct {
	properties                                        amqp.Table
	authenticationFailureClose, blocked, cancelNotify bool
}

func newConn(b *node, nc net.Conn) *conn {
	c := &conn{
		b: b, nc: nc, number: b.connections.Add(1),
		log:    b.log.With("client", nc.RemoteAddr().String()),
		since:  b.clock.Now(),
		tapped: newTapped(b, nc.RemoteAddr().String()),
	}
	c.out = newOutbound(b, nc, c.tapped)
	return c
}

// serve runs the connection to its end.
func (c *conn) serve() {
	var writer sync.WaitGroup
	writer.Go(c.out.run)
	err := c.read()
	c.tapped.end()
	c.cleanUp()
	c.dropAfter(dropDelay) // a client that does not read must not keep the writer
	c.out.mu.Lock()
	if c.channels != nil {
		c.counted.add(MessageStats{}, c.received.Load(), c.out.sent.Load())
		c.b.churn.connectionsClosed.Add(1)
	}
	c.out.mu.Unlock()
	c.out.finish()
	writer.Wait()
	c.pulse.Stop()
	c.nc.Close()
	c.logEnd(err)
}

func (c *conn) logEnd(err error) {
	switch {
	case c.state == stateRunning: // CONN-72
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
	c.startHandshakeTimer()
	return c.in.run(c)
}

// fail ends the connection as the error asks. It reports whether reading goes
// on: to wait for the peer's answer, or for the socket to be dropped.
func (c *conn) fail(err error, blame amqp.MethodID) bool {
	if s, ok := err.(*silentError); ok {
		c.log.Error("closing connection", "reason", s.reason)
		c.cleanUp()
		c.state = stateLinger
		c.dropAfter(dropDelay)
		return !s.now
	}
	e := amqp.AsError(err)
	if c.state < stateOpen && e.Code != amqp.AccessRefused && e.Closes == amqp.ByCode || c.state == stateClosing { // CONN-32, CONN-70
		return c.fail(silently("%s", e.Error()), blame)
	}
	c.log.Error("closing connection", "reason", e.Error(), "method", blame.String())
	c.terminate(e, blame)
	return true
}

// terminate cleans up first (CONN-71) and then sends connection.close.
func (c *conn) terminate(e *Error, blame amqp.MethodID) {
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

// dropAfter closes the socket when the time has passed; heartbeats end.
func (c *conn) dropAfter(d time.Duration) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.beat.on = false
	c.pulse.Stop()
	c.pulse = c.b.cfg.PeerClock.AfterFunc(d, func() { c.nc.Close() })
}

// force ends the connection from outside, on another goroutine: the reader is
// interrupted and sends connection.close itself.
func (c *conn) force(e *Error) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.forced == nil {
		c.forced = e
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

// longAgo is a read deadline that has passed on any clock.
var longAgo = time.Unix(1, 0)

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
		_, _ = c.vhost.Remove(q, false, false, &c.fx)
	}
	c.settleEffects()
	c.fx.Flush()
	c.b.leave(c)
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

// settleEffects does what queues asked for and only the broker can do.
func (c *conn) settleEffects() {
	if c.fx.Pending() {
		c.vhost.Settle(&c.fx)
	}
}

// AddExclusive notes an exclusive queue, to be deleted with the connection.
func (c *conn) AddExclusive(q *topology.Queue) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.exclusive.Add(q)
}

// DropExclusive forgets an exclusive queue that is deleted.
func (c *conn) DropExclusive(q *topology.Queue) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.exclusive.Remove(q)
}

// send appends a method to the outbox.
func (c *conn) send(channel uint16, m amqp.Method) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.appendMethod(channel, m, &c.fx)
}

// id is RabbitMQ's name of a connection. One that leaves no process has no addresses;
// its number tells it from others.
func (c *conn) id() string {
	if _, ok := c.nc.RemoteAddr().(pipe.Addr); ok {
		return "memory:" + strconv.FormatUint(c.number, 10) + " -> memory:0"
	}
	return c.nc.RemoteAddr().String() + " -> " + c.nc.LocalAddr().String()
}
