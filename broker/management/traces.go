package management

import (
	"strconv"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker/ledger"
)

// Bounds of a trace.
const (
	standardCapacity = 10_000
	maxCapacity      = 100_000
	standardPayload  = 1024
	maxPayload       = 64 << 10
	traceBytes       = 64 << 20 // that a trace may hold, whatever its capacity
	traceDeliveries  = 20       // that are kept of a message in a queue
)

// A tracing is the trace of one virtual host.
type tracing struct {
	place             place
	started           time.Time
	filter            traceFilter
	capacity, payload int
	ledger            *ledger.Ledger
	stop              func()
}

// traces are the traces of all virtual hosts. They end with the server.
type traces struct {
	mu      sync.Mutex
	byVHost map[string]*tracing
}

// get is the trace of a virtual host, nil if there is none.
func (t *traces) get(p place) *tracing {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := t.byVHost[p.name]
	if found == nil || found.place.VHost == p.VHost {
		return found
	}
	t.end(p.name) // the virtual host has been made anew
	return nil
}

// end ends a trace. Called with the lock held.
func (t *traces) end(vhost string) (was bool) {
	before := t.byVHost[vhost]
	if before != nil {
		before.stop()
		delete(t.byVHost, vhost)
	}
	return before != nil
}

// start begins a trace in place of the one before, and reports whether there was one.
func (t *traces) start(now *tracing) (was bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was = t.end(now.place.name)
	now.stop = now.place.Trace(now.ledger.Recorder())
	if t.byVHost == nil {
		t.byVHost = make(map[string]*tracing)
	}
	t.byVHost[now.place.name] = now
	return was
}

// stop ends all traces, or those of virtual hosts that are gone.
func (t *traces) stop(over func(*tracing) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for vhost, trace := range t.byVHost {
		if over(trace) {
			t.end(vhost)
		}
	}
}

// sweepTraces ends the traces of virtual hosts that are gone.
func (s *Server) sweepTraces() {
	s.traces.stop(func(t *tracing) bool {
		v, err := s.broker.VHost(t.place.name)
		return err != nil || v != t.place.VHost
	})
}

// startTrace begins the trace of a virtual host, and forgets what one before has recorded.
func (q *request) startTrace() error {
	v, err := q.enter(q.variable("vhost"))
	if err != nil {
		return err
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	given, err := body.object("filter")
	if err != nil {
		return err
	}
	t := &tracing{place: v, started: q.s.clock.Now()}
	if t.filter, err = traceFilterOf(given); err != nil {
		return err
	}
	if t.capacity, err = body.within("capacity", standardCapacity, 1, maxCapacity); err != nil {
		return err
	}
	if t.payload, err = body.within("payload_bytes", standardPayload, 0, maxPayload); err != nil {
		return err
	}
	kept := t.payload
	if kept == 0 {
		kept = -1
	}
	t.ledger = ledger.New(ledger.Config{
		Publications: t.capacity, Bytes: traceBytes, Body: kept, Deliveries: traceDeliveries, Wanted: t.filter.wants,
	})
	q.s.sweepTraces()
	was := q.s.traces.start(t)
	q.s.log.Info("messages are traced", "vhost", v.name, "user", q.login.User)
	return q.done(!was)
}

// within is an integer within limits.
func (o object) within(key string, standard, least, most int) (int, error) {
	n, err := o.integer(key, standard)
	if err == nil && (n < least || n > most) {
		return 0, badRequest(key + " must be from " + strconv.Itoa(least) + " to " + strconv.Itoa(most))
	}
	return n, err
}

// trace is the trace of the virtual host in the path.
func (q *request) tracing() (*tracing, error) {
	v, err := q.enter(q.variable("vhost"))
	if err != nil {
		return nil, err
	}
	q.s.sweepTraces()
	t := q.s.traces.get(v)
	if t == nil {
		return nil, errNotFound
	}
	return t, nil
}

func (q *request) stopTrace() error {
	t, err := q.tracing()
	if err != nil {
		return err
	}
	q.s.traces.stop(func(one *tracing) bool { return one == t })
	q.s.log.Info("messages are not traced any more", "vhost", t.place.name, "user", q.login.User)
	return q.done(false)
}

func (q *request) getTrace() error {
	t, err := q.tracing()
	if err != nil {
		return err
	}
	return q.reply(t.write)
}

func (q *request) listTraces() error {
	q.s.sweepTraces()
	places, err := q.places()
	if err != nil {
		return err
	}
	var found []*tracing
	for _, p := range places {
		if t := q.s.traces.get(p); t != nil {
			found = append(found, t)
		}
	}
	return list(q, listing[*tracing]{items: found, write: func(e *encoder, t *tracing) bool {
		t.write(e)
		return true
	}})
}

// write describes a trace.
func (t *tracing) write(e *encoder) {
	u := t.ledger.Usage()
	e.str("vhost", t.place.name)
	e.num("started_at", millis(t.started))
	e.value("filter", map[string]any(t.filter.given))
	e.num("capacity", int64(t.capacity))
	e.num("payload_bytes", int64(t.payload))
	e.count("recorded", u.Forgotten+uint64(u.Publications))
	e.num("kept", int64(u.Publications))
	e.num("bytes", int64(u.Bytes))
	e.count("change", u.Change)
}
