package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/control"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/machine"
)

// A controller serves the command-line tools over the control socket: the management API
// under /api, without a login, and under /control what only the process itself can do.
type controller struct {
	s    *service
	node *node
	stop chan struct{} // closed when the process is to end
	once sync.Once
	http http.Server
	done chan struct{}
}

// openControl opens the control socket. A process that cannot have one goes on without.
func (s *service) openControl(n *node) (*controller, error) {
	c := &controller{s: s, node: n, stop: make(chan struct{}), done: make(chan struct{})}
	place := control.Place{DataDir: s.set.DataDir, Memory: s.set.Memory, Node: s.set.NodeName, Environ: s.environ}
	l, err := control.Listen(place)
	if err != nil {
		s.log.Logger.Warn("there is no control socket: rabbitmqctl cannot reach this broker", "error", err)
		close(c.done)
		return c, nil
	}
	c.http = http.Server{Handler: c.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(c.done)
		_ = c.http.Serve(l) // It ends when it is closed.
	}()
	return c, nil
}

// close closes the socket and removes it.
func (c *controller) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), doorPatience)
	defer cancel()
	err := c.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = c.http.Close()
	}
	<-c.done
	return err
}

func (c *controller) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/", c.api)
	mux.HandleFunc("GET /control/events", c.events)
	for pattern, handle := range map[string]func(*http.Request) (any, error){
		"GET /control/node":       c.describe,
		"POST /control/stop":      c.stopProcess,
		"POST /control/stop_app":  func(*http.Request) (any, error) { return nil, c.node.stop() },
		"POST /control/start_app": func(*http.Request) (any, error) { return nil, c.node.start() },
		"POST /control/reset":     func(*http.Request) (any, error) { return nil, c.node.reset() },
		"POST /control/await":     c.await,
		"GET /control/peek":       c.peek,
		"GET /control/stream":     c.stream,
		"POST /control/drain":     func(*http.Request) (any, error) { return nil, c.node.drain() },
		"POST /control/revive":    func(*http.Request) (any, error) { return nil, c.node.revive() },
		"POST /control/suspend":   func(*http.Request) (any, error) { return nil, c.node.suspend() },
		"POST /control/resume":    func(*http.Request) (any, error) { return nil, c.node.resume() },
		"POST /control/collect_garbage": func(*http.Request) (any, error) {
			debug.FreeOSMemory()
			return nil, nil
		},
		"PUT /control/memory_limit":   c.setMemoryLimit,
		"PUT /control/disk_limit":     c.setDiskLimit,
		"PUT /control/log_level":      c.setLogLevel,
		"POST /control/authenticate":  c.authenticate,
		"POST /control/hash_password": c.hashPassword,
		"PUT /control/plugins":        c.setPlugins,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := handle(r)
			respond(w, answer, err)
		})
	}
	return mux
}

// A controlError is a failure with the name by which the tools know it.
type controlError struct {
	name string
	error
}

var errNotRunning = controlError{"not_running", errors.New("the node is not running")}

func respond(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", "application/json")
	var named controlError
	switch {
	case err == nil:
	case errors.As(err, &named):
		w.WriteHeader(http.StatusConflict)
		answer = map[string]string{"error": named.name, "reason": err.Error()}
	case errors.Is(err, errRunning):
		w.WriteHeader(http.StatusConflict)
		answer = map[string]string{"error": "running", "reason": err.Error()}
	default:
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]string{"error": "failed", "reason": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(answer) // Who has gone needs no answer.
}

// api hands a request to the management API.
func (c *controller) api(w http.ResponseWriter, r *http.Request) {
	_, d := c.node.running()
	if d == nil {
		respond(w, nil, errNotRunning)
		return
	}
	d.management.Trusted().ServeHTTP(w, r)
}

func (c *controller) stopProcess(*http.Request) (any, error) {
	c.once.Do(func() { close(c.stop) })
	return nil, nil
}

func (c *controller) await(r *http.Request) (any, error) {
	return nil, c.node.awaitRunning(r.Context())
}

// decode reads a small JSON document.
func decode[T any](r *http.Request) (v T, err error) {
	err = json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&v)
	return v, err
}

// A resourceLimit is a number of bytes, or a fraction of the machine's memory.
type resourceLimit struct {
	Bytes    int64
	Fraction float64
}

func (l *resourceLimit) bytes() int64 {
	if l.Fraction > 0 {
		return max(1, int64(l.Fraction*float64(machine.Memory())))
	}
	return l.Bytes
}

func (c *controller) setMemoryLimit(r *http.Request) (any, error) {
	limit, err := decode[resourceLimit](r)
	if err != nil {
		return nil, err
	}
	b, _ := c.node.running()
	if b == nil {
		return nil, errNotRunning
	}
	_, disk := b.ResourceLimits()
	b.SetResourceLimits(limit.bytes(), disk)
	c.node.setMemoryRatio(limit.Fraction)
	return nil, nil
}

func (c *controller) setDiskLimit(r *http.Request) (any, error) {
	limit, err := decode[resourceLimit](r)
	if err != nil {
		return nil, err
	}
	b, _ := c.node.running()
	if b == nil {
		return nil, errNotRunning
	}
	memory, _ := b.ResourceLimits()
	b.SetResourceLimits(memory, limit.bytes())
	return nil, nil
}

func (c *controller) setLogLevel(r *http.Request) (any, error) {
	wanted, err := decode[struct{ Level string }](r)
	if err != nil {
		return nil, err
	}
	if !c.s.log.SetLevel(wanted.Level) {
		return nil, controlError{"no_level", errors.New("there is no level " + wanted.Level)}
	}
	return nil, nil
}

func (c *controller) authenticate(r *http.Request) (any, error) {
	who, err := decode[struct{ User, Password string }](r)
	if err != nil {
		return nil, err
	}
	b, _ := c.node.running()
	if b == nil {
		return nil, errNotRunning
	}
	if _, err := b.Login(r.Context(), access.Credentials{User: who.User, Password: who.Password}); err != nil {
		return nil, controlError{"refused", err}
	}
	return nil, nil
}

func (c *controller) hashPassword(r *http.Request) (any, error) {
	plain, err := decode[struct{ User, Password string }](r)
	if err != nil {
		return nil, err
	}
	b, _ := c.node.running()
	if b == nil {
		return nil, errNotRunning
	}
	hash, algorithm, err := b.HashPassword(plain.User, plain.Password)
	return map[string]string{"hash": hash, "algorithm": string(algorithm)}, err
}

// setPlugins opens and closes the doors that plugins stand for. The file has been written
// by the tool.
func (c *controller) setPlugins(r *http.Request) (any, error) {
	wanted, err := decode[struct{ Plugins, Disabled []string }](r)
	if err != nil {
		return nil, err
	}
	c.node.mu.Lock()
	defer c.node.mu.Unlock()
	changed := c.s.setPlugins(wanted.Plugins, wanted.Disabled)
	if c.node.broker == nil {
		return nil, nil
	}
	if err := c.s.applyPlugins(c.node.broker, c.node.shovels); err != nil || !changed {
		return nil, err
	}
	if err := c.node.doors.Close(); err != nil {
		return nil, err
	}
	c.node.doors, err = c.s.openDoors(c.node.broker, c.node.shovels)
	return nil, err
}
