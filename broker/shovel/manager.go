package shovel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/delay"
)

// Component is the component of the parameters that are shovels (SHOVEL-1).
const Component = "shovel"

// Config is how shovels run. The zero value is useful.
type Config struct {
	// PeerClock is the time that the peers live in, for heartbeats and time limits; the
	// wall clock by default. Pauses before a reconnect and time stamps are in the
	// broker's time.
	PeerClock delay.Clock
	// Logger gets what RabbitMQ would log; nothing is logged by default.
	Logger *slog.Logger
	// Disabled has shovels begin as SetEnabled(false) leaves them.
	Disabled bool
}

// A Manager runs the shovels of a broker. Its methods are safe for concurrent use.
type Manager struct {
	b       *broker.Broker
	log     *slog.Logger
	dial    dialer
	moved   atomic.Uint64 // messages, by all workers
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	off     bool // by SetEnabled
	workers map[key]*worker
}

// Start runs the shovels that the broker's parameters describe, and from now on those that
// are set. One broker has one Manager; Close it before the broker.
func Start(b *broker.Broker, cfg Config) *Manager {
	if cfg.PeerClock == nil {
		cfg.PeerClock = delay.Real{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Manager{b: b, log: cfg.Logger, dial: dialer{cfg.PeerClock, b.DialDirect}, workers: make(map[key]*worker), off: true}
	m.life, m.end = context.WithCancel(context.Background())
	b.RegisterComponent(broker.Component{Name: Component, Check: m.check, Changed: m.changed})
	m.SetEnabled(!cfg.Disabled)
	return m
}

// SetEnabled ends all shovels and waits until they have stopped, or starts those that the
// parameters describe, as rabbitmq-plugins disable and enable do.
// Meanwhile the parameters stay and can be deleted; to set one is refused, as of a component
// that is not there. Calls must not overlap.
func (m *Manager) SetEnabled(on bool) {
	m.mu.Lock()
	m.off = !on
	ended := m.workers
	if !on {
		m.workers = make(map[key]*worker)
	}
	m.mu.Unlock()
	if on {
		m.beginAll()
		return
	}
	for _, w := range ended {
		w.cancel()
	}
	for _, w := range ended {
		<-w.done
	}
}

// beginAll starts the shovels of parameters that were there before.
func (m *Manager) beginAll() {
	for _, name := range m.b.VHosts() {
		v, err := m.b.VHost(name)
		if err != nil { // deleted meanwhile
			continue
		}
		for _, p := range v.Parameters(Component) {
			m.begin(p)
			if _, ok := v.Parameter(Component, p.Name); !ok { // deleted before it began
				m.stop(key{p.VHost, p.Name})
			}
		}
	}
}

// Close stops all shovels in order and waits until they have stopped. What they hold goes
// back to its queue. Parameters that are set from now on run nothing.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.end()
	m.running.Wait()
}

// check refuses a value that makes no sense, and a URI that leads into a virtual host of
// this broker which the user may not enter (SHOVEL-3).
func (m *Manager) check(p broker.Parameter, by *access.Identity) error {
	m.mu.Lock()
	off := m.off
	m.mu.Unlock()
	if off {
		return errors.New("component " + Component + " not found")
	}
	value, err := decode(p.Value)
	if err != nil {
		return err
	}
	return check(p.Name, value, func(a *address) string {
		if by == nil || by.User == "" {
			return ""
		}
		if _, err := m.b.VHost(a.vhost); err == nil && a.vhost != "" && m.b.MayEnter(m.life, *by, a.vhost, nil) == nil {
			return ""
		}
		return `user "` + by.User + `" may not connect to vhost "` + a.vhost + `"`
	})
}

// changed starts, replaces or stops a shovel.
func (m *Manager) changed(p broker.Parameter) {
	if p.Value == nil {
		m.stop(key{p.VHost, p.Name})
		return
	}
	m.replace(p)
}

// begin starts a shovel that was there before the Manager, unless it was changed meanwhile.
func (m *Manager) begin(p broker.Parameter) {
	m.mu.Lock()
	_, ok := m.workers[key{p.VHost, p.Name}]
	m.mu.Unlock()
	if !ok {
		m.replace(p)
	}
}

func (m *Manager) replace(p broker.Parameter) {
	value, err := decode(p.Value)
	if err != nil { // of a broker that did not check it
		m.log.Error("Shovel '"+p.Name+"' in virtual host '"+p.VHost+"' cannot run", "reason", err.Error())
		return
	}
	m.start(parse(key{p.VHost, p.Name}, value))
}

// start runs a definition, once the shovel's earlier worker has ended.
func (m *Manager) start(d *definition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.run(d)
}

// run is start with the lock held.
func (m *Manager) run(d *definition) {
	if m.closed || m.off {
		return
	}
	ctx, cancel := context.WithCancel(m.life)
	w := &worker{
		def: d, dial: &m.dial, clock: m.b.Clock(), log: m.log, cluster: m.b.ClusterName, finished: m.finished, tell: m.b.TellEvent, total: &m.moved,
		cancel: cancel, done: make(chan struct{}),
	}
	w.set(Status{State: Starting}) // it is told once the earlier one has ended
	var before <-chan struct{}
	if old := m.workers[d.key]; old != nil {
		old.cancel()
		before = old.done
	}
	m.workers[d.key] = w
	m.running.Go(func() {
		w.run(ctx, before)
		cancel()
	})
}

// stop ends a shovel whose parameter is gone.
func (m *Manager) stop(k key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.workers[k]; w != nil {
		w.cancel()
		delete(m.workers, k)
	}
}

// finished deletes the parameter of a shovel that is done, unless it was set anew
// (SHOVEL-8).
func (m *Manager) finished(w *worker) {
	v, err := m.b.VHost(w.def.vhost)
	if err != nil {
		return
	}
	v.DeleteParameterIf(Component, w.def.name, func(json.RawMessage) bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.workers[w.def.key] == w
	})
}

// Shovels describes all shovels, by virtual host and name.
func (m *Manager) Shovels() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Status, 0, len(m.workers))
	for _, w := range m.workers {
		list = append(list, w.look())
	}
	slices.SortFunc(list, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.VHost, b.VHost), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Shovel describes a shovel, if it is there.
func (m *Manager) Shovel(vhost, name string) (Status, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, ok := m.workers[key{vhost, name}]
	if !ok {
		return Status{}, false
	}
	return w.look(), true
}

// Restart ends a shovel's connections and opens them again, and reports whether it is there
// (SHOVEL-10).
func (m *Manager) Restart(vhost, name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, ok := m.workers[key{vhost, name}]
	if ok {
		m.run(w.def)
	}
	return ok
}

// Delete deletes a shovel with its parameter, and reports whether it was there.
func (m *Manager) Delete(vhost, name string) bool {
	v, err := m.b.VHost(vhost)
	return err == nil && v.DeleteParameter(Component, name)
}

// Forwarded counts the messages that shovels have handed to their destinations since Start.
func (m *Manager) Forwarded() uint64 { return m.moved.Load() }
