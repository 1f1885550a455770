package patterns_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy is a network between a client and its broker that can be cut.
type proxy struct {
	l      net.Listener
	target string
	mu     sync.Mutex
	away   bool
	conns  []net.Conn
}

// newProxy returns a proxy to the broker of a URL, and the URL that leads through it.
func newProxy(t *testing.T, target string) (*proxy, string) {
	u, err := url.Parse(target)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{l: l, target: u.Host}
	go p.serve()
	t.Cleanup(func() {
		l.Close()
		p.cut()
	})
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *proxy) serve() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		if p.away {
			client.Close()
			server.Close()
		}
		p.mu.Unlock()
		go relay(client, server)
		go relay(server, client)
	}
}

func relay(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// leave refuses connections, as a broker that is away does, until it is told otherwise.
func (p *proxy) leave(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}
