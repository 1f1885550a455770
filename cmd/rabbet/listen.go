package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tlsconf"
	"github.com/rabbetmq/rabbet/delay"
)

// A listener hands connections to the broker, with the options that the settings give
// their sockets.
type listener struct {
	net.Listener
	options *settings.Listen

	once      sync.Once
	accepting chan struct{} // closed once the broker asks for connections
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	l.once.Do(func() { close(l.accepting) })
	nc, err := l.Listener.Accept()
	if tcp, ok := socketOf(nc).(*net.TCPConn); ok {
		// A socket that takes none of these works without them.
		if l.options.SendBuffer > 0 {
			_ = tcp.SetWriteBuffer(int(l.options.SendBuffer))
		}
		if l.options.ReceiveBuffer > 0 {
			_ = tcp.SetReadBuffer(int(l.options.ReceiveBuffer))
		}
	}
	return nc, err
}

// socketOf is what is below TLS and the PROXY protocol.
func socketOf(nc net.Conn) net.Conn {
	if secure, ok := nc.(*tls.Conn); ok {
		nc = secure.NetConn()
	}
	if proxied, ok := nc.(*proxyproto.Conn); ok {
		nc = proxied.Raw()
	}
	return nc
}

// proxyTimeout is the time to send the header of the PROXY protocol (PROXY-2: 3 s).
const proxyTimeout = 3 * time.Second

// behindProxy makes a header of the PROXY protocol the condition to be served. The
// addresses in it stand for the client's, for loopback users too (PROXY-10: from 4.2.6
// on).
func behindProxy(l net.Listener) net.Listener {
	return &proxyproto.Listener{
		Listener:          l,
		ReadHeaderTimeout: proxyTimeout,
		ConnPolicy:        func(proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) { return proxyproto.REQUIRE, nil },
		ValidateHeader: func(h *proxyproto.Header) error {
			if h.Command.IsProxy() && (h.SourceAddr == nil || h.DestinationAddr == nil) { // PROXY-5: reset
				return errors.New("the header of the PROXY protocol has no addresses")
			}
			return nil
		},
	}
}

// TLS reports whether connections speak TLS.
func (l *listener) TLS() bool { _, is := l.Listener.(*tlsconf.Listener); return is }

// listen opens all listeners, or none.
func listen(set *settings.Settings, log *slog.Logger) (listeners []*listener, err error) {
	cfg := &set.Listen
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(listeners))
		}
	}()
	add := func(l net.Listener) {
		listeners = append(listeners, &listener{Listener: l, options: cfg, accepting: make(chan struct{})})
	}
	proxied := func(l net.Listener) net.Listener {
		if cfg.ProxyProtocol { // PROXY-1: on all, before TLS
			return behindProxy(l)
		}
		return l
	}
	config := net.ListenConfig{}
	if !cfg.KeepAlive {
		config.KeepAlive = -1
	}
	for _, a := range cfg.TCP {
		l, err := config.Listen(context.Background(), "tcp", net.JoinHostPort(a.Host, fmt.Sprint(a.Port)))
		if err != nil {
			return listeners, listenError(a.String(), err)
		}
		add(proxied(l))
	}
	if len(cfg.TLS) > 0 {
		secure, err := tlsconf.Server(&set.TLS, "ssl_options", delay.Real{}, log)
		if err != nil {
			return listeners, err
		}
		for _, a := range cfg.TLS {
			l, err := config.Listen(context.Background(), "tcp", net.JoinHostPort(a.Host, fmt.Sprint(a.Port)))
			if err != nil {
				return listeners, listenError(a.String(), err)
			}
			add(tlsconf.NewListener(proxied(l), secure, cfg.TLSHandshakeTimeout, log))
		}
	}
	for _, path := range cfg.Unix {
		l, err := listenUnix(path)
		if err != nil {
			return listeners, listenError(path, err)
		}
		add(l)
	}
	return listeners, nil
}

// listenUnix listens on a socket of the machine. One that a process left behind which
// was killed is removed first.
func listenUnix(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	info, statErr := os.Stat(path)
	if statErr != nil || info.Mode()&os.ModeSocket == 0 {
		return nil, err
	}
	if nc, dialErr := net.DialTimeout("unix", path, time.Second); dialErr == nil {
		_ = nc.Close() // It was only asked whether somebody is there.
		return nil, err
	} else if !errors.Is(dialErr, syscall.ECONNREFUSED) {
		return nil, err
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}

// accept has the broker accept connections from all listeners, and returns once it
// does.
func accept(b *broker.Broker, listeners []*listener) {
	for _, l := range listeners {
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = b.Serve(l) // What ended it is in the log.
		}()
		select {
		case <-l.accepting:
		case <-served:
		}
	}
}

// closeAll closes what nobody accepts from.
func closeAll(listeners []*listener) (err error) {
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}

// listenError says in one line why there is no listening on an address.
func listenError(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("cannot listen on %s: the address is in use, maybe by another broker", address)
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("cannot listen on %s: %s", address, strings.TrimPrefix(err.Error(), "bind: "))
}

// clientURL is a URL for a client on this machine, at the first listener of TCP; "" if
// there is none.
func clientURL(set *settings.Settings, listeners []*listener) string {
	for _, l := range listeners {
		if tcp, ok := l.Addr().(*net.TCPAddr); ok {
			scheme := "amqp"
			if l.TLS() {
				scheme = "amqps"
			}
			return amqpURL(scheme, set, tcp)
		}
	}
	return ""
}

// amqpURL is the URL of the default user and virtual host at an address.
func amqpURL(scheme string, set *settings.Settings, at *net.TCPAddr) string {
	host := at.IP.String()
	if at.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	u := url.URL{
		Scheme: scheme, User: url.UserPassword(set.Access.DefaultUser, set.Access.DefaultPassword),
		Host: net.JoinHostPort(host, fmt.Sprint(at.Port)),
	}
	u.Path, u.RawPath = "/"+set.Access.DefaultVHost, "/"+url.PathEscape(set.Access.DefaultVHost)
	return u.String()
}
