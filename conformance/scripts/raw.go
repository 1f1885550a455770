// A client that speaks frames, for what the official client would never say:
// it goes through the handshake step by step, sends any bytes, and expects the
// next frame, the end of the connection, or that nothing comes before either.

package scripts

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// Raw is a connection that belongs to a script. What fails in its methods ends
// the script, except that the Expect methods which say so record a difference.
type Raw struct {
	t      *T
	socket net.Conn
	came   chan arrival
	sent   time.Time // when the script last said something
}

// arrival is a frame, or the error that came instead and ended the reading.
type arrival struct {
	Frame
	err error
	at  time.Time
}

// Frame is one frame, its end octet checked.
type Frame struct {
	Kind    byte
	Channel uint16
	Payload []byte
}

// String shows a frame as failures quote it.
func (f Frame) String() string {
	if m, err := f.method(); err == nil {
		return fmt.Sprintf("%s on channel %d %+v", m.ID(), f.Channel, m)
	}
	return fmt.Sprintf("frame of type %d on channel %d with %d bytes %.32x", f.Kind, f.Channel, len(f.Payload), f.Payload)
}

// method decodes the payload of a method frame.
func (f Frame) method() (wire.Method, error) {
	if f.Kind != wire.FrameMethod || len(f.Payload) < 4 {
		return nil, errors.New("no method frame")
	}
	id := wire.MethodID(binary.BigEndian.Uint32(f.Payload))
	m, ok := wire.NewMethod(id)
	if !ok {
		return nil, fmt.Errorf("unknown %s", id)
	}
	return m, m.Decode(f.Payload[4:])
}

// Raw opens a connection and says nothing on it yet.
func (t *T) Raw() *Raw {
	r := &Raw{t: t, socket: t.Socket(), came: make(chan arrival, 64), sent: t.runner.clock.Now()}
	go r.pump()
	return r
}

// pump reads frames until there are no more, so that it is known when they came.
func (r *Raw) pump() {
	in := bufio.NewReader(r.socket)
	for {
		f, err := readFrame(in)
		select {
		case r.came <- arrival{f, err, r.t.runner.clock.Now()}:
		case <-r.t.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Send sends bytes. That the broker has stopped to listen is no failure here:
// what it said before counts.
func (r *Raw) Send(b []byte) {
	r.sent = r.t.runner.clock.Now()
	_, _ = r.socket.Write(b)
}

// SendFrame sends one frame, whatever sense it makes.
func (r *Raw) SendFrame(kind byte, channel uint16, payload []byte) {
	r.Send(wire.AppendFrame(nil, kind, channel, payload))
}

// SendMethod sends methods on one channel, all in one write.
func (r *Raw) SendMethod(channel uint16, methods ...wire.Method) {
	var b []byte
	for _, m := range methods {
		b = wire.AppendMethod(b, channel, m)
	}
	r.Send(b)
}

// SendArguments sends a method frame with these bytes for arguments.
func (r *Raw) SendArguments(channel uint16, id wire.MethodID, args string) {
	r.SendFrame(wire.FrameMethod, channel, append(binary.BigEndian.AppendUint32(nil, uint32(id)), args...))
}

// SendContent sends header and body of a content in one write.
func (r *Raw) SendContent(channel uint16, props []byte, body string) {
	b := wire.AppendHeader(nil, channel, wire.BasicPublishID.Class(), uint64(len(body)), props)
	r.Send(wire.AppendBody(b, channel, []byte(body), 0))
}

// Publish sends a whole message, of raw properties, through the default
// exchange.
func (r *Raw) Publish(channel uint16, queue string, props []byte, body string) {
	r.SendMethod(channel, &wire.BasicPublish{RoutingKey: queue})
	r.SendContent(channel, props, body)
}

// noProps is a content header's property list without any.
var noProps = []byte{0, 0}

// protocolHeader is the Kind of what is no frame: the eight bytes that refuse a
// protocol header (CONN-4). largestFrame is far more than any script negotiates.
const (
	protocolHeader = 'A'
	largestFrame   = 1 << 24
)

func readFrame(in *bufio.Reader) (Frame, error) {
	var header [wire.FrameHeaderSize]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return Frame{}, err
	}
	if string(header[:4]) == wire.ProtocolHeader[:4] {
		last, err := in.ReadByte()
		return Frame{Kind: protocolHeader, Payload: append(header[:], last)}, err
	}
	size := binary.BigEndian.Uint32(header[3:])
	if size > largestFrame {
		return Frame{}, fmt.Errorf("a frame of %d bytes", size)
	}
	payload := make([]byte, size+1)
	if _, err := io.ReadFull(in, payload); err != nil {
		return Frame{}, err
	}
	end := size
	if payload[end] != wire.FrameEnd {
		return Frame{}, fmt.Errorf("a frame ends with octet %#x", payload[end])
	}
	return Frame{header[0], binary.BigEndian.Uint16(header[1:]), payload[:end]}, nil
}

// next waits for what comes next, no longer than d, or the script's patience if
// that is zero. It is false if nothing did.
func (r *Raw) next(d time.Duration) (arrival, bool) {
	if d == 0 {
		d = r.t.runner.patience
	}
	late := make(chan struct{})
	timer := r.t.runner.clock.AfterFunc(d, func() { close(late) })
	defer timer.Stop()
	select {
	case a := <-r.came:
		return a, true
	case <-late:
	case <-r.t.ctx.Done():
	}
	return arrival{}, false
}

// Next waits for the next frame that is no heartbeat.
func (r *Raw) Next() Frame {
	for {
		a, ok := r.next(0)
		if !ok {
			r.t.Fatalf("waited in vain for a frame")
		}
		r.t.OK(a.err, "wait for a frame")
		if a.Kind != wire.FrameHeartbeat {
			return a.Frame
		}
	}
}

// NextHeartbeat waits for a heartbeat, which must be the next frame, no longer
// than d. It is on channel 0 and empty.
func (r *Raw) NextHeartbeat(d time.Duration) {
	a, ok := r.next(d)
	if !ok {
		r.t.Fatalf("waited for a heartbeat for %v in vain", d)
	}
	r.t.OK(a.err, "wait for a heartbeat")
	r.t.Equal(Frame{wire.FrameHeartbeat, 0, []byte{}}, a.Frame, "heartbeat")
}

// Await waits for a method of this type, which must be what comes next on this
// channel, and gives it.
func Await[M wire.Method](r *Raw, channel uint16) M {
	var want M
	f := r.Next()
	m, err := f.method()
	got, ok := m.(M)
	if err != nil || !ok || f.Channel != channel {
		r.t.Fatalf("expected %s on channel %d, got %s", want.ID(), channel, f)
	}
	return got
}

// Expect waits for the next frame and ends the script unless it is this method
// with these arguments.
func (r *Raw) Expect(channel uint16, want wire.Method) {
	f := r.Next()
	m, err := f.method()
	if got := fmt.Sprintf("%T%+v", m, m); err != nil || f.Channel != channel || got != fmt.Sprintf("%T%+v", want, want) {
		r.t.Fatalf("expected %s on channel %d %+v, got %s", want.ID(), channel, want, f)
	}
}

// Content waits for the header and body frames that follow a method.
func (r *Raw) Content(channel uint16) (header Frame, body []byte, frames []Frame) {
	header = r.Next()
	if header.Kind != wire.FrameHeader || header.Channel != channel || len(header.Payload) < 14 {
		r.t.Fatalf("expected a content header on channel %d, got %s", channel, header)
	}
	for size := binary.BigEndian.Uint64(header.Payload[4:]); uint64(len(body)) < size; {
		f := r.Next()
		if f.Kind != wire.FrameBody || f.Channel != channel {
			r.t.Fatalf("expected a body frame on channel %d, got %s", channel, f)
		}
		body = append(body, f.Payload...)
		frames = append(frames, f)
	}
	return header, body, frames
}

// Properties are the raw properties of a content header.
func (f Frame) Properties() wire.RawProperties { return f.Payload[12:] }

// Fetch gets the next message of a queue and gives its raw properties and body.
func (r *Raw) Fetch(channel uint16, queue string) (wire.RawProperties, string) {
	r.SendMethod(channel, &wire.BasicGet{Queue: queue, NoAck: true})
	Await[*wire.BasicGetOk](r, channel)
	header, body, _ := r.Content(channel)
	return header.Properties(), string(body)
}

// ended reports whether an error says that the broker ended the connection: one
// that leaves unread what it was sent resets it.
func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) }

// ExpectEnd waits, no longer than patience or d, until the broker ends the
// connection, and records a difference if it says anything before, or stays. It
// gives how long after the script's last word that was.
func (r *Raw) ExpectEnd(d time.Duration) time.Duration {
	for {
		a, ok := r.next(d)
		switch {
		case !ok:
			r.t.Errorf("expected the end of the connection, but it stayed open")
		case a.err != nil && !ended(a.err):
			r.t.Errorf("expected the end of the connection: %v", a.err)
		case a.err == nil && a.Kind == wire.FrameHeartbeat:
			continue
		case a.err == nil:
			r.t.Errorf("expected the end of the connection, got %s", a.Frame)
		}
		return a.at.Sub(r.sent)
	}
}

// silence is how long RabbitMQ keeps a connection that it has given up, and
// patience with the machine divides it from an end that comes at once.
const (
	silence  = 3 * time.Second
	tellable = silence - silence/6
)

// ExpectSilentClose records a difference unless the broker says nothing more and
// ends the connection after about 3 seconds.
func (r *Raw) ExpectSilentClose() {
	if took := r.ExpectEnd(0); took < tellable {
		r.t.Errorf("the connection ended after %v, expected %v", took, silence)
	}
}

// ExpectDrop records a difference unless the broker says nothing more and ends
// the connection at once.
func (r *Raw) ExpectDrop() {
	if took := r.ExpectEnd(0); took > tellable {
		r.t.Errorf("the connection ended after %v, expected at once", took)
	}
}

// Nobody is the class and method id of a close for which no method is to blame
// (ERR-2).
const Nobody = wire.MethodID(0)

// ExpectClose records a difference unless the broker closes the connection with
// this code and text, blames this method, and ends it after close-ok.
func (r *Raw) ExpectClose(code int, text string, blame wire.MethodID) {
	r.expectClose(code, text, blame)
	r.SendMethod(0, &wire.ConnectionCloseOk{})
	r.ExpectEnd(0)
}

// expectClose is ExpectClose up to the close, which stays unanswered.
func (r *Raw) expectClose(code int, text string, blame wire.MethodID) {
	got := Await[*wire.ConnectionClose](r, 0)
	r.t.Equal(describeClose(code, ReplyText(code, text), blame.Class(), blame.Method()),
		describeClose(int(got.ReplyCode), got.ReplyText, got.ClassID, got.MethodID), "connection.close")
}

// ExpectChannelClose records a difference unless the broker closes the channel
// with this code and text and blames this method. It answers with close-ok and
// makes sure that the connection lives on.
func (r *Raw) ExpectChannelClose(channel uint16, code int, text string, blame wire.MethodID) {
	r.expectChannelClose(channel, code, text, blame)
	r.SendMethod(channel, &wire.ChannelCloseOk{}, &wire.ChannelOpen{})
	r.Expect(channel, &wire.ChannelOpenOk{})
}

// expectChannelClose is ExpectChannelClose up to the close, which stays
// unanswered.
func (r *Raw) expectChannelClose(channel uint16, code int, text string, blame wire.MethodID) {
	got := Await[*wire.ChannelClose](r, channel)
	r.t.Equal(describeClose(code, ReplyText(code, text), blame.Class(), blame.Method()),
		describeClose(int(got.ReplyCode), got.ReplyText, got.ClassID, got.MethodID), "channel.close")
}

func describeClose(code int, text string, class, method uint16) string {
	return fmt.Sprintf("%d %q by %d/%d", code, text, class, method)
}

// ExpectOpen is a round trip that shows that the channel works still, and that
// nothing else was on its way.
func (r *Raw) ExpectOpen(channel uint16) {
	r.SendMethod(channel, &wire.ExchangeDeclare{Exchange: "amq.direct", Type: "direct", Passive: true, Durable: true})
	r.Expect(channel, &wire.ExchangeDeclareOk{})
}
