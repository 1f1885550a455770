package management

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A Server is the management API of one broker. It is an http.Handler, to be mounted in
// a program's own server, and listens by itself with Listen or Serve. Its methods are
// safe for concurrent use.
type Server struct {
	broker   *broker.Broker
	cfg      Config
	log      *slog.Logger
	clock    delay.Clock // that of statistics
	wall     delay.Clock // that of clients: time limits, slow logins
	started  time.Time
	routes   router
	help     []byte // the page that explains the API
	throttle throttle
	attempts attempts
	samples  sampler
	events   events
	traces   traces
	streams  atomic.Int64
	ending   chan struct{} // closed when the server ends
	http     http.Server

	mu        sync.Mutex
	listeners []Listener
	closed    bool
	serving   sync.WaitGroup
}

// ErrClosed is returned by Listen and Serve of a server that is closed.
var ErrClosed = errors.New("management: server is closed")

// New makes the API of a broker. It fails for a Config that contradicts itself.
func New(b *broker.Broker, cfg Config) (*Server, error) {
	cfg.complete()
	switch cfg.RatesMode {
	case ratesBasic, ratesDetailed, ratesNone:
	default:
		return nil, fmt.Errorf("management: RatesMode %q is not basic, detailed or none", cfg.RatesMode)
	}
	if cfg.MaxBodySize < 0 {
		return nil, errors.New("management: MaxBodySize is negative")
	}
	s := &Server{broker: b, cfg: cfg, log: cfg.Logger, clock: cfg.Clock, wall: delay.Real{}}
	s.started = s.clock.Now()
	s.throttle = throttle{clock: s.wall, hosts: make(map[string]*suspect)}
	s.attempts.bySource = make(map[source]*attemptCount)
	s.ending = make(chan struct{})
	s.samples.clock = s.clock
	s.samples.start()
	s.lookAtOverview(func(recorded) {})
	s.addRoutes()
	s.help = s.routes.helpPage()
	s.http = http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Listen serves on a TCP address such as "127.0.0.1:15672", or "127.0.0.1:0" for any
// free port, in the background, and returns the address that it got.
func (s *Server) Listen(addr string) (net.Addr, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return l.Addr(), s.start(l, Listener{Protocol: "http"})
}

// ListenTLS is Listen over TLS; the Listener describes it, for what the API shows.
func (s *Server) ListenTLS(addr string, cfg *tls.Config, shown Listener) (net.Addr, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	shown.Protocol = "https"
	cfg = cfg.Clone()
	cfg.NextProtos = []string{"h2", "http/1.1"}
	return l.Addr(), s.start(tls.NewListener(l, cfg), shown)
}

// start serves a listener in the background.
func (s *Server) start(l net.Listener, shown Listener) error {
	shown.Addr = l.Addr().String()
	if shown.Path == "" {
		shown.Path = "/"
	}
	if shown.Description == "" {
		shown.Description = "RabbitMQ Management"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		l.Close()
		return ErrClosed
	}
	s.listeners = append(s.listeners, shown)
	s.serving.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("management listener ended", "address", shown.Addr, "error", err)
		}
	})
	_, port, _ := net.SplitHostPort(shown.Addr)
	kind := map[string]string{"https": "HTTPS"}[shown.Protocol]
	s.log.Info("Management plugin: "+cmp.Or(kind, "HTTP (non-TLS)")+" listener started on port "+port, "address", shown.Addr)
	return nil
}

// Shutdown stops listening and waits until the requests under way are answered or ctx
// is done; those that are left then are cut off. Streams of events end at once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.ending)
	}
	s.listeners = nil
	s.mu.Unlock()
	s.samples.stop()
	s.traces.stop(func(*tracing) bool { return true })
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	s.serving.Wait()
	return err
}

// Close is Shutdown without patience.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range s.cfg.Headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("Vary", "origin")
	escaped, inside := strings.CutPrefix(r.URL.EscapedPath(), s.cfg.PathPrefix)
	q := &request{s: s, w: w, r: r}
	defer q.recover()
	switch {
	case !inside:
		http.Redirect(w, r, s.cfg.PathPrefix+"/", http.StatusMovedPermanently)
	case escaped == "":
		http.Redirect(w, r, s.cfg.PathPrefix+"/", http.StatusMovedPermanently)
	case strings.HasPrefix(escaped, "/api/") && escaped != "/api/" && escaped != "/api/index.html":
		q.serve(strings.TrimPrefix(escaped, "/api"))
	default:
		s.servePage(q, escaped)
	}
}

// recover turns a panic into 500. An answer that has been begun is cut off.
func (q *request) recover() {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	q.s.log.Error("HTTP API: request crashed", "method", q.r.Method, "path", q.r.URL.Path, "panic", p,
		"stack", string(debug.Stack()))
	q.fail(&failure{status: http.StatusInternalServerError})
}

// serve answers a request for the API, with RabbitMQ's order of checks: the route, its
// methods, the login, what the client accepts, then all that the endpoint does.
func (q *request) serve(escaped string) {
	err := q.dispatch(escaped)
	if err == nil {
		return
	}
	var f *failure
	if !errors.As(err, &f) {
		if q.r.Context().Err() == nil {
			q.s.log.Error("HTTP API: request failed", "method", q.r.Method, "path", q.r.URL.Path, "error", err)
		}
		f = &failure{status: http.StatusInternalServerError}
	}
	q.fail(f)
}

func (q *request) dispatch(escaped string) error {
	found, values, err := q.s.routes.match(escaped)
	if err != nil {
		return status(http.StatusBadRequest)
	}
	if found == nil {
		return errNotFound
	}
	q.route, q.variables = found, values
	q.allowOrigin()
	endpoint, ok := found.methods[q.r.Method]
	switch {
	case q.r.Method == http.MethodOptions:
		q.w.Header().Set("Allow", found.allow)
		q.w.Header().Set("Content-Length", "0")
		q.w.WriteHeader(http.StatusOK)
		return nil
	case !ok:
		q.w.Header().Set("Allow", found.allow)
		return status(http.StatusMethodNotAllowed)
	}
	if q.query, err = parseQuery(q.r.URL.RawQuery); err != nil {
		return err
	}
	if err := q.admit(endpoint); err != nil {
		return err
	}
	if !acceptsJSON(q.r.Header.Values("Accept")) {
		return status(http.StatusNotAcceptable)
	}
	return endpoint.handle(q)
}

func (r *route) has(variable string) bool {
	for _, name := range r.variables {
		if name == variable {
			return true
		}
	}
	return false
}

// admit logs the caller in, unless the endpoint is open to all, and asks whether it may
// call it.
func (q *request) admit(e *endpoint) error {
	if e.gate == nil {
		return nil
	}
	q.peer = peerOf(q.r)
	if err := q.authenticate(); err != nil {
		return err
	}
	err := e.gate(q)
	q.s.attempts.count(hostOf(q.peer), q.login.User, err == nil)
	if err != nil {
		q.s.log.Warn("HTTP access denied", "user", q.login.User, "reason", err.(*failure).reason)
	}
	return err
}

// allowOrigin lets a page of another origin call the API, if it is one of those that
// are configured.
func (q *request) allowOrigin() {
	origin := q.r.Header.Get("Origin")
	if origin == "" || origin == "null" || !q.s.allowsOrigin(origin) {
		return
	}
	h := q.w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	if q.r.Method != http.MethodOptions {
		return
	}
	h.Set("Access-Control-Allow-Methods", q.route.allow)
	if wanted := q.r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		h.Set("Access-Control-Allow-Headers", wanted)
	}
	if age := q.s.cfg.OriginMaxAge; age >= 0 {
		h.Set("Access-Control-Max-Age", fmt.Sprint(int(age.Seconds())))
	}
}

func (s *Server) allowsOrigin(origin string) bool {
	for _, allowed := range s.cfg.Origins {
		if allowed == "*" || allowed == origin {
			return true
		}
	}
	return false
}

// acceptsJSON reports whether a client takes JSON. A client that asks for RabbitMQ's
// binary format takes JSON too.
func acceptsJSON(accept []string) bool {
	if len(accept) == 0 {
		return true
	}
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		kind, parameters, _ := strings.Cut(part, ";")
		if strings.Contains(strings.ReplaceAll(parameters, " ", "")+";", "q=0;") {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "", "*/*", "application/*", "application/json", "application/bert":
			return true
		}
	}
	return false
}
