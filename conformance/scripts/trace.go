// What a script and the broker said to each other: a trace listens to each socket
// of a script, keeps the last frames, and shows them in the report of a script
// that failed. It holds no more than a bounded number of frames, and of a long
// one the beginning; a run of frames of one kind is kept as its ends.

package scripts

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	wire "github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

const (
	tracedFrames  = 120  // how many events a trace keeps
	tracedPayload = 2048 // how many bytes of a payload
)

// TraceLine is one thing that happened while a script ran.
type TraceLine struct {
	At         time.Duration `json:"at_ns"`                // since the script began
	Connection int           `json:"connection,omitempty"` // the script's connections count from 1; 0 is the script itself
	Sent       bool          `json:"sent,omitempty"`       // by the script, not by the broker
	What       string        `json:"what"`                 // the frame, in words
}

// String is a line of a report.
func (l TraceLine) String() string {
	at := fmt.Sprintf("%9.4fs", l.At.Seconds())
	switch {
	case l.Connection == 0:
		return at + "       " + l.What
	case l.Sent:
		return fmt.Sprintf("%s %3d -> %s", at, l.Connection, l.What)
	}
	return fmt.Sprintf("%s %3d <- %s", at, l.Connection, l.What)
}

// event is a line that is not put in words yet.
type event struct {
	at         time.Duration
	connection int
	sent       bool
	note       string // instead of a frame
	frame      tracedFrame
	content    []tracedFrame // header and bodies that belong to the method
	skipped    int           // events of the same kind that came between the one before and this
}

// tracedFrame is a frame, of whose payload there may be the beginning only.
type tracedFrame struct {
	Frame
	size uint32 // of the whole payload
}

// eventKind tells events apart that repeat each other.
type eventKind struct {
	connection int
	sent       bool
	kind       byte
	channel    uint16
	method     wire.MethodID
}

func (e *event) kind() eventKind {
	return eventKind{e.connection, e.sent, e.frame.Kind, e.frame.Channel, e.frame.methodID()}
}

// trace is what was said in one run of one script.
type trace struct {
	clock delay.Clock
	began time.Time

	mu          sync.Mutex
	connections int
	events      []*event
	dropped     int
	stopped     bool
}

func newTrace(clock delay.Clock) *trace { return &trace{clock: clock, began: clock.Now()} }

// watch gives a connection that does as c does, and is listened to.
func (tr *trace) watch(c net.Conn) net.Conn {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.connections++
	w := &watched{Conn: c, trace: tr, number: tr.connections}
	w.in.emit = func(f tracedFrame, note string) { tr.add(&event{connection: w.number, frame: f, note: note}) }
	w.out.emit = func(f tracedFrame, note string) {
		tr.add(&event{connection: w.number, sent: true, frame: f, note: note})
	}
	return w
}

// stop ends the trace: the clean-up of a script tells nothing.
func (tr *trace) stop() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.stopped = true
}

// note adds something that is no frame.
func (tr *trace) note(text string) { tr.add(&event{note: text}) }

func (tr *trace) add(e *event) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.stopped {
		return
	}
	e.at = tr.clock.Now().Sub(tr.began)
	if e.note == "" && tr.join(e) {
		return
	}
	if n := len(tr.events); n >= 2 && e.note == "" && tr.repeats(e, n-1) && tr.repeats(e, n-2) {
		e.skipped = tr.events[n-1].skipped + 1
		tr.events[n-1] = e
		return
	}
	if len(tr.events) == tracedFrames {
		half := tracedFrames / 2
		tr.dropped += half
		tr.events = append(tr.events[:0], tr.events[half:]...)
	}
	tr.events = append(tr.events, e)
}

func (tr *trace) repeats(e *event, i int) bool {
	return tr.events[i].note == "" && tr.events[i].kind() == e.kind()
}

// join adds a header or body to the latest method of its channel, and tells
// whether there is one.
func (tr *trace) join(e *event) bool {
	if e.frame.Kind != wire.FrameHeader && e.frame.Kind != wire.FrameBody {
		return false
	}
	for i := len(tr.events) - 1; i >= 0; i-- {
		last := tr.events[i]
		if last.connection != e.connection || last.sent != e.sent || last.frame.Channel != e.frame.Channel || last.note != "" {
			continue
		}
		isFirst := len(last.content) == 0
		if !last.frame.methodID().HasContent() || isFirst != (e.frame.Kind == wire.FrameHeader) {
			return false
		}
		if len(last.content) < 3 { // header, first and last body
			last.content = append(last.content, e.frame)
		} else {
			last.content[2] = e.frame
		}
		return true
	}
	return false
}

// lines puts the trace in words.
func (tr *trace) lines() []TraceLine {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var lines []TraceLine
	if tr.dropped > 0 {
		lines = append(lines, TraceLine{What: fmt.Sprintf("(%d earlier frames are not shown)", tr.dropped)})
	}
	for _, e := range tr.events {
		if e.skipped > 0 {
			lines = append(lines, TraceLine{At: e.at, Connection: e.connection, Sent: e.sent, What: fmt.Sprintf("(%d more like it)", e.skipped)})
		}
		lines = append(lines, TraceLine{At: e.at, Connection: e.connection, Sent: e.sent, What: e.words()})
	}
	return lines
}

// watched is a connection with a trace.
type watched struct {
	net.Conn
	trace   *trace
	number  int
	in, out scanner
	over    sync.Once
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.in.scan(b[:n])
	if err != nil {
		w.over.Do(func() {
			what := "the end of the connection"
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case !errors.Is(err, io.EOF):
				what += ": " + err.Error()
			}
			w.in.emit(tracedFrame{}, what)
		})
	}
	return n, err
}

func (w *watched) Write(b []byte) (int, error) {
	w.out.scan(b) // before, so that the answer comes after it
	return w.Conn.Write(b)
}

func (w *watched) Close() error {
	w.over.Do(func() { w.out.emit(tracedFrame{}, "the end of the connection") })
	return w.Conn.Close()
}

// scanner finds the frames in one direction of a stream, whatever is said there.
type scanner struct {
	mu     sync.Mutex
	emit   func(f tracedFrame, note string)
	header []byte // of the frame under way
	frame  tracedFrame
	left   uint32 // bytes of the payload that are to come
	lost   bool   // the stream is no stream of frames any more
}

func (s *scanner) scan(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(b) > 0 {
		switch {
		case s.lost:
			return
		case len(s.header) < wire.FrameHeaderSize+1 && !s.inPayload():
			b = s.scanHeader(b)
		case s.left > 0:
			b = s.scanPayload(b)
		default:
			s.end(b[0])
			b = b[1:]
		}
	}
}

// inPayload reports whether the header of the frame under way is complete. A
// protocol header is one byte longer and has no payload.
func (s *scanner) inPayload() bool {
	return len(s.header) == wire.FrameHeaderSize && string(s.header[:4]) != wire.ProtocolHeader[:4]
}

func (s *scanner) scanHeader(b []byte) []byte {
	s.header = append(s.header, b[0])
	switch {
	case len(s.header) == wire.FrameHeaderSize+1:
		s.emit(tracedFrame{}, fmt.Sprintf("protocol header %q", s.header))
		s.header = s.header[:0]
	case s.inPayload():
		s.frame = frameOfHeader(s.header)
		s.left = s.frame.size
		if s.left > largestFrame {
			s.lose(b)
		}
	}
	return b[1:]
}

func (s *scanner) scanPayload(b []byte) []byte {
	n := min(len(b), int(s.left))
	room := max(0, tracedPayload-len(s.frame.Payload))
	s.frame.Payload = append(s.frame.Payload, b[:min(n, room)]...)
	s.left -= uint32(n)
	return b[n:]
}

func (s *scanner) end(octet byte) {
	if octet != wire.FrameEnd {
		s.emit(tracedFrame{}, fmt.Sprintf("%s, which ends with octet %#x", s.frame.words(), octet))
	} else {
		s.emit(s.frame, "")
	}
	s.header = s.header[:0]
}

// lose gives up: what comes is no frame.
func (s *scanner) lose(b []byte) {
	s.lost = true
	said := append(s.header, b[1:]...)
	s.emit(tracedFrame{}, fmt.Sprintf("what is no frame: %.64q", said))
}
