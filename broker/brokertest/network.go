package brokertest

import (
	"crypto/tls"
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

// The listener and the connections are this package's, not the broker's, so that
// the port stays when the broker restarts, and so that connections can be cut and
// held up.

// A network is the connections of a test's broker.
type network struct {
	s       *Server
	serving sync.WaitGroup // accepting, and serving each connection

	mu       sync.Mutex
	listener net.Listener // nil until it is needed
	tls      *tls.Config  // nil without TLS; set before the listener
	links    map[string]*link
	dialled  int // connections made in memory
	closed   bool
	refusing bool // the broker is stopped

	paused  atomic.Bool // changed under the lock
	resumed sync.Cond   // paused has changed, or a link was closed
}

func (n *network) init(s *Server) {
	n.s = s
	n.resumed.L = &n.mu
	n.links = make(map[string]*link)
}

// URL returns an AMQP URL for the broker's user and virtual host. The first call
// starts to listen on loopback. A synctest bubble cannot wait for TCP: use
// DialFunc with MemoryURL there.
func (mq *Broker) URL() string {
	mq.tb.Helper()
	url, err := mq.server.URL()
	check(mq.tb, err)
	return url
}

// MemoryURL returns an AMQP URL for the broker's user and virtual host that needs
// DialFunc to get there:
//
//	conn, err := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})
func (mq *Broker) MemoryURL() string { return mq.server.MemoryURL() }

// Addr returns the TCP address that the broker listens on; the first call of this
// or of URL starts to listen.
func (mq *Broker) Addr() net.Addr {
	mq.tb.Helper()
	addr, err := mq.server.Addr()
	check(mq.tb, err)
	return addr
}

// Dial opens a connection that never leaves the process: the client's end of a
// buffered pipe with deadlines. It fails with broker.ErrClosed after Close, and
// with ECONNREFUSED after Stop.
func (mq *Broker) Dial() (net.Conn, error) { return mq.server.Dial() }

// DialFunc is Dial in the form of amqp091-go's Config.Dial; the arguments,
// network and address, are ignored.
func (mq *Broker) DialFunc(_, _ string) (net.Conn, error) { return mq.server.Dial() }

// URL fails if the broker cannot listen, and in a synctest bubble.
func (s *Server) URL() (string, error) {
	addr, err := s.listen()
	if err != nil {
		return "", err
	}
	return s.url(addr.String()), nil
}

// MemoryURL returns an AMQP URL that needs DialFunc to get there.
func (s *Server) MemoryURL() string { return s.url(memoryHost) }

func (s *Server) url(host string) string {
	s.mu.Lock()
	to := s.login
	s.mu.Unlock()
	u := url.URL{
		Scheme: s.scheme(host), User: url.UserPassword(to.user, to.password), Host: host,
		Path: "/" + to.vhost, RawPath: "/" + url.PathEscape(to.vhost),
	}
	return u.String()
}

// scheme is that of URLs to a host.
func (s *Server) scheme(host string) string {
	if s.opts.secure && host != memoryHost {
		return "amqps"
	}
	return "amqp"
}

// memoryHost is the host in the URL of connections in memory.
const memoryHost = "memory"

// Addr fails as URL does.
func (s *Server) Addr() (net.Addr, error) { return s.listen() }

var errBubble = errors.New("a synctest bubble cannot wait for TCP: its time would stand still. Connect in memory: " +
	"amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})")

func (s *Server) listen() (net.Addr, error) {
	if inBubble() {
		return nil, errBubble
	}
	return s.net.listen(s.opts.addr)
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
	if n.s.opts.secure && n.tls == nil {
		var err error
		if n.tls, err = serverTLS(); err != nil {
			return nil, err
		}
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
			l := n.link(nc, nc.RemoteAddr())
			if n.tls != nil {
				l.secured = secureLink{tls.Server(l, n.tls), l}
			}
			_ = n.serve(l) // or it is closed already
		case errors.Is(err, net.ErrClosed):
			return
		default: // out of file descriptors, most likely: they come back
			delay.Throttle(acceptRetry)
		}
	}
}

// acceptRetry is the pause after an accept that failed.
const acceptRetry = 5 * time.Millisecond

// Dial opens a connection in memory.
func (s *Server) Dial() (net.Conn, error) {
	n := &s.net
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

// DialFunc is Dial in the form of amqp091-go's Config.Dial.
func (s *Server) DialFunc(_, _ string) (net.Conn, error) { return s.Dial() }

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
		_ = l.SetLinger(0) // as if nobody listened
		l.Conn.Close()
		return syscall.ECONNREFUSED
	}
	n.links[l.peer.String()] = l
	n.serving.Go(func() {
		defer n.forget(l)
		b := n.s.await()
		if b == nil {
			l.Close()
			return
		}
		// What ended the connection is in the broker's log.
		_ = b.ServeConn(l.end())
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

// refuses reports whether new connections are turned away.
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
