package shovel

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

const (
	// smallBuffer is what a link reads into until that is full; the buffer grows to hold
	// two of the largest frames.
	smallBuffer = 16 << 10
	largeBuffer = 256 << 10
	// maxFrame is the largest frame in bytes that is agreed to.
	maxFrame = 128 << 10
	// channel is the one channel that messages go through; probe is for what may be refused.
	channel = 1
	probe   = 2
	// heartbeat is what RabbitMQ's client asks for.
	heartbeat = 10 * time.Second
	// answerTimeout bounds a call, and closeTimeout an orderly end.
	answerTimeout = 30 * time.Second
	closeTimeout  = 10 * time.Second
)

var (
	errClosed    = errors.New("connection closed")
	errCancelled = errors.New("the queue is gone") // basic.cancel
	errHeartbeat = errors.New("missed heartbeats")
	errSyntax    = errors.New("the broker sent a malformed frame")
)

// A closeError is a connection or channel that the broker has closed.
type closeError struct {
	connection bool
	code       uint16
	text       string
}

func (e *closeError) Error() string { return e.text }

// A link is a connection to one end, with its channel. One goroutine at a time reads from
// it; writes hold the lock.
type link struct {
	net.Conn
	clock    delay.Clock // the peer's
	buf      []byte      // what is read and not yet used is buf[r:w]
	r, w     int
	frameMax uint32
	interval time.Duration // of heartbeats; 0 is none
	over     bool          // the peer has answered goodbye
	pulse    delay.Timer

	writing sync.Mutex
	written atomic.Bool // since the last heartbeat
	reads   atomic.Uint64
	waiting atomic.Bool // a read is under way
	silent  atomic.Bool // ended for missed heartbeats

	beats struct { // of the timer
		sync.Mutex
		seen  uint64
		quiet int
		ended bool
	}
}

// A dialer opens connections.
type dialer struct {
	clock  delay.Clock
	direct func(login bool) (net.Conn, error)
}

// open connects and logs in, and opens the channel.
func (d *dialer) open(ctx context.Context, a *address, name string) (*link, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := d.clock.AfterFunc(a.timeout, cancel)
	conn, err := d.connect(ctx, a)
	timer.Stop()
	if err != nil {
		return nil, err
	}
	l := &link{Conn: conn, clock: d.clock, buf: make([]byte, smallBuffer)}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	guard := d.clock.AfterFunc(answerTimeout, func() { conn.Close() })
	defer guard.Stop()
	if err := l.handshake(a, name); err != nil {
		conn.Close()
		return nil, err
	}
	return l, nil
}

func (d *dialer) connect(ctx context.Context, a *address) (net.Conn, error) {
	if a.direct {
		return d.direct(a.login)
	}
	if !a.secure {
		return (&net.Dialer{}).DialContext(ctx, "tcp", a.host)
	}
	cfg, err := a.tlsConfig()
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", a.host)
}

func (l *link) handshake(a *address, name string) error {
	if _, err := io.WriteString(l, amqp.ProtocolHeader); err != nil {
		return err
	}
	if err := l.expect(&amqp.ConnectionStart{}); err != nil {
		return err
	}
	tune := &amqp.ConnectionTune{}
	if err := l.call(0, startOk(a, name), tune); err != nil {
		return err
	}
	if l.frameMax = tune.FrameMax; l.frameMax == 0 || l.frameMax > maxFrame {
		l.frameMax = maxFrame
	}
	if a.heartbeat < 0 {
		a.heartbeat = heartbeat
	}
	if l.interval = min(a.heartbeat, time.Duration(tune.Heartbeat)*time.Second); l.interval == 0 { // one of them has none
		l.interval = max(a.heartbeat, time.Duration(tune.Heartbeat)*time.Second)
	}
	if a.direct {
		l.interval = 0
	}
	tuneOk := &amqp.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: l.frameMax, Heartbeat: uint16(l.interval / time.Second)}
	if err := l.send(0, tuneOk); err != nil {
		return err
	}
	if err := l.call(0, &amqp.ConnectionOpen{VirtualHost: a.vhost}, &amqp.ConnectionOpenOk{}); err != nil {
		return err
	}
	if err := l.call(channel, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}); err != nil {
		return err
	}
	l.beat()
	return nil
}

func startOk(a *address, name string) *amqp.ConnectionStartOk {
	return &amqp.ConnectionStartOk{
		ClientProperties: amqp.Table{
			{Key: "product", Value: "Rabbet"}, {Key: "platform", Value: "Go"},
			{Key: "connection_name", Value: "Shovel " + name},
			{Key: "capabilities", Value: amqp.Table{
				{Key: "authentication_failure_close", Value: true}, {Key: "basic.nack", Value: true},
				{Key: "connection.blocked", Value: true}, {Key: "consumer_cancel_notify", Value: true},
				{Key: "exchange_exchange_bindings", Value: true}, {Key: "publisher_confirms", Value: true},
			}},
		},
		Mechanism: "PLAIN", Response: "\x00" + a.user + "\x00" + a.password, Locale: "en_US",
	}
}

// write sends frames.
func (l *link) write(frames []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.written.Store(true)
	_, err := l.Write(frames)
	return err
}

func (l *link) send(id uint16, m amqp.Method) error { return l.write(amqp.AppendMethod(nil, id, m)) }

// call sends a method and waits for its answer. Nobody else reads from the link.
func (l *link) call(id uint16, m, answer amqp.Method) error {
	if err := l.send(id, m); err != nil {
		return err
	}
	return l.expect(answer)
}

// ask is call, bounded in time.
func (l *link) ask(id uint16, m, answer amqp.Method) error {
	guard := l.clock.AfterFunc(answerTimeout, func() { l.Close() })
	defer guard.Stop()
	return l.call(id, m, answer)
}

func (l *link) expect(answer amqp.Method) error {
	for {
		f, err := l.next()
		if err != nil {
			return err
		}
		if f.kind != amqp.FrameMethod {
			continue
		}
		if f.method() == answer.ID() {
			return answer.Decode(f.args())
		}
		if err := l.control(f); err != nil {
			return err
		}
	}
}

// control deals with a method that ends the connection or the channel; nil for all others.
func (l *link) control(f frame) error {
	switch f.method() {
	case amqp.ConnectionCloseID:
		var m amqp.ConnectionClose
		if err := m.Decode(f.args()); err != nil {
			return err
		}
		// The broker waits for the answer; whether it gets it changes nothing here.
		_ = l.send(0, &amqp.ConnectionCloseOk{})
		return &closeError{true, m.ReplyCode, m.ReplyText}
	case amqp.ChannelCloseID:
		var m amqp.ChannelClose
		if err := m.Decode(f.args()); err != nil {
			return err
		}
		_ = l.send(f.channel, &amqp.ChannelCloseOk{})
		return &closeError{false, m.ReplyCode, m.ReplyText}
	case amqp.ConnectionCloseOkID:
		l.over = true
		return errClosed
	case amqp.BasicCancelID:
		return errCancelled
	}
	return nil
}

// A frame is one that has been read; its bytes are valid until the next read.
type frame struct {
	kind    byte
	channel uint16
	whole   []byte
}

func (f frame) payload() []byte       { return f.whole[amqp.FrameHeaderSize : len(f.whole)-1] }
func (f frame) method() amqp.MethodID { return amqp.MethodID(binary.BigEndian.Uint32(f.payload())) }
func (f frame) args() []byte          { return f.payload()[4:] }

// next waits for a frame.
func (l *link) next() (frame, error) {
	for {
		f, ok, err := l.buffered()
		if ok || err != nil {
			return f, err
		}
		if err := l.fill(); err != nil {
			return frame{}, err
		}
	}
}

// buffered returns the next frame if the whole of it has been read.
func (l *link) buffered() (f frame, ok bool, err error) {
	p := l.buf[l.r:l.w]
	if len(p) < amqp.FrameHeaderSize {
		return frame{}, false, nil
	}
	size := int(binary.BigEndian.Uint32(p[3:]))
	whole := size + amqp.FrameOverhead
	switch {
	case string(p[:4]) == amqp.ProtocolHeader[:4]:
		return frame{}, false, errors.New("the broker does not speak AMQP 0-9-1")
	case size > largeBuffer-amqp.FrameOverhead:
		return frame{}, false, fmt.Errorf("the broker sent a frame of %d bytes", size)
	case len(p) < whole:
		return frame{}, false, nil
	case p[whole-1] != amqp.FrameEnd, p[0] == amqp.FrameMethod && size < 4, p[0] == amqp.FrameHeader && size < 14:
		return frame{}, false, errSyntax
	}
	l.r += whole
	return frame{p[0], binary.BigEndian.Uint16(p[1:]), p[:whole]}, true, nil
}

// fill reads once. The buffer grows when a read has filled it.
func (l *link) fill() error {
	if l.r > 0 {
		l.w = copy(l.buf, l.buf[l.r:l.w])
		l.r = 0
	}
	if l.w == len(l.buf) {
		buf := make([]byte, min(4*len(l.buf), largeBuffer))
		copy(buf, l.buf[:l.w])
		l.buf = buf
	}
	l.waiting.Store(true)
	n, err := l.Read(l.buf[l.w:])
	l.waiting.Store(false)
	l.reads.Add(1)
	l.w += n
	switch {
	case n > 0:
		return nil
	case l.silent.Load():
		return errHeartbeat
	}
	return err
}

// beat sends a heartbeat twice an interval, and ends a link on which nothing has come for
// two intervals while it was waited for.
func (l *link) beat() {
	if l.interval == 0 {
		return
	}
	b := &l.beats
	b.Lock()
	defer b.Unlock()
	if b.ended {
		return
	}
	l.pulse = l.clock.AfterFunc(l.interval/2, l.beat)
	if reads := l.reads.Load(); reads != b.seen || !l.waiting.Load() {
		b.seen, b.quiet = reads, 0
	} else if b.quiet++; b.quiet > 4 {
		l.silent.Store(true)
		l.Close()
		return
	}
	if !l.written.Swap(false) && l.writing.TryLock() { // whoever writes shows that we live
		_, _ = l.Write(amqp.AppendHeartbeat(nil)) // the reader notices a failure
		l.writing.Unlock()
	}
}

// stopBeat ends the heartbeats.
func (l *link) stopBeat() {
	b := &l.beats
	b.Lock()
	defer b.Unlock()
	b.ended = true
	if l.pulse != nil {
		l.pulse.Stop()
	}
}

// goodbye says that the connection ends, if nobody writes, or else drops it.
func (l *link) goodbye() {
	if !l.writing.TryLock() {
		l.Close()
		return
	}
	defer l.writing.Unlock()
	// A peer that does not read any more is dropped by whoever waits for the answer.
	_, _ = l.Write(amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{ReplyCode: uint16(amqp.ReplySuccess), ReplyText: "Goodbye"}))
}
