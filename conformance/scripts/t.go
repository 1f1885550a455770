// T is what a script is given: it reports differences, gives names, time
// and waiting. The connections and topology that it opens are in client.go and
// topology.go.

package scripts

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"runtime"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/delay"
)

// T is one run of one script. It has what testify's require and assert ask of
// a TestingT. FailNow and whatever calls it must be called on the script's own
// goroutine.
type T struct {
	runner *Runner
	script Script
	ctx    context.Context
	number int64
	trace  *trace

	conn *Conn // the one that Channel and Conn share

	queues, exchanges []string // to be deleted at the end

	mu         sync.Mutex
	failures   []string
	cases      string // what Case is about, in front of what Errorf says
	notOffered string
	cleanups   []func()
	sockets    []net.Conn
	cut        bool
	names      int
}

// Errorf records a difference; the script goes on.
func (t *T) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	failure := t.cases + fmt.Sprintf(format, args...)
	t.failures = append(t.failures, failure)
	t.trace.note("DIFFERENCE: " + failure)
}

// Case runs f, with what in front of the differences that it records.
func (t *T) Case(what string, f func()) {
	t.mu.Lock()
	before := t.cases
	t.cases += what + ": "
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.cases = before
		t.mu.Unlock()
	}()
	f()
}

// FailNow ends the script, whose clean-up still runs.
func (t *T) FailNow() { runtime.Goexit() }

// Fatalf is Errorf and FailNow.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	t.FailNow()
}

// NotOffered ends the script: the broker lacks what it is about, which
// is no failure.
func (t *T) NotOffered(reason string) {
	t.mu.Lock()
	t.notOffered = reason
	t.mu.Unlock()
	t.FailNow()
}

// Equal records a difference unless got equals want in the sense of
// reflect.DeepEqual, and reports whether it did. What names the thing compared.
func (t *T) Equal(want, got any, what string) bool {
	if reflect.DeepEqual(want, got) {
		return true
	}
	t.Errorf("%s: expected %#v, got %#v", what, want, got)
	return false
}

// OK ends the script if err is one. What names the thing done.
func (t *T) OK(err error, what string) {
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// Cleanup calls f after the script, last one first.
func (t *T) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// Context ends when the script's time is up.
func (t *T) Context() context.Context { return t.ctx }

// Version is the version of RabbitMQ that the broker is judged as.
func (t *T) Version() Version { return t.runner.version }

// URL is the broker's AMQP URL.
func (t *T) URL() string { return t.runner.url }

// URI is URL in its parts.
func (t *T) URI() amqp.URI { return t.runner.uri }

// Address is the broker's host and port, for sockets that speak raw frames.
func (t *T) Address() string {
	return net.JoinHostPort(t.runner.uri.Host, fmt.Sprint(t.runner.uri.Port))
}

// Name returns a name that starts with prefix and that no other call returns,
// in this or another run. It is short: errors quote names and are cut at 255
// bytes.
func (t *T) Name(prefix string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names++
	return fmt.Sprintf("%s-%s-%d-%d", prefix, t.runner.run, t.number, t.names)
}

// QueueText is how error texts spell a queue.
func (t *T) QueueText(name string) string {
	return fmt.Sprintf("queue '%s' in vhost '%s'", name, t.runner.uri.Vhost)
}

// ExchangeText is how error texts spell an exchange.
func (t *T) ExchangeText(name string) string {
	return fmt.Sprintf("exchange '%s' in vhost '%s'", name, t.runner.uri.Vhost)
}

// lockedText is the text of the refusal to use another connection's exclusive
// queue (QUEUE-18).
func (t *T) lockedText(queue string) string {
	return "cannot obtain exclusive access to locked " + t.QueueText(queue) + ". It could be originally declared on " +
		"another connection or the exclusive property value does not match that of the original declaration."
}

// patient gives a context that ends when the script's patience, or its time,
// is up.
func (t *T) patient() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.ctx)
	timer := t.runner.clock.AfterFunc(t.runner.patience, cancel)
	return ctx, func() {
		timer.Stop()
		cancel()
	}
}

// WaitFor asks holds again and again until it is true, and ends the script if
// that takes longer than its patience. It is for what a broker does in its own
// time; what a reply or a delivery announces is better waited for by that.
func (t *T) WaitFor(what string, holds func() bool) {
	if !t.comes(holds) {
		t.Fatalf("waited in vain for %s", what)
	}
}

// comes reports whether holds is true in time.
func (t *T) comes(holds func() bool) bool {
	ctx, cancel := t.patient()
	defer cancel()
	return delay.Poll(ctx, t.runner.clock, 2*time.Millisecond, holds) == nil
}

// Receive takes the next value from c, and ends the script if none comes in
// time or if c is closed.
func Receive[V any](t *T, c <-chan V, what string) V {
	ctx, cancel := t.patient()
	defer cancel()
	var v V
	var ok bool
	select {
	case v, ok = <-c:
	case <-ctx.Done():
		t.Fatalf("waited in vain for %s", what)
	}
	if !ok {
		t.Fatalf("waited for %s, but it is closed", what)
	}
	return v
}

// Socket opens a TCP connection to the broker, which is cut at the end of the
// script at the latest.
func (t *T) Socket() net.Conn {
	socket, err := t.dial("tcp", t.Address())
	t.OK(err, "open a socket")
	t.Cleanup(func() { socket.Close() })
	return socket
}

func (t *T) dial(network, addr string) (net.Conn, error) {
	socket, err := t.runner.dialer(t.ctx)(network, addr)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut {
		socket.Close()
	}
	t.sockets = append(t.sockets, socket)
	return t.trace.watch(socket), nil
}

func (t *T) cutConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut = true
	for _, socket := range t.sockets {
		socket.Close()
	}
}

// cleanUp runs the clean-ups, last one first, each on a goroutine that FailNow
// may end, and then deletes the queues and exchanges that were asked for.
func (t *T) cleanUp() {
	t.trace.stop()
	for {
		t.mu.Lock()
		n := len(t.cleanups)
		if n == 0 {
			t.mu.Unlock()
			break
		}
		f := t.cleanups[n-1]
		t.cleanups = t.cleanups[:n-1]
		t.mu.Unlock()
		t.guard(f)
	}
	t.guard(t.deleteTopology)
	t.cutConnections()
}

func (t *T) outcome() Outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(t.failures) > 0:
		return Differed
	case t.notOffered != "":
		return NotOffered
	}
	return Held
}

func (t *T) reports() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failures) == 0 && t.notOffered != "" {
		return []string{t.notOffered}
	}
	return t.failures
}
