package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

const (
	// MaxFrame is the largest frame in bytes that is agreed to, which is RabbitMQ's default.
	MaxFrame = 128 << 10
	// AnswerTimeout bounds the handshake, and each Ask.
	AnswerTimeout = 30 * time.Second
	// standardTimeout bounds connecting.
	standardTimeout = time.Minute
)

var (
	// ErrClosed ends a connection that this side has closed in order.
	ErrClosed = errors.New("connection closed")
	// ErrCancelled is basic.cancel.
	ErrCancelled = errors.New("the broker cancelled a consumer: its queue is gone")
	// ErrHeartbeat ends a connection on which nothing has come for two intervals.
	ErrHeartbeat = errors.New("missed heartbeats")
	// ErrLate ends a connection whose broker does not answer. It is an os.ErrDeadlineExceeded.
	ErrLate = fmt.Errorf("the broker does not answer: %w", os.ErrDeadlineExceeded)
)

// A CloseError is a connection or a channel that the broker has closed.
type CloseError struct {
	Connection bool
	Code       uint16
	Text       string
}

func (e *CloseError) Error() string {
	what := "channel"
	if e.Connection {
		what = "connection"
	}
	return fmt.Sprintf("the broker closed the %s: %d %s", what, e.Code, e.Text)
}

// A Config says how to connect, and as whom.
type Config struct {
	// Clock times what waits; nil is the real one.
	Clock delay.Clock
	// Address is host:port, and TLS how to secure that; nil is plain TCP.
	Address string
	TLS     *tls.Config
	// Connect replaces Address and TLS where it is not nil.
	Connect func() (net.Conn, error)
	// Timeout bounds connecting; 0 is a minute.
	Timeout time.Duration
	// The login, by PLAIN.
	User, Password, VHost string
	// Product and Name are what the broker shows of the client.
	Product, Name string
	// Heartbeat is the longest interval; 0 is the broker's, and negative is none.
	Heartbeat time.Duration
	// Buffer is how many bytes a read may bring at first; it grows to 256 KiB.
	Buffer int
}

// A Link is a connection. One goroutine at a time may read from it; any may write, each
// Write being whole.
type Link struct {
	net.Conn
	*Reader
	clock    delay.Clock
	frameMax uint32
	over     bool // the broker has answered Goodbye
	blocked  atomic.Bool
	late     atomic.Bool

	writing sync.Mutex
	pulse   pulse
}

// New is a connection that is there, before the handshake.
func New(conn net.Conn, clock delay.Clock, buffer int) *Link {
	if clock == nil {
		clock = delay.Real{}
	}
	l := &Link{Conn: conn, clock: clock, frameMax: MaxFrame}
	l.Reader = NewReader(&l.pulse.incoming, buffer)
	l.pulse.incoming.src = conn
	return l
}

// Open connects and logs in. It opens no channel.
func Open(ctx context.Context, c *Config) (*Link, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	clock := c.Clock
	if clock == nil {
		clock = delay.Real{}
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = standardTimeout
	}
	timer := clock.AfterFunc(timeout, cancel)
	conn, err := c.connect(ctx)
	timer.Stop()
	if err != nil {
		return nil, err
	}
	l := New(conn, clock, c.Buffer)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer l.guard()()
	if err := l.handshake(c); err != nil {
		conn.Close()
		return nil, err
	}
	return l, nil
}

func (c *Config) connect(ctx context.Context) (net.Conn, error) {
	switch {
	case c.Connect != nil:
		return c.Connect()
	case c.TLS != nil:
		return (&tls.Dialer{Config: c.TLS}).DialContext(ctx, "tcp", c.Address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", c.Address)
}

func (l *Link) handshake(c *Config) error {
	if _, err := io.WriteString(l, amqp.ProtocolHeader); err != nil {
		return err
	}
	if err := l.Expect(&amqp.ConnectionStart{}); err != nil {
		return err
	}
	tune := &amqp.ConnectionTune{}
	if err := l.Call(0, c.startOk(), tune); err != nil {
		return err
	}
	if l.frameMax = tune.FrameMax; l.frameMax == 0 || l.frameMax > MaxFrame { // CONN-42: no limit was named
		l.frameMax = MaxFrame
	}
	l.limit = max(l.frameMax, least)
	interval := c.heartbeat(time.Duration(tune.Heartbeat) * time.Second)
	tuneOk := &amqp.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: l.frameMax, Heartbeat: uint16(interval / time.Second)}
	if err := l.Send(0, tuneOk); err != nil {
		return err
	}
	if err := l.Call(0, &amqp.ConnectionOpen{VirtualHost: c.VHost}, &amqp.ConnectionOpenOk{}); err != nil {
		return err
	}
	l.beat(interval)
	return nil
}

// heartbeat is the interval that is agreed: the shorter one, or the only one.
func (c *Config) heartbeat(offered time.Duration) time.Duration {
	switch {
	case c.Heartbeat < 0:
		return 0
	case c.Heartbeat == 0 || offered == 0:
		return c.Heartbeat + offered
	}
	return min(c.Heartbeat, offered)
}

func (c *Config) startOk() *amqp.ConnectionStartOk {
	return &amqp.ConnectionStartOk{
		ClientProperties: amqp.Table{
			{Key: "product", Value: c.Product}, {Key: "platform", Value: "Go"},
			{Key: "connection_name", Value: c.Name},
			{Key: "capabilities", Value: amqp.Table{
				{Key: "authentication_failure_close", Value: true}, {Key: "basic.nack", Value: true},
				{Key: "connection.blocked", Value: true}, {Key: "consumer_cancel_notify", Value: true},
				{Key: "exchange_exchange_bindings", Value: true}, {Key: "publisher_confirms", Value: true},
			}},
		},
		Mechanism: "PLAIN", Response: "\x00" + c.User + "\x00" + c.Password, Locale: "en_US",
	}
}

// FrameMax is the largest frame in bytes that is agreed.
func (l *Link) FrameMax() uint32 { return l.frameMax }

// Blocked reports whether the broker has blocked publishers (CONN-77), as far as Control
// has been told.
func (l *Link) Blocked() bool { return l.blocked.Load() }

// Over reports whether the broker has answered Goodbye.
func (l *Link) Over() bool { return l.over }

// Write sends frames.
func (l *Link) Write(frames []byte) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.pulse.written.Store(true)
	return l.Conn.Write(frames)
}

// Send sends a method.
func (l *Link) Send(channel uint16, m amqp.Method) error {
	_, err := l.Write(amqp.AppendMethod(nil, channel, m))
	return err
}

// Call sends a method and waits for its answer. Nobody else reads from the link.
func (l *Link) Call(channel uint16, m, answer amqp.Method) error {
	if err := l.Send(channel, m); err != nil {
		return err
	}
	return l.Expect(answer)
}

// Ask is Call, bounded by AnswerTimeout.
func (l *Link) Ask(channel uint16, m, answer amqp.Method) error {
	defer l.guard()()
	return l.Call(channel, m, answer)
}

// guard ends the link unless what it returns is called in time.
func (l *Link) guard() (stop func() bool) {
	return l.clock.AfterFunc(AnswerTimeout, func() {
		l.late.Store(true)
		l.Close()
	}).Stop
}

// Expect reads up to the answer that is waited for.
func (l *Link) Expect(answer amqp.Method) error {
	for {
		f, err := l.Next()
		if err != nil {
			return err
		}
		switch {
		case f.Kind != amqp.FrameMethod:
			continue
		case f.Method() == answer.ID():
			return answer.Decode(f.Args())
		}
		if err := l.Control(f); err != nil {
			if f.Method() == amqp.ChannelCloseID { // the channel can be opened again
				_ = l.Send(f.Channel, &amqp.ChannelCloseOk{})
			}
			return err
		}
	}
}

// Control deals with a method that nobody waits for. The error is what ends the connection,
// the channel or a consumer. It does not answer channel.close: another goroutine may be
// writing to a broker that reads no more until this one has read on.
func (l *Link) Control(f Frame) error {
	switch f.Method() {
	case amqp.ConnectionCloseID:
		var m amqp.ConnectionClose
		if err := m.Decode(f.Args()); err != nil {
			return err
		}
		// The broker waits for the answer; whether it gets it changes nothing here.
		_ = l.Send(0, &amqp.ConnectionCloseOk{})
		return &CloseError{true, m.ReplyCode, m.ReplyText}
	case amqp.ChannelCloseID:
		var m amqp.ChannelClose
		if err := m.Decode(f.Args()); err != nil {
			return err
		}
		return &CloseError{false, m.ReplyCode, m.ReplyText}
	case amqp.ConnectionCloseOkID:
		l.over = true
		return ErrClosed
	case amqp.BasicCancelID:
		return ErrCancelled
	case amqp.ConnectionBlockedID:
		l.blocked.Store(true)
	case amqp.ConnectionUnblockedID:
		l.blocked.Store(false)
	}
	return nil
}

// Next waits for a frame.
func (l *Link) Next() (Frame, error) {
	f, err := l.Reader.Next()
	return f, l.why(err)
}

// Fill reads once. It fails with ErrHeartbeat or ErrLate where that is why the connection
// has ended.
func (l *Link) Fill() error { return l.why(l.Reader.Fill()) }

func (l *Link) why(err error) error {
	switch {
	case err == nil:
	case l.pulse.silent.Load():
		return ErrHeartbeat
	case l.late.Load():
		return ErrLate
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the broker closed the socket without connection.close: %w", err)
	}
	return err
}

// Goodbye says that the connection ends, if nobody writes, or else drops it. The answer is
// ErrClosed for the goroutine that reads.
func (l *Link) Goodbye() {
	if !l.writing.TryLock() {
		l.Close()
		return
	}
	defer l.writing.Unlock()
	// A peer that does not read any more is dropped by the goroutine that waits for the answer.
	_, _ = l.Conn.Write(amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{ReplyCode: uint16(amqp.ReplySuccess), ReplyText: "Goodbye"}))
}

// End is an orderly end of a connection that nobody reads from. It waits this long for the
// answer.
func (l *Link) End(patience time.Duration) {
	defer l.Close()
	defer l.clock.AfterFunc(patience, func() { l.Conn.Close() }).Stop()
	l.Goodbye()
	for !l.over {
		f, err := l.Reader.Next()
		if err != nil {
			return
		}
		if f.Kind == amqp.FrameMethod {
			_ = l.Control(f) // what ends it is no news
		}
	}
}

// Close cuts the connection, in any state and from any goroutine.
func (l *Link) Close() error {
	l.stopBeat()
	return l.Conn.Close()
}
