package brokertest

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// This file is how clients reach the broker: over TCP once somebody asks for
// the URL, or in memory. The listener and the connections are this package's,
// not the broker's, so that the port stays when the broker restarts, and so
// that connections can be cut and held up.

// A network is the connections of a test's broker.
type network struct {
	mq      *Broker
	serving sync.WaitGroup // accepting, and serving each connection

	mu       sync.Mutex
	listener net.Listener // nil until it is needed
	links    map[string]*link
	dialled  int // connections made in memory
	closed   bool
	refusing bool // the broker is stopped

	paused  atomic.Bool // changed under the lock
	resumed sync.Cond   // paused has changed, or a link was closed
}

func (n *network) init(mq *Broker) {
	n.mq = mq
	n.resumed.L = &n.mu
	n.links = make(map[string]*link)
}

// URL is an AMQP URL for the broker's user and virtual host. The first call
// starts to listen on loopback. A synctest bubble cannot wait for TCP: use
// DialFunc with MemoryURL there.
func (mq *Broker) URL() string {
	mq.tb.Helper()
	return mq.url(mq.listen().String())
}

// MemoryURL is an AMQP URL for the broker's user and virtual host that needs
// DialFunc to get there:
//
//	conn, err := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})
func (mq *Broker) MemoryURL() string { return mq.url("memory") }

func (mq *Broker) url(host string) string {
	mq.mu.Lock()
	to := mq.login
	mq.mu.Unlock()
	u := url.URL{
		Scheme: "amqp", User: url.UserPassword(to.user, to.password), Host: host,
		Path: "/" + to.vhost, RawPath: "/" + url.PathEscape(to.vhost),
	}
	return u.String()
}

// Addr is the TCP address that the broker listens on; the first call of this or
// of URL starts to listen.
func (mq *Broker) Addr() net.Addr {
	mq.tb.Helper()
	return mq.listen()
}

func (mq *Broker) listen() net.Addr {
	mq.tb.Helper()
	if inBubble() {
		mq.tb.Fatalf("brokertest: a synctest bubble cannot wait for TCP: its time would stand still. Connect in memory: " +
			"amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})")
	}
	addr, err := mq.net.listen(mq.opts.addr)
	if err != nil {
		mq.tb.Fatalf("brokertest: %v", err)
	}
	return addr
}

func (n *network) listen(addr string) (net.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return nil, broker.ErrClosed
	case n.listener != nil:
		return n.listener.Addr(), nil
	}
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	n.listener = l
	n.serving.Go(func() { n.accept(l) })
	return l.Addr(), nil
}

// accept serves what comes until the listener is closed.
func (n *network) accept(l net.Listener) {
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			_ = n.serve(n.link(nc, nc.RemoteAddr())) // or it is closed already
		case errors.Is(err, net.ErrClosed):
			return
		default: // out of file descriptors, most likely: they come back
			delay.Breathe(acceptRetry)
		}
	}
}

// acceptRetry is the pause after an accept that failed.
const acceptRetry = 5 * time.Millisecond

// Dial opens a connection that never leaves the process: the client's end of a
// buffered pipe with deadlines. It fails with broker.ErrClosed after Close, and
// with ECONNREFUSED after Stop.
func (mq *Broker) Dial() (net.Conn, error) {
	n := &mq.net
	n.mu.Lock()
	n.dialled++
	dialled := n.dialled
	n.mu.Unlock()
	client, server := broker.Pipe()
	l := n.link(server, memoryAddr("memory:"+strconv.Itoa(dialled)))
	if inBubble() {
		l.inBubble(dialled)
	}
	if err := n.serve(l); err != nil {
		return nil, err
	}
	return client, nil
}

// DialFunc is Dial in the form of amqp091-go's Config.Dial; the arguments,
// network and address, are ignored.
func (mq *Broker) DialFunc(_, _ string) (net.Conn, error) { return mq.Dial() }

// memoryAddr is a client's address on a connection in memory: each has its own.
type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }

func (n *network) link(nc net.Conn, peer net.Addr) *link {
	return &link{Conn: nc, net: n, peer: peer, ended: make(chan struct{})}
}

// serve has a connection served in the background. It fails, and drops the
// connection, if the broker is closed or stopped.
func (n *network) serve(l *link) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		l.Conn.Close()
		return broker.ErrClosed
	case n.refusing:
		_ = l.SetLinger(0) // it is as if nobody listened
		l.Conn.Close()
		return syscall.ECONNREFUSED
	}
	n.links[l.peer.String()] = l
	n.serving.Go(func() {
		defer n.forget(l)
		b := n.mq.await()
		if b == nil {
			l.Close()
			return
		}
		// What ended the connection is in the broker's log.
		_ = b.ServeConn(l)
	})
	return nil
}

func (n *network) forget(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links, l.peer.String())
	close(l.ended)
}

// refuse turns new connections away, or lets them come again.
func (n *network) refuse(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refusing = on
}

// refuses tells whether new connections are turned away.
func (n *network) refuses() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.refusing
}

// close stops listening. The connections are the broker's to end.
func (n *network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.listener != nil {
		n.listener.Close()
	}
}
