//go:build unix

package broker

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// socketPair returns the two ends of a connection over TCP.
func socketPair(t *testing.T) (here *net.TCPConn, there net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	there, err = net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	nc, err := ln.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { there.Close(); nc.Close() })
	return nc.(*net.TCPConn), there
}

// A read reports whether it had to wait: what a busy client sent before was there.
func TestReadSaysWhetherItWaited(t *testing.T) {
	here, there := socketPair(t)
	in := newReader(here, func() {})
	require.NotNil(t, in.try)
	_, err := there.Write([]byte("abcd"))
	require.NoError(t, err)
	one := make([]byte, 1)
	_, _, err = in.read(one) // has waited or not: the bytes may be still on their way
	require.NoError(t, err)
	n, busy, err := in.read(make([]byte, 100))
	require.NoError(t, err)
	assert.Equal(t, 3, n)
	assert.True(t, busy, "they came with the first")

	asked, try := make(chan struct{}, 8), in.try.do
	in.try.do = func(fd uintptr) bool {
		done := try(fd)
		asked <- struct{}{}
		return done
	}
	waited := make(chan bool)
	go func() {
		_, busy, _ := in.read(one)
		waited <- !busy
	}()
	<-asked
	_, err = there.Write([]byte("e"))
	require.NoError(t, err)
	assert.True(t, <-waited, "nothing was there")
}

// What a read says of a connection's end is what the connection itself says.
func TestReadSaysHowAConnectionEnded(t *testing.T) {
	for name, end := range map[string]struct {
		of   func(here *net.TCPConn, there net.Conn)
		want func(error) bool
	}{
		"closed there": {func(_ *net.TCPConn, there net.Conn) { there.Close() }, func(err error) bool { return err == io.EOF }},
		"closed here":  {func(here *net.TCPConn, _ net.Conn) { here.Close() }, func(err error) bool { return errors.Is(err, net.ErrClosed) }},
		"interrupted":  {func(here *net.TCPConn, _ net.Conn) { here.SetReadDeadline(longAgo) }, func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }},
		"reset": {func(_ *net.TCPConn, there net.Conn) { there.(*net.TCPConn).SetLinger(0); there.Close() },
			func(err error) bool { return strings.HasSuffix(err.Error(), "read: connection reset by peer") }},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := socketPair(t)
			in := newReader(here, func() {})
			end.of(here, there)
			n, _, err := in.read(make([]byte, 10))
			assert.Zero(t, n)
			assert.True(t, end.want(err), "%v", err)
		})
	}
}
