package broker_test

// A client at the level of frames, for what the official one cannot be made to
// do: stay silent, stop reading, break off, say things out of turn.

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A rawClient is the client's end of a connection. Reading gives up after
// patience and fails the test.
type rawClient struct {
	t  testing.TB
	nc net.Conn
	in *bufio.Reader
}

// A frame is one frame as received.
type frame struct {
	kind    byte
	channel uint16
	payload []byte
}

// rawDial opens an in-memory connection and says nothing yet.
func rawDial(t testing.TB, b *broker.Broker) *rawClient {
	t.Helper()
	nc, err := b.Dial()
	require.NoError(t, err)
	return newRawClient(t, nc)
}

// newRawClient is a raw client on a connection that it closes in the end.
func newRawClient(t testing.TB, nc net.Conn) *rawClient {
	t.Cleanup(func() { _ = nc.Close() })
	return &rawClient{t: t, nc: nc, in: bufio.NewReader(nc)}
}

// rawOpen is a raw client with an open connection; heartbeat is in seconds.
func rawOpen(t testing.TB, b *broker.Broker, heartbeat uint16) *rawClient {
	t.Helper()
	c := rawDial(t, b)
	c.open(heartbeat)
	return c
}

// open does the handshake, in one write each way where the protocol allows it.
func (c *rawClient) open(heartbeat uint16) {
	c.t.Helper()
	c.write([]byte(amqp.ProtocolHeader))
	c.send(0, startOk("guest", "guest"))
	expect[*amqp.ConnectionStart](c)
	tune := expect[*amqp.ConnectionTune](c)
	c.send(0, &amqp.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: tune.FrameMax, Heartbeat: heartbeat},
		&amqp.ConnectionOpen{VirtualHost: "/"})
	expect[*amqp.ConnectionOpenOk](c)
}

// startOk logs in with PLAIN, as a client of the given capabilities.
func startOk(user, password string, capabilities ...string) *amqp.ConnectionStartOk {
	var caps amqp.Table
	for _, name := range capabilities {
		caps = append(caps, amqp.Field{Key: name, Value: true})
	}
	return &amqp.ConnectionStartOk{
		ClientProperties: amqp.Table{{Key: "capabilities", Value: caps}},
		Mechanism:        "PLAIN", Response: "\x00" + user + "\x00" + password, Locale: "en_US",
	}
}

// channel opens a channel.
func (c *rawClient) channel(id uint16) {
	c.t.Helper()
	c.send(id, &amqp.ChannelOpen{})
	expect[*amqp.ChannelOpenOk](c)
}

func (c *rawClient) write(p []byte) {
	c.t.Helper()
	require.NoError(c.t, c.nc.SetWriteDeadline(delay.Real{}.Now().Add(patience)))
	_, err := c.nc.Write(p)
	require.NoError(c.t, err)
}

// tryWrite writes until the broker has taken nothing for half a second, which full reports.
func (c *rawClient) tryWrite(p []byte) (n int, full bool) {
	c.t.Helper()
	require.NoError(c.t, c.nc.SetWriteDeadline(delay.Real{}.Now().Add(time.Second/2)))
	n, err := c.nc.Write(p)
	if err != nil {
		require.ErrorIs(c.t, err, os.ErrDeadlineExceeded)
	}
	return n, err != nil
}

// send writes methods in one go.
func (c *rawClient) send(channel uint16, methods ...amqp.Method) {
	c.t.Helper()
	var p []byte
	for _, m := range methods {
		p = amqp.AppendMethod(p, channel, m)
	}
	c.write(p)
}

// appendPublish appends a whole publish without properties.
func appendPublish(p []byte, channel uint16, exchange, key string, body []byte) []byte {
	return appendPublishWith(p, channel, exchange, key, &amqp.Properties{}, body)
}

func appendPublishWith(p []byte, channel uint16, exchange, key string, props *amqp.Properties, body []byte) []byte {
	p = amqp.AppendMethod(p, channel, &amqp.BasicPublish{Exchange: exchange, RoutingKey: key})
	p = amqp.AppendHeader(p, channel, 60, uint64(len(body)), props.Append(nil))
	return amqp.AppendBody(p, channel, body, 131072)
}

// read returns the next frame, or the error that ended the connection.
func (c *rawClient) read() (frame, error) {
	if err := c.nc.SetReadDeadline(delay.Real{}.Now().Add(patience)); err != nil {
		return frame{}, err
	}
	var h [amqp.FrameHeaderSize]byte
	if _, err := io.ReadFull(c.in, h[:]); err != nil {
		return frame{}, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(h[3:])+1)
	if _, err := io.ReadFull(c.in, rest); err != nil {
		return frame{}, err
	}
	end := len(rest) - 1
	require.EqualValues(c.t, amqp.FrameEnd, rest[end])
	return frame{h[0], binary.BigEndian.Uint16(h[1:]), rest[:end]}, nil
}

// next returns the next frame; there must be one.
func (c *rawClient) next() frame {
	c.t.Helper()
	f, err := c.read()
	require.NoError(c.t, err)
	return f
}

// method decodes a method frame.
func (f frame) method(t testing.TB) amqp.Method {
	t.Helper()
	require.EqualValues(t, amqp.FrameMethod, f.kind)
	m, err := f.decode()
	require.NoError(t, err)
	return m
}

// decode is method for who can do with an error.
func (f frame) decode() (amqp.Method, error) {
	id := amqp.MethodID(binary.BigEndian.Uint32(f.payload))
	m, known := amqp.NewMethod(id)
	if !known {
		return nil, fmt.Errorf("unknown method %v", id)
	}
	return m, m.Decode(f.payload[4:])
}

// expect returns the next frame's method, which must be of this type.
func expect[M amqp.Method](c *rawClient) M {
	c.t.Helper()
	m := c.next().method(c.t)
	want, ok := m.(M)
	require.True(c.t, ok, "got %T %+v", m, m)
	return want
}

// expectEnd checks that nothing more comes but the end of the connection.
func (c *rawClient) expectEnd() {
	c.t.Helper()
	f, err := c.read()
	require.ErrorIs(c.t, err, io.EOF, "%+v", f)
}
