// Package control serves a test's broker to other processes and languages: the
// verbs of package brokertest as JSON over HTTP. docs/test-control.md in the
// repository shows all of them.
//
// Whoever reaches it rules the broker, so it listens on loopback alone, and
// answers no page of a browser.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// This file is the server: its life, and how what fails is told.

// A Server is a broker and its control. Use Start.
type Server struct {
	// Broker is the broker that is controlled.
	Broker *brokertest.Broker

	tb       *host
	listener net.Listener
	http     http.Server
	served   chan struct{}
	verb     sync.Mutex // held by verbs that put another broker in place

	mu     sync.Mutex
	faults map[int]*brokertest.Fault
	lastID int
}

// handshakeTimeout is how long a request may take to arrive.
const handshakeTimeout = 10 * time.Second

// Start starts a broker with these options and serves its control at a TCP
// address of loopback, such as "127.0.0.1:15680"; port 0 takes a free one.
func Start(addr string, log *slog.Logger, opts ...brokertest.Option) (_ *Server, err error) {
	if err := checkLoopback(addr); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{tb: &host{log: log}, listener: l, served: make(chan struct{}), faults: make(map[int]*brokertest.Fault)}
	if f := try(func() { s.Broker = brokertest.New(s.tb, opts...) }); f != nil {
		s.tb.finish()
		return nil, errors.Join(errors.New(f.text), l.Close())
	}
	s.http = http.Server{Handler: s, ReadHeaderTimeout: handshakeTimeout, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the test control has ended", "error", err)
		}
	}()
	return s, nil
}

// Addr is the address of the control.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close ends the control, then the broker.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.served
	s.tb.finish()
	return err
}

// checkLoopback refuses an address that others could reach.
func checkLoopback(addr string) error {
	hostname, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("bad address %q: %w", addr, err)
	}
	if !isLoopback(hostname) {
		return fmt.Errorf("the test control listens on loopback only, such as 127.0.0.1:15680, not on %q: "+
			"whoever reaches it rules the broker", addr)
	}
	return nil
}

func isLoopback(hostname string) bool {
	ip := net.ParseIP(strings.Trim(hostname, "[]"))
	return hostname == "localhost" || ip != nil && ip.IsLoopback()
}

// A host is the brokertest.TB of a server: what would fail a test fails the
// request.
type host struct {
	log *slog.Logger

	mu       sync.Mutex
	cleanups []func()
}

// A failure is what brokertest says when a test fails.
type failure struct{ text string }

func (h *host) Helper()                         {}
func (h *host) Failed() bool                    { return false }
func (h *host) Logf(format string, args ...any) { h.log.Info(fmt.Sprintf(format, args...)) }

func (h *host) Fatalf(format string, args ...any) {
	panic(&failure{strings.TrimPrefix(fmt.Sprintf(format, args...), "brokertest: ")})
}

func (h *host) Cleanup(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleanups = append(h.cleanups, f)
}

func (h *host) finish() {
	h.mu.Lock()
	list := h.cleanups
	h.cleanups = nil
	h.mu.Unlock()
	for i := len(list) - 1; i >= 0; i-- {
		list[i]()
	}
}

// try calls what may fail the test.
func try(do func()) (f *failure) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *failure:
			f = p
		default:
			panic(p)
		}
	}()
	do()
	return nil
}

// A status is an answer other than 200 with its reason.
type status struct {
	code int
	text string
}

func (s *status) Error() string { return s.text }

func bad(format string, args ...any) error {
	return &status{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func missing(format string, args ...any) error {
	return &status{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

// unmet is a condition that did not come to hold.
func unmet(text string) error { return &status{http.StatusConflict, text} }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hostname := r.Host
	if name, _, err := net.SplitHostPort(r.Host); err == nil {
		hostname = name
	}
	if !isLoopback(hostname) || r.Header.Get("Origin") != "" { // a page that a browser shows
		answer(w, http.StatusForbidden, problem{"the test control is not for browsers"})
		return
	}
	route, params, allowed := find(r.Method, r.URL.EscapedPath())
	switch {
	case route == nil && len(allowed) > 0:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		answer(w, http.StatusMethodNotAllowed, problem{fmt.Sprintf("%s takes %s", r.URL.Path, strings.Join(allowed, " or "))})
		return
	case route == nil:
		answer(w, http.StatusNotFound, problem{"no such path: GET / lists all"})
		return
	}
	var result any
	var err error
	f := try(func() { result, err = s.call(route, &request{Request: r, s: s, params: params}) })
	code := http.StatusOK
	switch st := (*status)(nil); {
	case f != nil && route.requires:
		code, result = http.StatusConflict, problem{f.text}
	case f != nil:
		code, result = http.StatusBadRequest, problem{f.text}
	case errors.As(err, &st):
		code, result = st.code, problem{st.text}
	case err != nil:
		code, result = http.StatusBadRequest, problem{err.Error()}
	}
	answer(w, code, result)
}

// call runs a verb. Those that put another broker in place wait for each other.
func (s *Server) call(route *route, r *request) (any, error) {
	if err := r.checkQuery(route.query); err != nil {
		return nil, err
	}
	if route.renews {
		s.verb.Lock()
		defer s.verb.Unlock()
	}
	return route.do(r)
}

// A problem is why a request failed.
type problem struct {
	Error string `json:"error"`
}

// answer writes JSON, or text as it is.
func answer(w http.ResponseWriter, code int, result any) {
	if text, ok := result.(string); ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(text)) // who asked may have gone
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if result == nil {
		result = struct{}{}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(result) // as above
}
