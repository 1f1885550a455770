package shovel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
	"github.com/rabbetmq/rabbet/delay"
)

// A State is what a shovel does (SHOVEL-9).
type State string

// The states. A shovel that cannot connect stays Starting and tries again; one whose
// connections have ended is Terminated until then.
const (
	Starting   State = "starting"
	Running    State = "running"
	Blocked    State = "blocked" // by the destination's alarms
	Terminated State = "terminated"
)

// A Status describes a shovel.
type Status struct {
	VHost, Name string
	State       State
	// Reason is why it is Terminated, as RabbitMQ prints it.
	Reason string
	// Changed is when the state last changed, and Timestamp the same as RabbitMQ shows it.
	Changed time.Time
	// Source and Target are the URIs in use while it runs, without credentials.
	Source, Target string
	// Endpoints are src_queue, or src_exchange and src_exchange_key, and dest_queue or
	// dest_exchange and dest_exchange_key, with their values.
	Endpoints []Endpoint
	// Forwarded counts messages handed to the destination; Pending are those of them
	// that it has not confirmed.
	Forwarded, Pending uint64
}

// An Endpoint is a name of a status, and its value.
type Endpoint struct{ Name, Value string }

// Timestamp is Changed as RabbitMQ shows it.
func (s *Status) Timestamp() string { return statusTime(s.Changed) }

// A worker runs one shovel until it is stopped.
type worker struct {
	counters
	def     *definition
	dial    *dialer
	clock   delay.Clock
	log     *slog.Logger
	cluster func() string
	// finished deletes the parameter of a shovel that is done.
	finished func(*worker)
	// tell tells an event.
	tell  func(key string, headers amqp.Table)
	total *atomic.Uint64 // messages that all workers have forwarded

	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	status Status
}

// run runs sessions until ctx is done; before is closed once the shovel's earlier worker
// has ended.
func (w *worker) run(ctx context.Context, before <-chan struct{}) {
	defer close(w.done)
	if before != nil {
		<-before
	}
	w.runSessions(ctx)
	<-ctx.Done() // until then its status is there
	w.tell("shovel.worker.removed", w.def.title())
}

func (w *worker) runSessions(ctx context.Context) {
	for tries := 0; ; tries++ {
		if w.report(Starting, ""); w.def.fault != "" {
			w.log.Error("Shovel "+w.def.String()+" cannot run", "reason", w.def.fault)
			w.report(Terminated, w.def.fault)
			return
		}
		s := &session{w: w, def: w.def}
		err := s.run(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errDone):
			w.log.Info("Shovel '" + w.def.String() + "' is stopping (it was configured to autodelete and transfer is completed)")
			w.finished(w)
			return
		}
		w.fail(err)
		if w.def.reconnect == 0 {
			return
		}
		// RabbitMQ's supervisor restarts a shovel once before it waits.
		if tries > 0 && delay.Wait(ctx, w.clock, w.def.reconnect) != nil {
			return
		}
	}
}

// fail logs why a session has ended, and says so in the status.
func (w *worker) fail(err error) {
	var unreachable *connectError
	if errors.As(err, &unreachable) {
		w.log.Error("Shovel '" + w.def.name + "' " + unreachable.Error())
		return
	}
	name := "Shovel " + w.def.String()
	var at *endError
	errors.As(err, &at)
	var closed *link.CloseError
	switch {
	case errors.Is(err, link.ErrCancelled):
		w.log.Warn("Shovel " + amqp.FormatBinary([]byte(w.def.name)) + " received a 'basic.cancel' from the server")
		w.log.Error(name + " is stopping to restart")
		w.report(Terminated, `"needed a restart"`)
	case errors.Is(err, link.ErrHeartbeat):
		w.log.Error(name + " is stopping because of a heartbeat timeout")
		w.report(Terminated, `"heartbeat timeout"`)
	case at == nil:
		w.log.Error(name + " is stopping, reason: " + err.Error())
		w.report(Terminated, err.Error())
	case errors.As(err, &closed) && closed.Connection:
		reason := fmt.Sprintf("{shutdown,{server_initiated_close,%d,%s}}", closed.Code, amqp.FormatBinary([]byte(closed.Text)))
		w.log.Error(name + " detected " + at.end + " connection failure: " + reason)
		w.report(Terminated, reason)
	case errors.As(err, &closed):
		w.log.Error(fmt.Sprintf("%s is stopping: one of its connections closed with code %d, reason: %s", name, closed.Code, closed.Text))
		w.report(Terminated, "{"+direction(at.end)+"_link_or_channel_closure,"+amqp.FormatBinary([]byte(closed.Text))+"}")
	case isLost(err):
		w.log.Error(name + " detected " + at.end + " connection failure: socket_closed_unexpectedly")
		w.report(Terminated, "socket_closed_unexpectedly")
	default:
		w.log.Error(name+" is stopping", "end", at.end, "reason", at.err.Error())
		w.report(Terminated, at.err.Error())
	}
}

// direction is RabbitMQ's name of an end in reasons.
func direction(end string) string {
	if end == sourceEnd {
		return "inbound"
	}
	return "outbound"
}

// isLost reports whether a connection has ended silently.
func isLost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, link.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF)
}

// connectFault is why a connection could not be opened, in RabbitMQ's words.
func connectFault(err error) string {
	var closed *link.CloseError
	var dns *net.DNSError
	switch {
	case errors.As(err, &closed) && closed.Code == uint16(amqp.NotAllowed):
		return "access to target virtual host was refused"
	case errors.As(err, &closed):
		return closed.Text
	case errors.As(err, &dns):
		return "unknown host (failed to resolve hostname)"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection to target host was refused (ECONNREFUSED)"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection to target host was reset by peer (ECONNRESET)"
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.Canceled):
		return "connection to target host timed out (ETIMEDOUT)"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "target host is unreachable (EHOSTUNREACH)"
	}
	return strings.TrimSpace(err.Error())
}

// report sets a state without URIs, and tells of it (EVENT-4).
func (w *worker) report(state State, reason string) {
	headers := append(w.def.title(), amqp.Field{Key: "status", Value: string(state)})
	if state == Terminated {
		headers = append(headers, amqp.Field{Key: "reason", Value: reason})
	}
	w.set(Status{State: state, Reason: reason})
	w.tell("shovel.worker.status", headers)
}

// running sets that state with what is connected, and tells of it.
func (w *worker) running(from, to string) {
	st := Status{State: Running, Source: from, Target: to}
	headers := append(w.def.title(), amqp.Table{
		{Key: "status", Value: string(Running)}, {Key: "src_uri", Value: from}, {Key: "src_protocol", Value: protocol091},
		{Key: "dest_protocol", Value: protocol091}, {Key: "dest_uri", Value: to},
	}...)
	ends, others := w.def.endpoints()
	for _, e := range slices.Concat(ends, others) {
		st.Endpoints = append(st.Endpoints, Endpoint{underscored(e.name), e.value})
		headers = append(headers, amqp.Field{Key: underscored(e.name), Value: e.value})
	}
	w.set(st)
	w.tell("shovel.worker.status", headers)
}

func (w *worker) set(st Status) {
	st.Changed = w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = st
}

func (w *worker) setBlocked(blocked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case blocked && w.status.State == Running:
		w.status.State = Blocked
	case !blocked && w.status.State == Blocked:
		w.status.State = Running
	}
}

// look describes the shovel.
func (w *worker) look() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := w.status
	st.VHost, st.Name = w.def.vhost, w.def.name
	settled := w.settled.Load()
	st.Forwarded, st.Pending = w.forwarded.Load(), max(w.handed.Load(), settled)-settled
	return st
}
