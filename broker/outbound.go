package broker

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// An outbound is the writing half of a connection: what is to be written, and who writes
// it. Its lock also guards the consuming half of each channel, and what others want of the
// reader. The lock is a leaf: no other lock is taken under it.
type outbound struct {
	nc        net.Conn
	try       *tryWriter // nil where a write cannot be tried without waiting
	buffers   *buffers
	pause     func(d time.Duration, begun func()) // for marks; nil without a Tap
	failed    func()                              // told that writing has failed; nil without a Tap
	divisible bool                                // a write that was interrupted can go on
	wake      chan struct{}                       // capacity 1: the writer has work, or is to end
	unread    atomic.Bool                         // more answers wait for the client than may: the reader is to pause
	sent      atomic.Uint64                       // bytes, for the heartbeat
	writes    atomic.Uint64                       // to the socket

	mu          sync.Mutex
	sending     sendWatch
	outbox             // what has collected
	rest        outbox // what an inline write has left over, from restAt on
	restAt      int
	inline      bool         // a goroutine writes what it has appended
	writing     bool         // the writer has something in hand
	paused      bool         // which a Tap may hold up
	waking      bool         // somebody has promised to have the outbox written
	finished    bool         // nothing is appended any more
	broken      bool         // writing has failed
	drained     sync.Cond    // the outbox has been taken, or what else the reader waits for
	stalled     []staller    // to go on once the outbox is written
	answerFault *answerFault // what a verdict does to an answer; nil for none
	frameMax    uint32       // 0 is no limit; changed by the reader alone
}

func newOutbound(nc net.Conn, buffers *buffers, frameMax uint32) *outbound {
	o := &outbound{nc: nc, buffers: buffers, wake: make(chan struct{}, 1), frameMax: frameMax}
	o.drained.L = &o.mu
	if raw := rawSocket(nc); raw != nil {
		o.divisible, o.try = true, newTryWriter(raw)
	}
	return o
}

// rawSocket returns the socket of a connection that is nothing else; nil of others, which
// have something to do before their socket, or have none.
func rawSocket(nc net.Conn) syscall.RawConn {
	switch nc := nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		if raw, err := nc.(syscall.Conn).SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// appendMethod appends a method. Called with the lock held.
func (o *outbound) appendMethod(channel uint16, m amqp.Method, fx *queue.Effects) {
	if o.finished {
		return
	}
	o.reserve()
	before := len(o.buf)
	o.buf = amqp.AppendMethod(o.buf, channel, m)
	o.answered(len(o.buf) - before)
	if o.answerFault != nil {
		o.faultAnswer(channel, before)
	}
	o.touch(fx)
}

// appendContent appends header and body frames. Called with the lock held,
// after a method was appended.
func (o *outbound) appendContent(channel uint16, m *queue.Message) {
	if o.finished {
		return
	}
	o.buf = amqp.AppendHeader(o.buf, channel, 60, uint64(len(m.Body)), m.Props)
	o.appendBody(channel, m.Body, o.frameMax)
	o.answered(len(m.Props) + len(m.Body))
}

// answered counts bytes of answers. Called with the lock held.
func (o *outbound) answered(n int) {
	o.answers += n
	if o.answers > answerWater {
		o.unread.Store(true)
	}
}

// reserve makes sure that the outbox has a buffer.
func (o *outbound) reserve() {
	if o.buf == nil {
		o.lent = o.buffers.get()
		o.buf, o.splices = o.lent.buf, o.lent.splices
	}
}

// pending is the number of bytes that wait to be written. Called with the lock held.
func (o *outbound) pending() int { return o.size() + o.rest.size() - o.restAt }

// touch promises that the outbox is going to be written, once.
func (o *outbound) touch(fx *queue.Effects) {
	if !o.waking {
		o.waking = true
		fx.Wake(o)
	}
}

// inlineSize is the largest outbox that is written by the goroutine that has filled it.
// Waking the writer costs more than such a write; with more to write others wait for it.
const inlineSize = 2 << 10

// Wake has the outbox written: with lend by the caller, if it is small and the socket
// takes it at once, otherwise by the writer.
func (o *outbound) Wake(lend bool) {
	if !lend || o.try == nil || !o.writeInline() {
		o.wakeWriter()
	}
}

func (o *outbound) wakeWriter() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// writeInline writes a small outbox without waiting for the socket. False asks for the
// writer.
func (o *outbound) writeInline() bool {
	o.mu.Lock()
	if o.inline || o.writing {
		inline := o.inline
		o.mu.Unlock()
		return inline // who writes inline looks again, and the writer has to be told
	}
	if n := o.size(); n == 0 || n > inlineSize || len(o.splices) > 0 || len(o.stalled) > 0 || o.marks != nil || o.finished || o.broken {
		o.mu.Unlock()
		return false
	}
	out := o.take()
	o.inline = true
	o.mu.Unlock()
	n := o.try.write(out.buf)
	o.sent.Add(uint64(n))
	o.writes.Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inline = false
	if n == len(out.buf) {
		o.buffers.put(&out)
		return o.size() == 0 && !o.finished
	}
	o.rest, o.restAt = out, n
	return false
}

// take empties the outbox and returns what was in it. Called with the lock held.
func (o *outbound) take() outbox {
	out := o.outbox
	o.outbox = outbox{}
	o.unread.Store(false)
	o.waking = false
	o.drained.Signal()
	return out
}

// A staller is a consumer that an overfull outbox has parked.
type staller interface{ unstall() }

// A parcel is what the writer writes next.
type parcel struct {
	outbox
	from    int       // what is before it in the buffer has been written
	stalled []staller // to go on afterwards
}

// next waits for something to write. False ends the writer.
func (o *outbound) next() (p parcel, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		switch {
		case o.inline: // its end wakes the writer, if there is more
		case o.rest.buf != nil:
			p.outbox, p.from = o.rest, o.restAt
			o.rest, o.restAt = outbox{}, 0
			o.writing, o.paused = true, p.marks != nil
			o.watch()
			return p, true
		case o.size() > 0:
			p.stalled = o.stalled
			o.stalled = nil
			p.outbox = o.take()
			o.writing, o.paused = true, p.marks != nil
			o.watch()
			return p, true
		case o.finished:
			return p, false
		}
		o.writing = false
		o.mu.Unlock()
		<-o.wake
		o.mu.Lock()
	}
}

// run is the writer goroutine: it writes whole outboxes, and lets the consumers that an
// overfull one had parked go on.
func (o *outbound) run() {
	for failed := false; ; {
		p, ok := o.next()
		if !ok {
			return
		}
		if !failed {
			failed = o.write(&p) != nil
			o.writes.Add(1)
			if failed { // the reader finds out by itself
				o.fail()
			}
		}
		o.buffers.put(&p.outbox)
		for _, s := range p.stalled {
			s.unstall()
		}
	}
}

func (o *outbound) write(p *parcel) error {
	if p.marks != nil {
		n, err := o.writeMarked(&p.outbox)
		o.sent.Add(uint64(n))
		return err
	}
	if !o.divisible {
		_, err := p.write(pieces{o.nc, o})
		return err
	}
	for {
		n, err := p.write(o.nc)
		o.sent.Add(uint64(n))
		if err == nil || !o.resume() {
			return err
		}
	}
}

// write writes what is left of it, and reports the bytes written.
func (p *parcel) write(w io.Writer) (int64, error) {
	if len(p.splices) > 0 && p.from == 0 {
		return p.outbox.write(w)
	}
	n, err := w.Write(p.buf[p.from:])
	p.from += n
	return int64(n), err
}

// fail ends a connection that cannot be written to.
func (o *outbound) fail() {
	o.nc.Close()
	if o.failed != nil {
		o.failed()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = true
	o.drained.Signal()
}

// finish has nothing appended any more, and the writer end when all is written.
func (o *outbound) finish() {
	o.mu.Lock()
	o.finished = true
	o.mu.Unlock()
	o.wakeWriter()
}
