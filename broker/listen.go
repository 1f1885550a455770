package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/delay"
)

// ErrClosed is returned by calls on a broker that was shut down.
var ErrClosed = topology.ErrClosed

// listeners are what a broker listens on.
type listeners struct {
	serve func(net.Conn) error // serves a connection to its end
	until context.Context      // done once nothing is accepted any more
	pause delay.Clock          // of pauses
	news  *slog.Logger

	lock      sync.Mutex
	list      []net.Listener // in order of their start
	closed    bool
	accepting sync.WaitGroup
}

// Listen listens on a TCP address such as "127.0.0.1:5672", or "127.0.0.1:0"
// for any free port, accepts in the background, and returns the address that
// it got.
func (ls *listeners) Listen(addr string) (net.Addr, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return ls.listen(l)
}

// listen accepts in the background.
func (ls *listeners) listen(l net.Listener) (net.Addr, error) {
	if !ls.track(l) {
		l.Close()
		return nil, ErrClosed
	}
	go func() {
		defer ls.accepting.Done()
		// Whatever ended it is in the log.
		_ = ls.accept(l)
	}()
	return l.Addr(), nil
}

// Serve accepts connections from a listener until the broker or the listener
// is closed. It returns ErrClosed after a shutdown.
func (ls *listeners) Serve(l net.Listener) error {
	if !ls.track(l) {
		return ErrClosed
	}
	defer ls.accepting.Done()
	return ls.accept(l)
}

// track takes charge of a listener, unless the broker is closed.
func (ls *listeners) track(l net.Listener) bool {
	ls.lock.Lock()
	defer ls.lock.Unlock()
	if ls.closed {
		return false
	}
	ls.list = append(ls.list, l)
	ls.accepting.Add(1)
	return true
}

// untrack forgets a listener that accepts no more.
func (ls *listeners) untrack(l net.Listener) {
	ls.lock.Lock()
	defer ls.lock.Unlock()
	if i := slices.Index(ls.list, l); i >= 0 {
		ls.list = slices.Delete(ls.list, i, i+1)
	}
}

func (ls *listeners) accept(l net.Listener) error {
	defer ls.untrack(l)
	ls.news.Info("started " + kindOf(l) + " listener on " + l.Addr().String())
	retry := acceptRetry
	for {
		nc, err := l.Accept()
		if err == nil {
			retry = acceptRetry
			go func() {
				// What ended the connection is in the log.
				_ = ls.serve(nc)
			}()
			continue
		}
		ls.lock.Lock()
		closed := ls.closed
		ls.lock.Unlock()
		switch {
		case closed:
			return ErrClosed
		case errors.Is(err, net.ErrClosed):
			return err
		}
		// Out of file descriptors, most likely: they come back.
		ls.news.Error("accept failed", "error", err)
		_ = delay.Wait(ls.until, ls.pause, retry)
		retry = min(2*retry, time.Second)
	}
}

// acceptRetry is the first pause after an accept that failed.
const acceptRetry = 5 * time.Millisecond

// ListenTLS is Listen for clients that speak TLS.
func (ls *listeners) ListenTLS(addr string, config *tls.Config) (net.Addr, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return ls.listen(secureListener{tls.NewListener(l, config)})
}

// secureListener is a listener that says that it speaks TLS.
type secureListener struct{ net.Listener }

// TLS reports whether connections speak TLS.
func (secureListener) TLS() bool { return true }

// ListenerInfo is an address that the broker listens on.
type ListenerInfo struct {
	Addr net.Addr
	TLS  bool
}

// Listeners are those that are open, in the order of their start.
func (ls *listeners) Listeners() []ListenerInfo {
	ls.lock.Lock()
	defer ls.lock.Unlock()
	list := make([]ListenerInfo, len(ls.list))
	for i, l := range ls.list {
		list[i] = ListenerInfo{Addr: l.Addr(), TLS: isTLS(l)}
	}
	return list
}

// isTLS reports whether a listener says of itself that its connections speak TLS, by a
// method TLS. That of package tls does not.
func isTLS(l net.Listener) bool {
	t, says := l.(interface{ TLS() bool })
	return says && t.TLS()
}

// kindOf is what RabbitMQ's log calls a listener.
func kindOf(l net.Listener) string {
	if isTLS(l) {
		return "TLS (SSL)" // TLS-1: the line
	}
	return "TCP"
}

// first is the address that was listened on first; "" without any.
func (ls *listeners) first() string {
	ls.lock.Lock()
	defer ls.lock.Unlock()
	if len(ls.list) == 0 {
		return ""
	}
	return ls.list[0].Addr().String()
}

// stop closes all listeners, and refuses others.
func (ls *listeners) stop() {
	ls.lock.Lock()
	defer ls.lock.Unlock()
	ls.closed = true
	for _, l := range ls.list {
		l.Close()
	}
	ls.list = nil
}
