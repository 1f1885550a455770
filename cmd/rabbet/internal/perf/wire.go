// A bare AMQP connection with one channel: the handshake, calls that wait for
// their answer, and the frames that a broker sends unasked. What it reads and
// writes under load, producer and consumer do themselves.

package perf

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

const (
	// readBuffer holds two of the largest frames that RabbitMQ sends by default.
	readBuffer = 256 << 10
	// idleBuffer is enough for the handshake.
	idleBuffer = 8 << 10
	// answerTimeout bounds the wait for the answer to a call.
	answerTimeout = 30 * time.Second
	// closeTimeout bounds what a run waits for at its end, for each connection.
	closeTimeout = 2 * time.Second
	// loadChannel is the one channel of each connection.
	loadChannel = 1
)

// errClosed is what reading ends with after an orderly connection.close.
var errClosed = errors.New("connection closed")

// CloseError is a channel or connection that the broker closed.
type CloseError struct {
	Entity string // "connection" or "channel"
	Code   uint16
	Text   string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("the broker closed the %s: %d %s", e.Entity, e.Code, e.Text)
}

// wire is a connection. One goroutine at a time may read from it.
type wire struct {
	net.Conn
	clock    delay.Clock
	buf      []byte // what is read and not yet used is buf[r:w]
	r, w     int
	frameMax uint32
	blocked  atomic.Bool // by connection.blocked
}

// dial connects and opens a channel. The size of the read buffer, readBuffer or
// idleBuffer, is that of the largest frame that can be received.
func dial(ctx context.Context, c delay.Clock, rawURL, name string, buffer int) (*wire, error) {
	a, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	if a.tls {
		conn, err = (&tls.Dialer{}).DialContext(ctx, "tcp", a.host)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", a.host)
	}
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, clock: c, buf: make([]byte, buffer)}
	if err := w.handshake(a, name); err != nil {
		conn.Close()
		return nil, fmt.Errorf("opening a connection: %w", err)
	}
	return w, nil
}

func (c *wire) handshake(a address, name string) error {
	if err := c.SetDeadline(c.clock.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, amqp.ProtocolHeader); err != nil {
		return err
	}
	if err := c.expect(&amqp.ConnectionStart{}); err != nil {
		return err
	}
	startOk := &amqp.ConnectionStartOk{
		ClientProperties: amqp.Table{
			{Key: "product", Value: "rabbet perf"},
			{Key: "connection_name", Value: name},
			{Key: "capabilities", Value: amqp.Table{
				{Key: "authentication_failure_close", Value: true},
				{Key: "basic.nack", Value: true},
				{Key: "connection.blocked", Value: true},
				{Key: "consumer_cancel_notify", Value: true},
				{Key: "publisher_confirms", Value: true},
			}},
		},
		Mechanism: "PLAIN",
		Response:  "\x00" + a.user + "\x00" + a.password,
		Locale:    "en_US",
	}
	tune := &amqp.ConnectionTune{}
	if err := c.call(0, startOk, tune); err != nil {
		return err
	}
	c.frameMax = tune.FrameMax
	if c.frameMax == 0 || c.frameMax > readBuffer {
		c.frameMax = readBuffer
	}
	// No heartbeats: under full load they tell nothing.
	tuneOk := &amqp.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: c.frameMax}
	if _, err := c.Write(amqp.AppendMethod(nil, 0, tuneOk)); err != nil {
		return err
	}
	if err := c.call(0, &amqp.ConnectionOpen{VirtualHost: a.vhost}, &amqp.ConnectionOpenOk{}); err != nil {
		return err
	}
	if err := c.call(loadChannel, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}); err != nil {
		return err
	}
	return c.SetDeadline(time.Time{})
}

// call sends a method and waits for its answer.
func (c *wire) call(channel uint16, m, answer amqp.Method) error {
	if _, err := c.Write(amqp.AppendMethod(nil, channel, m)); err != nil {
		return err
	}
	return c.expect(answer)
}

// ask is call on the channel of the load, bounded in time.
func (c *wire) ask(m, answer amqp.Method) error {
	if err := c.SetDeadline(c.clock.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if err := c.call(loadChannel, m, answer); err != nil {
		return err
	}
	return c.SetDeadline(time.Time{})
}

// expect reads frames up to the answer that is waited for.
func (c *wire) expect(answer amqp.Method) error {
	for {
		kind, payload, err := c.frame()
		if err != nil {
			return err
		}
		if kind != amqp.FrameMethod {
			continue
		}
		id := methodID(payload)
		if id == answer.ID() {
			return answer.Decode(payload[4:])
		}
		if err := c.control(id, payload[4:]); err != nil {
			return err
		}
	}
}

// control deals with a method that no call waits for. It returns an error for
// those that end the load.
func (c *wire) control(id amqp.MethodID, args []byte) error {
	switch id {
	case amqp.ConnectionCloseID:
		var m amqp.ConnectionClose
		if err := m.Decode(args); err != nil {
			return err
		}
		// The broker waits for the answer; whether it gets it changes nothing here.
		_, _ = c.Write(amqp.AppendMethod(nil, 0, &amqp.ConnectionCloseOk{}))
		return &CloseError{"connection", m.ReplyCode, m.ReplyText}
	case amqp.ChannelCloseID:
		var m amqp.ChannelClose
		if err := m.Decode(args); err != nil {
			return err
		}
		return &CloseError{"channel", m.ReplyCode, m.ReplyText}
	case amqp.ConnectionCloseOkID:
		return errClosed
	case amqp.BasicCancelID:
		return errors.New("the broker cancelled a consumer: its queue is gone")
	case amqp.ConnectionBlockedID:
		c.blocked.Store(true)
	case amqp.ConnectionUnblockedID:
		c.blocked.Store(false)
	}
	return nil
}

// frame returns the next frame, whose payload is valid until the next call.
func (c *wire) frame() (kind byte, payload []byte, err error) {
	for {
		kind, payload, ok, err := c.buffered()
		if ok || err != nil {
			return kind, payload, err
		}
		if err := c.fill(); err != nil {
			return 0, nil, err
		}
	}
}

// buffered returns the next frame if the whole of it has been read.
func (c *wire) buffered() (kind byte, payload []byte, ok bool, err error) {
	p := c.buf[c.r:c.w]
	if len(p) < amqp.FrameHeaderSize {
		return 0, nil, false, nil
	}
	size := int(binary.BigEndian.Uint32(p[3:]))
	whole := size + amqp.FrameOverhead
	switch {
	case string(p[:4]) == amqp.ProtocolHeader[:4]:
		return 0, nil, false, errors.New("the broker does not speak AMQP 0-9-1")
	case whole > len(c.buf):
		return 0, nil, false, fmt.Errorf("the broker sent a frame of %d bytes, where there is room for %d", whole, len(c.buf))
	case len(p) < whole:
		return 0, nil, false, nil
	case p[whole-1] != amqp.FrameEnd, p[0] == amqp.FrameMethod && size < 4, p[0] == amqp.FrameHeader && size < 14:
		return 0, nil, false, errors.New("the broker sent a malformed frame")
	}
	c.r += whole
	return p[0], p[amqp.FrameHeaderSize : whole-1], true, nil
}

// fill reads once, into what the buffer has free.
func (c *wire) fill() error {
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	n, err := c.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the broker closed the socket without connection.close")
	}
	return err
}

// hangUp asks for an orderly end; the goroutine that reads then gets errClosed,
// or an error after a while.
func (c *wire) hangUp() {
	closing := amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{ReplyCode: 200, ReplyText: "done"})
	// Errors need no answer: the socket is closed all the same.
	_ = c.SetDeadline(c.clock.Now().Add(closeTimeout))
	_, _ = c.Write(closing)
}

func (c *wire) isBlocked() bool { return c.blocked.Load() }

// giveUpWriting fails on a closed socket, which is as good.
func (c *wire) giveUpWriting(at time.Time) { _ = c.SetWriteDeadline(at) }

// close ends a connection that no goroutine reads.
func (c *wire) close() {
	c.hangUp()
	for {
		kind, payload, err := c.frame()
		if err != nil {
			break
		}
		if kind == amqp.FrameMethod && methodID(payload) == amqp.ConnectionCloseOkID {
			break
		}
	}
	c.Close()
}

func methodID(payload []byte) amqp.MethodID {
	return amqp.MethodID(binary.BigEndian.Uint32(payload))
}

// stopwatch reads a clock as nanoseconds since 1970 that never go back.
type stopwatch struct {
	clock delay.Clock
	base  time.Time
}

func newStopwatch(c delay.Clock) stopwatch { return stopwatch{c, c.Now()} }

func (s stopwatch) now() int64 { return s.base.UnixNano() + int64(s.clock.Now().Sub(s.base)) }
