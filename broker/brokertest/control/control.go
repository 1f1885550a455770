// Package control serves a test's broker to other processes and languages: the
// verbs of package brokertest as JSON over HTTP. docs/test-control.md in the
// repository shows all of them.
//
// Anyone who can reach it controls the broker. It therefore listens on loopback
// only and rejects requests made by web pages.
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

// A Server is a broker and its control. Use Start.
type Server struct {
	// Broker is the broker that is controlled.
	Broker *brokertest.Server

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
	b, err := brokertest.NewServer(opts...)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s := &Server{Broker: b, listener: l, served: make(chan struct{}), faults: make(map[int]*brokertest.Fault)}
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
	s.Broker.Close()
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
			"anyone who reaches it controls the broker", addr)
	}
	return nil
}

func isLoopback(hostname string) bool {
	ip := net.ParseIP(strings.Trim(hostname, "[]"))
	return hostname == "localhost" || ip != nil && ip.IsLoopback()
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

// failed returns the status of an error and its reason, with what the caller can do
// about it.
func failed(err error) (int, problem) {
	text := err.Error()
	switch st := (*status)(nil); {
	case errors.As(err, &st):
		return st.code, problem{text}
	case errors.As(err, new(*brokertest.UnmetError)):
		return http.StatusConflict, problem{text}
	case errors.Is(err, brokertest.ErrRealTime):
		text += ": start rabbet serve with --manual-clock"
	case errors.Is(err, brokertest.ErrInMemory):
		text += ": start rabbet serve without --memory"
	}
	return http.StatusBadRequest, problem{text}
}

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
	result, err := s.call(route, &request{Request: r, s: s, params: params})
	if err != nil {
		code, problem := failed(err)
		answer(w, code, problem)
		return
	}
	answer(w, http.StatusOK, result)
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
