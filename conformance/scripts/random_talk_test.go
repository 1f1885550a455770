// The connection of a random program: it speaks frames and needs no script.

package scripts

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// randomPatience is how long a program waits for an answer that must come.
const randomPatience = 5 * time.Second

// A talk is one connection, and what of contents is on its way on each channel.
type talk struct {
	socket  net.Conn
	came    chan arrival
	done    chan struct{} // closed by close
	partial map[uint16]*packet
}

// dialTalk logs in.
func dialTalk(url string) (*talk, error) {
	uri, err := amqp.ParseURI(url)
	if err != nil {
		return nil, err
	}
	socket, err := net.DialTimeout("tcp", net.JoinHostPort(uri.Host, fmt.Sprint(uri.Port)), randomPatience)
	if err != nil {
		return nil, err
	}
	l := &talk{socket: socket, came: make(chan arrival, 256), done: make(chan struct{}), partial: map[uint16]*packet{}}
	go l.pump()
	if err := l.login(uri); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// clientProperties of all capabilities that change what a broker says.
var clientProperties = wire.Table{{Key: "capabilities", Value: wire.Table{
	{Key: "authentication_failure_close", Value: true}, {Key: "consumer_cancel_notify", Value: true},
}}}

func (l *talk) login(uri amqp.URI) error {
	l.send([]byte(wire.ProtocolHeader))
	steps := []struct{ await, answer wire.Method }{
		{&wire.ConnectionStart{}, &wire.ConnectionStartOk{
			ClientProperties: clientProperties, Mechanism: "PLAIN", Locale: "en_US",
			Response: "\x00" + uri.Username + "\x00" + uri.Password,
		}},
		{&wire.ConnectionTune{}, &wire.ConnectionTuneOk{ChannelMax: 2047, FrameMax: randomFrameMax}},
		{nil, &wire.ConnectionOpen{VirtualHost: uri.Vhost}},
		{&wire.ConnectionOpenOk{}, nil},
	}
	for _, s := range steps {
		if s.await != nil {
			p, err := l.next()
			if err != nil {
				return err
			}
			if p.method == nil || p.method.ID() != s.await.ID() {
				return fmt.Errorf("expected %s, got %+v", s.await.ID(), p.method)
			}
		}
		if s.answer != nil {
			l.send(wire.AppendMethod(nil, 0, s.answer))
		}
	}
	return nil
}

// randomFrameMax is small, so that bodies of some kilobytes need several frames.
const randomFrameMax = 8192

func (l *talk) pump() {
	in := bufio.NewReader(l.socket)
	for {
		f, err := readFrame(in)
		select {
		case l.came <- arrival{Frame: f, err: err}:
		case <-l.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// send sends bytes. That the broker has gone shows when its words are read.
func (l *talk) send(b []byte) { _, _ = l.socket.Write(b) }

// close ends the connection silently.
func (l *talk) close() {
	close(l.done)
	_ = l.socket.Close()
}

// next is the next method, its content included.
func (l *talk) next() (*packet, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := delay.Real{}.AfterFunc(randomPatience, cancel)
	defer timer.Stop()
	for {
		select {
		case a := <-l.came:
			if a.err != nil {
				return nil, a.err
			}
			p, err := l.assemble(a.Frame)
			if p != nil || err != nil {
				return p, err
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("nothing came for %v", randomPatience)
		}
	}
}

// assemble adds a frame to what its channel has, and gives that when it is whole.
func (l *talk) assemble(f Frame) (*packet, error) {
	p := l.partial[f.Channel]
	switch {
	case f.Kind == wire.FrameHeartbeat:
		return nil, nil
	case f.Kind == wire.FrameMethod && p == nil:
		m, err := f.method()
		if err != nil {
			return nil, err
		}
		p = &packet{channel: f.Channel, kind: f.Kind, method: m}
		if m.ID().HasContent() {
			l.partial[f.Channel] = p
			return nil, nil
		}
		return p, nil
	case f.Kind == wire.FrameHeader && p != nil && p.raw == nil && len(f.Payload) >= 14:
		p.raw = f.Payload
		p.missing = binary.BigEndian.Uint64(f.Payload[4:])
		if err := p.props.Decode(f.Properties()); err != nil {
			return nil, err
		}
	case f.Kind == wire.FrameBody && p != nil && p.raw != nil && uint64(len(f.Payload)) <= p.missing:
		p.body = append(p.body, f.Payload...)
		p.missing -= uint64(len(f.Payload))
	default:
		return nil, fmt.Errorf("a frame out of order: %s", f)
	}
	if p.missing > 0 {
		return nil, nil
	}
	delete(l.partial, f.Channel)
	return p, nil
}
