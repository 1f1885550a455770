package tlsconf

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// A Listener hands on connections once their handshake is done, each on a goroutine of
// its own, so that a client that says nothing holds up no other.
type Listener struct {
	net.Listener
	config  *tls.Config
	timeout time.Duration
	log     *slog.Logger

	start sync.Once
	ready chan result
	done  chan struct{}
	close sync.Once
}

type result struct {
	nc  net.Conn
	err error
}

// NewListener returns a listener on top of another. A handshake that takes longer than
// the timeout ends with its connection (TLS-8: 5 s).
func NewListener(l net.Listener, config *tls.Config, timeout time.Duration, log *slog.Logger) *Listener {
	return &Listener{Listener: l, config: config, timeout: timeout, log: log, ready: make(chan result), done: make(chan struct{})}
}

// TLS says that connections are.
func (l *Listener) TLS() bool { return true }

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	l.start.Do(func() { go l.run() })
	select {
	case r := <-l.ready:
		return r.nc, r.err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	l.close.Do(func() { close(l.done) })
	return err
}

func (l *Listener) run() {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			select {
			case l.ready <- result{err: err}:
				continue
			case <-l.done:
				return
			}
		}
		go l.handshake(nc)
	}
}

// handshake shakes hands and hands the connection on.
func (l *Listener) handshake(nc net.Conn) {
	conn := tls.Server(nc, l.config)
	_ = nc.SetDeadline(delay.Real{}.Now().Add(l.timeout)) // A closed socket tells at the next read.
	if err := conn.Handshake(); err != nil {
		l.log.Log(context.Background(), slog.LevelInfo+2, "TLS handshake failed", "client", nc.RemoteAddr().String(), "error", err)
		_ = nc.Close()
		return
	}
	_ = nc.SetDeadline(time.Time{})
	select {
	case l.ready <- result{nc: conn}:
	case <-l.done:
		_ = nc.Close()
	}
}
