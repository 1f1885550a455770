package management

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// flushSize is how much of an answer is collected before it is sent; what is smaller
// goes with its length in the header.
const flushSize = 64 << 10

// compressFrom is the size from which an answer is worth compressing.
const compressFrom = 1 << 10

// writeTimeout is how long a client may take to read one part of an answer.
const writeTimeout = 30 * time.Second

var encoders = sync.Pool{New: func() any { return &encoder{buf: make([]byte, 0, 2*flushSize)} }}

// A responder sends one answer, in parts if it is long.
type responder struct {
	q       *request
	status  int
	zip     *gzip.Writer
	started bool
}

// reply answers 200 with an object of which fields are left out that the columns do
// not ask for.
func (q *request) reply(write func(*encoder)) error {
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.open()
		write(e)
		e.shut()
		return nil
	})
}

// answer sends what write leaves in the encoder, with the columns of the query.
func (q *request) answer(code int, write func(*encoder) error) error {
	e := encoders.Get().(*encoder)
	defer func() {
		if cap(e.buf) <= 4*flushSize {
			*e = encoder{buf: e.buf[:0], outer: e.outer[:0]}
			encoders.Put(e)
		}
	}()
	e.columns = q.columns()
	e.typed = q.isTrusted() && q.flag("typed_arguments") // for rabbitmqctl, which shows them so
	out := &responder{q: q, status: code}
	q.out = out
	if err := write(e); err != nil {
		return err
	}
	return out.finish(e.buf)
}

// columns is what the query asks for; nil is all.
func (q *request) columns() *columns {
	if !q.query.Has("columns") {
		return nil
	}
	c := newColumns()
	for path := range strings.SplitSeq(q.query.Get("columns"), ",") {
		names := strings.FieldsFunc(path, func(r rune) bool { return r == '.' })
		if len(names) > 0 && len(names) <= maxSegments {
			c.add(names)
		}
	}
	return c
}

// flush sends what has been collected if that is much. It is called between the items
// of a list.
func (o *responder) flush(e *encoder) error {
	if len(e.buf) < flushSize {
		return nil
	}
	last := e.buf[len(e.buf)-1]
	if err := o.write(e.buf[:len(e.buf)-1]); err != nil {
		return err
	}
	e.buf = append(e.buf[:0], last) // whether a comma is due shows by the last byte
	return nil
}

// write sends a part of a long answer.
func (o *responder) write(part []byte) error {
	w := o.q.w
	if !o.started {
		o.started = true
		o.header()
		if o.compresses() {
			w.Header().Set("Content-Encoding", "gzip")
			o.zip = gzip.NewWriter(w)
		}
		w.WriteHeader(o.status)
	}
	if o.q.r.Method == http.MethodHead {
		return nil
	}
	_ = http.NewResponseController(w).SetWriteDeadline(o.q.s.wall.Now().Add(writeTimeout)) // a recorder in a test has none
	var to io.Writer = w
	if o.zip != nil {
		to = o.zip
	}
	_, err := to.Write(part)
	return err
}

// finish sends the rest.
func (o *responder) finish(rest []byte) error {
	if !o.started && (len(rest) < compressFrom || !o.compresses()) {
		o.q.w.Header().Set("Content-Length", strconv.Itoa(len(rest)))
		o.started = true
		o.header()
		o.q.w.WriteHeader(o.status)
	}
	if err := o.write(rest); err != nil {
		return err
	}
	if o.zip != nil {
		return o.zip.Close()
	}
	return nil
}

func (o *responder) header() {
	h := o.q.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "accept, accept-encoding, origin")
}

// compresses reports whether the client takes gzip.
func (o *responder) compresses() bool {
	for coding := range strings.SplitSeq(o.q.r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(name, "gzip") && strings.TrimSpace(weight) != "q=0" {
			return o.q.r.Method != http.MethodHead
		}
	}
	return false
}

// done answers without a body: 201 for what is new, 204 for the rest.
func (q *request) done(created bool) error {
	if created {
		q.w.Header().Set("Content-Length", "0")
		q.w.WriteHeader(http.StatusCreated)
		return nil
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// fail sends a failure. What has been begun can only be cut off.
func (q *request) fail(f *failure) {
	if q.out != nil && q.out.started {
		panic(http.ErrAbortHandler)
	}
	h := q.w.Header()
	if f.kind == "" {
		h.Set("Content-Length", "0")
		q.w.WriteHeader(f.status)
		return
	}
	e := encoder{}
	e.open()
	e.str("error", f.kind)
	switch reason := f.reason.(type) {
	case string:
		e.str("reason", reason)
	default:
		e.value("reason", reason)
	}
	e.shut()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(e.buf)))
	q.w.WriteHeader(f.status)
	if q.r.Method != http.MethodHead {
		_, _ = q.w.Write(e.buf) // a client that has gone
	}
}
