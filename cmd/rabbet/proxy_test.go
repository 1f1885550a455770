package main

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// proxied dials with a header of the PROXY protocol in front.
func proxied(header string) func(network, address string) (net.Conn, error) {
	return func(network, address string) (net.Conn, error) {
		nc, err := net.Dial(network, address)
		if err == nil {
			_, err = io.WriteString(nc, header)
		}
		return nc, err
	}
}

// PROXY-1 to PROXY-8: with proxy_protocol the header is required, comes before TLS, and
// gives the connection its addresses.
func TestProxyProtocol(t *testing.T) {
	cert, key, pool := selfSigned(t)
	path := write(t, "x.conf", "proxy_protocol = true\nlisteners.tcp.1 = 127.0.0.1:0\nlisteners.ssl.1 = 127.0.0.1:0\nssl_options.certfile = "+cert+
		"\nssl_options.keyfile = "+key+"\nloopback_users = none\n")
	s := follow(t, command(t, nil, "serve", "--memory", "--management", "off", "--config", path))
	_, after, found := strings.Cut(strings.Join(s.lines, "\n"), "started TLS (SSL) listener on ")
	require.True(t, found)
	secure, _, _ := strings.Cut(after, "\n")
	const v1, v1over6 = "PROXY TCP4 192.0.2.7 203.0.113.9 40000 5672\r\n", "PROXY TCP6 2001:db8::8 2001:db8::1 40003 5672\r\n"
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + "\xc0\x00\x02\x08" + "\xcb\x00\x71\x09" + "\x9c\x41" + "\x16\x28"
	local := "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00" // PROXY-7: a health check
	for _, header := range []string{v1, v1over6, v2, local} {
		conn, err := amqp.DialConfig("amqp://guest:guest@"+s.address+"/", amqp.Config{Dial: proxied(header)})
		require.NoError(t, err, "%q", header)
		require.NoError(t, conn.Close())
	}
	conn, err := amqp.DialConfig("amqps://guest:guest@"+secure+"/", amqp.Config{Dial: proxied(strings.Replace(v1, "40000", "40009", 1)), TLSClientConfig: &tls.Config{RootCAs: pool}})
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	for _, header := range []string{"", "PROXY TCP4 192.0.2.7 203.0.113.9 70000 5672\r\n", "proxy TCP4 192.0.2.7 203.0.113.9 40000 5672\r\n",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x00\x00\x00"} {
		_, err = amqp.DialConfig("amqp://guest:guest@"+s.address+"/", amqp.Config{Dial: proxied(header)})
		assert.Error(t, err, "%q", header) // PROXY-2, PROXY-3, PROXY-5: refused
	}
	code, log := s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code)
	for _, address := range []string{"192.0.2.7:40000", "[2001:db8::8]:40003", "192.0.2.8:40001", "192.0.2.7:40009"} {
		assert.Contains(t, log, "client="+address)
	}
	assert.NotContains(t, log, "panic")
}
