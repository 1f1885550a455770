package inprocess

import (
	"context"
	"net"
	"sync"
)

// Kill ends the broker as the death of its process would: what is not written yet is
// lost, and clients get a reset. It starts the broker anew at the same address. Only a broker with a folder is told to.
func (b *Broker) Kill(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	// The store comes first: what the broker does about the resets must leave
	// nothing in it. Its error would be that of the folder's lock file, of which
	// opening it again tells.
	_ = b.store.Abandon()
	again := b.listener.again()
	b.listener.resetAll()
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	_ = b.broker.Shutdown(dead) // says that not all clients had gone
	return b.start(again)
}

// listener is a TCP listener that can reset what it has accepted.
type listener struct {
	net.Listener
	mu       sync.Mutex
	accepted []*net.TCPConn
}

// again keeps the socket for the broker that comes next, so that its port is nobody else's
// in between. Where a system cannot, the port is asked for again.
func (l *listener) again() func() (net.Listener, error) {
	f, err := l.Listener.(*net.TCPListener).File()
	if err != nil {
		return func() (net.Listener, error) { return net.Listen("tcp", l.Addr().String()) }
	}
	return func() (net.Listener, error) {
		defer f.Close()
		return net.FileListener(f)
	}
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted = append(l.accepted, c.(*net.TCPConn))
	return c, nil
}

// resetAll ends all connections without a goodbye; those that are closed already
// do not mind.
func (l *listener) resetAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.accepted {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}
