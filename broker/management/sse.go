package management

import (
	"net/http"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// pingInterval is how often a stream says that it is still there.
const pingInterval = 15 * time.Second

// A stream is an answer of server-sent events.
type stream struct {
	q   *request
	enc encoder
}

// maxStreams bounds how many streams there are at a time.
const maxStreams = 200

// stream begins an answer of server-sent events; end has to be called.
func (q *request) stream() (*stream, error) {
	if q.s.streams.Add(1) > maxStreams {
		q.s.streams.Add(-1)
		return nil, status(http.StatusServiceUnavailable)
	}
	h := q.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
	q.out = &responder{q: q, started: true}
	q.w.WriteHeader(http.StatusOK)
	if err := http.NewResponseController(q.w).Flush(); err != nil {
		q.s.streams.Add(-1)
		return nil, err
	}
	return &stream{q: q}, nil
}

func (s *stream) end() { s.q.s.streams.Add(-1) }

// send sends one event; an id of 0 is none.
func (s *stream) send(name string, id uint64, write func(*encoder)) error {
	b := append(s.enc.buf[:0], "event: "...)
	b = append(append(b, name...), '\n')
	if id > 0 {
		b = append(strconv.AppendUint(append(b, "id: "...), id, 10), '\n')
	}
	s.enc.buf = append(b, "data: "...)
	s.enc.buf = append(s.enc.buf, '{')
	write(&s.enc)
	s.enc.buf = append(s.enc.buf, '}', '\n', '\n')
	return s.flush(s.enc.buf)
}

func (s *stream) ping() error { return s.flush([]byte(": ping\n\n")) }

func (s *stream) flush(b []byte) error {
	control := http.NewResponseController(s.q.w)
	_ = control.SetWriteDeadline(s.q.s.wall.Now().Add(writeTimeout)) // a recorder in a test has none
	if _, err := s.q.w.Write(b); err != nil {
		return err
	}
	return control.Flush()
}

// wait waits until something is to be sent, the time is over or the stream ends; the error
// is that of the end.
func (s *stream) wait(wake <-chan struct{}, d time.Duration) error {
	timer := make(chan struct{})
	t := delay.Real{}.AfterFunc(d, func() { close(timer) })
	defer t.Stop()
	select {
	case <-wake:
		return nil
	case <-timer:
		return nil
	case <-s.q.context().Done():
		return s.q.context().Err()
	case <-s.q.s.ending:
		return ErrClosed
	}
}
