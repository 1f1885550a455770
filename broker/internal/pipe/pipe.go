// Package pipe is the in-memory connection: a pair of net.Conns, buffered both ways.
// (net.Pipe has no buffer: two peers that write at the same time, as AMQP's do, lock each
// other up.) What it promises beyond net.Conn:
//
//   - Close keeps what was written before it: the peer reads it, then io.EOF.
//     The peer's writes fail with io.ErrClosedPipe, calls on the closed end
//     itself with net.ErrClosed.
//   - Concurrent Writes do not mix.
//   - Everything that blocks waits on a sync.Cond: in a testing/synctest bubble
//     it blocks durably, and deadlines follow the bubble's time.
//   - A direction with nothing in it holds no buffer.
//   - SetLinger(0) makes Close a reset, as a TCPConn's does: what was written
//     and not read yet is gone, and the peer gets ECONNRESET.
package pipe

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// New returns the two ends of a connection, each of which can be bufferSize
// bytes (one at least) ahead of its reader before Write blocks.
func New(bufferSize int) (client, server net.Conn) {
	up, down := newStream(bufferSize), newStream(bufferSize)
	return &conn{in: down, out: up, local: "client", remote: "server"},
		&conn{in: up, out: down, local: "server", remote: "client"}
}

// conn is one end: the reader of one stream, the writer of the other.
type conn struct {
	in, out       *stream
	local, remote Addr
	abrupt        atomic.Bool // Close resets
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *conn) LocalAddr() net.Addr         { return c.local }
func (c *conn) RemoteAddr() net.Addr        { return c.remote }

// Close ends both directions. Closing twice is no error.
func (c *conn) Close() error {
	reset := c.abrupt.Load()
	c.in.closeReader(reset)
	c.out.closeWriter(reset)
	return nil
}

// SetLinger is net.TCPConn's, as far as it matters here: after 0 Close resets the
// connection, after anything else it does not. It never fails.
func (c *conn) SetLinger(sec int) error {
	c.abrupt.Store(sec == 0)
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error  { return c.in.setDeadline(&c.in.reader, t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.out.setDeadline(&c.out.writer, t) }

// An Addr names an end of a pipe.
type Addr string

// Network is "memory".
func (Addr) Network() string { return "memory" }

func (a Addr) String() string { return string(a) }

// stream is one direction: a queue of bytes, its reader and its writer.
type stream struct {
	mu             sync.Mutex
	reader, writer pipeSide
	buf            pipeBuffer
	limit          int  // the most that buf may hold
	writing        bool // a Write is under way: others wait for their turn
	pending        int  // what it has left to write
	reset          bool // one side was closed by a reset
}

// pipeSide is one side of a stream. The stream's lock guards it.
type pipeSide struct {
	wake     sync.Cond // something that this side may wait for has changed
	waiting  int       // how many calls wait
	closed   bool
	expired  bool // the deadline has passed
	deadline delay.Timer
	armed    uint64 // counts changes of the deadline, so that an outdated timer does nothing
}

func newStream(limit int) *stream {
	s := &stream{limit: max(limit, 1)}
	s.reader.wake.L, s.writer.wake.L = &s.mu, &s.mu
	return s
}

// await blocks until something has changed for this side.
func (e *pipeSide) await() {
	e.waiting++
	e.wake.Wait()
	e.waiting--
}

func (e *pipeSide) notify() {
	if e.waiting > 0 {
		e.wake.Broadcast()
	}
}

// close makes every call of this side fail from now on.
func (e *pipeSide) close() {
	e.closed = true
	e.armed++
	if e.deadline != nil {
		e.deadline.Stop()
	}
	e.notify()
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.reader.closed:
			return 0, net.ErrClosed
		case s.reader.expired:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.buf.size > 0:
			n := s.buf.read(p)
			// Wake the writer if it can finish, or else for half a buffer: not
			// for each byte that is read.
			if s.buf.size <= max(s.limit/2, s.limit-s.pending) {
				s.writer.notify()
			}
			return n, nil
		case s.reset:
			return 0, syscall.ECONNRESET
		case s.writer.closed:
			return 0, io.EOF
		}
		s.reader.await()
	}
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing && s.writable() == nil {
		s.writer.await()
	}
	if err := s.writable(); err != nil {
		return 0, err
	}
	s.writing, s.pending = true, len(p)
	defer func() {
		s.writing = false
		s.writer.notify()
	}()
	for {
		if err := s.writable(); err != nil {
			return len(p) - s.pending, err
		}
		rest := p[len(p)-s.pending:]
		if n := min(len(rest), s.limit-s.buf.size); n > 0 {
			s.buf.write(rest[:n])
			s.pending -= n
			s.reader.notify()
		}
		if s.pending == 0 {
			return len(p), nil
		}
		s.writer.await()
	}
}

// writable tells why the writer cannot write.
func (s *stream) writable() error {
	switch {
	case s.writer.closed:
		return net.ErrClosed
	case s.writer.expired:
		return os.ErrDeadlineExceeded
	case s.reset:
		return syscall.ECONNRESET
	case s.reader.closed:
		return io.ErrClosedPipe
	}
	return nil
}

func (s *stream) closeReader(reset bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// An end that has closed in order is not disturbed any more.
	s.reset = s.reset || reset && !s.writer.closed
	s.reader.close()
	s.buf.drop() // nobody will read it
	s.writer.notify()
}

func (s *stream) closeWriter(reset bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reset && !s.writer.closed {
		s.reset = true
		s.buf.drop()
	}
	s.writer.close()
	s.reader.notify()
}

// setDeadline sets the time at which the pending and all later calls of one
// side fail with os.ErrDeadlineExceeded; the zero time takes it away.
func (s *stream) setDeadline(e *pipeSide, t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	e.armed++
	if e.deadline != nil {
		e.deadline.Stop()
		e.deadline = nil
	}
	e.expired = false
	if t.IsZero() {
		return nil
	}
	left := t.Sub(delay.Real{}.Now())
	if left <= 0 {
		e.expired = true
		e.notify()
		return nil
	}
	armed := e.armed
	e.deadline = delay.Real{}.AfterFunc(left, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.armed == armed {
			e.expired = true
			e.notify()
		}
	})
	return nil
}

// pipeBuffer is a queue of bytes in pieces that are shared by all pipes: it
// grows by a piece at a time and gives each back once it is read.
type pipeBuffer struct {
	head, tail *pipeChunk
	size       int
}

// pipeChunk holds data[r:w].
type pipeChunk struct {
	next *pipeChunk
	r, w int
	data [16 << 10]byte
}

var pipeChunks = sync.Pool{New: func() any { return new(pipeChunk) }}

func (q *pipeBuffer) write(p []byte) {
	q.size += len(p)
	for len(p) > 0 {
		if q.tail == nil || q.tail.w == len(q.tail.data) {
			c := pipeChunks.Get().(*pipeChunk)
			if q.tail == nil {
				q.head = c
			} else {
				q.tail.next = c
			}
			q.tail = c
		}
		n := copy(q.tail.data[q.tail.w:], p)
		q.tail.w += n
		p = p[n:]
	}
}

func (q *pipeBuffer) read(p []byte) int {
	n := 0
	for n < len(p) && q.head != nil {
		c := q.head
		m := copy(p[n:], c.data[c.r:c.w])
		c.r += m
		n += m
		if c.r == c.w { // read to its end: as a tail too, it starts over
			q.pop()
		}
	}
	q.size -= n
	return n
}

func (q *pipeBuffer) pop() {
	c := q.head
	q.head = c.next
	if q.head == nil {
		q.tail = nil
	}
	c.next, c.r, c.w = nil, 0, 0
	pipeChunks.Put(c)
}

func (q *pipeBuffer) drop() {
	for q.head != nil {
		q.pop()
	}
	q.size = 0
}
