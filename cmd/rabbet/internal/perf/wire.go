// A connection in bare frames, with one channel. What it reads and writes under load,
// producer and consumer do themselves.

package perf

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
	"github.com/rabbetmq/rabbet/delay"
)

const (
	// readBuffer holds two of the largest frames that RabbitMQ sends by default.
	readBuffer = 256 << 10
	// idleBuffer is enough for the handshake.
	idleBuffer = 8 << 10
	// closeTimeout bounds what a run waits for at its end, for each connection.
	closeTimeout = 2 * time.Second
	// loadChannel is the one channel of each connection.
	loadChannel = 1
)

// wire is a connection. One goroutine at a time may read from it.
type wire struct {
	*link.Link
	clock delay.Clock
}

// dial connects and opens a channel. The buffer is how much is read at once, readBuffer or
// idleBuffer.
func dial(ctx context.Context, c delay.Clock, rawURL, name string, buffer int) (*wire, error) {
	a, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	to := &link.Config{
		Clock: c, Address: a.host, User: a.user, Password: a.password, VHost: a.vhost, Product: "rabbet perf", Name: name,
		Heartbeat: -1, Buffer: buffer, // under full load heartbeats tell nothing
	}
	if a.tls {
		to.TLS = &tls.Config{}
	}
	l, err := link.Open(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("opening a connection: %w", err)
	}
	w := &wire{l, c}
	if err := w.ask(&amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}); err != nil {
		w.Close()
		return nil, fmt.Errorf("opening a channel: %w", err)
	}
	return w, nil
}

// ask is a call on the channel of the load, bounded in time.
func (c *wire) ask(m, answer amqp.Method) error { return c.Ask(loadChannel, m, answer) }

// hangUp asks for an orderly end; the goroutine that reads then gets link.ErrClosed, or an
// error after a while.
func (c *wire) hangUp() {
	// Errors need no answer: the socket is closed all the same.
	_ = c.SetDeadline(c.clock.Now().Add(closeTimeout))
	c.Goodbye()
}

// giveUpWriting fails on a closed socket, which is as good.
func (c *wire) giveUpWriting(at time.Time) { _ = c.SetWriteDeadline(at) }

// close ends a connection that no goroutine reads.
func (c *wire) close() { c.End(closeTimeout) }

// stopwatch reads a clock as nanoseconds since 1970 that never go back.
type stopwatch struct {
	clock delay.Clock
	base  time.Time
}

func newStopwatch(c delay.Clock) stopwatch { return stopwatch{c, c.Now()} }

func (s stopwatch) now() int64 { return s.base.UnixNano() + int64(s.clock.Now().Sub(s.base)) }
