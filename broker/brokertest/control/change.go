package control

import (
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

func advance(r *request) (any, error) {
	var how struct{ By *duration }
	if err := r.read(&how); err != nil {
		return nil, err
	}
	if how.By == nil || *how.By < 0 {
		return nil, bad(`say by how much, such as {"by":"30m"}`)
	}
	if err := r.s.Broker.Advance(time.Duration(*how.By)); err != nil {
		return nil, err
	}
	return r.now(), nil
}

func setTime(r *request) (any, error) {
	var how struct{ To *time.Time }
	if err := r.read(&how); err != nil {
		return nil, err
	}
	if how.To == nil {
		return nil, bad(`say to when, such as {"to":"2030-01-01T00:00:00Z"}`)
	}
	if err := r.s.Broker.SetTime(*how.To); err != nil {
		return nil, err
	}
	return r.now(), nil
}

// A furniture is a brokertest.Topology.
type furniture struct {
	Exchanges []exchange `json:"exchanges"`
	Queues    []queue    `json:"queues"`
	Bindings  []binding  `json:"bindings"`
	Policies  []policy   `json:"policies,omitempty"`
}

type exchange struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Durable    bool           `json:"durable"`
	AutoDelete bool           `json:"auto_delete"`
	Internal   bool           `json:"internal"`
	Arguments  map[string]any `json:"arguments,omitempty"`
}

type queue struct {
	Name       string         `json:"name"`
	Durable    bool           `json:"durable"`
	AutoDelete bool           `json:"auto_delete"`
	Arguments  map[string]any `json:"arguments,omitempty"`
}

type binding struct {
	Source      string         `json:"source"`
	Destination string         `json:"destination"`
	Key         string         `json:"key"`
	ToExchange  bool           `json:"to_exchange"`
	Arguments   map[string]any `json:"arguments,omitempty"`
}

type policy struct {
	Name       string         `json:"name"`
	Pattern    string         `json:"pattern"`
	ApplyTo    string         `json:"apply_to"`
	Priority   int            `json:"priority"`
	Definition map[string]any `json:"definition"`
}

func topologyOf(t brokertest.Topology) furniture {
	f := furniture{[]exchange{}, []queue{}, []binding{}, nil}
	args := func(m map[string]any) map[string]any {
		out, _ := shown(m).(map[string]any)
		return out
	}
	for _, x := range t.Exchanges {
		f.Exchanges = append(f.Exchanges, exchange{x.Name, x.Type, x.Durable, x.AutoDelete, x.Internal, args(x.Args)})
	}
	for _, q := range t.Queues {
		f.Queues = append(f.Queues, queue{q.Name, q.Durable, q.AutoDelete, args(q.Args)})
	}
	for _, b := range t.Bindings {
		f.Bindings = append(f.Bindings, binding{b.Source, b.Destination, b.Key, b.ToExchange, args(b.Args)})
	}
	for _, p := range t.Policies {
		f.Policies = append(f.Policies, policy{p.Name, p.Pattern, p.ApplyTo, p.Priority, args(p.Definition)})
	}
	return f
}

// topology is what a furniture asks for.
func (f *furniture) topology() (t brokertest.Topology, err error) {
	args := func(m map[string]any) map[string]any {
		out, e := arguments(m)
		if e != nil {
			err = e
		}
		return out
	}
	for _, x := range f.Exchanges {
		t.Exchanges = append(t.Exchanges, broker.Exchange{
			Name: x.Name, Type: x.Type, Durable: x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal, Args: args(x.Arguments),
		})
	}
	for _, q := range f.Queues {
		t.Queues = append(t.Queues, broker.Queue{Name: q.Name, Durable: q.Durable, AutoDelete: q.AutoDelete, Args: args(q.Arguments)})
	}
	for _, b := range f.Bindings {
		t.Bindings = append(t.Bindings, broker.Binding{
			Source: b.Source, Destination: b.Destination, Key: b.Key, ToExchange: b.ToExchange, Args: args(b.Arguments),
		})
	}
	for _, p := range f.Policies {
		t.Policies = append(t.Policies, broker.Policy{
			Name: p.Name, Pattern: p.Pattern, ApplyTo: p.ApplyTo, Priority: p.Priority, Definition: args(p.Definition),
		})
	}
	return t, err
}

// declare furnishes a virtual host, which is created unless it exists.
func declare(r *request) (any, error) {
	var f furniture
	if err := r.read(&f); err != nil {
		return nil, err
	}
	t, err := f.topology()
	if err != nil {
		return nil, err
	}
	v := r.s.Broker.ServerVHost
	if name := r.URL.Query().Get("vhost"); name != "" {
		v = r.s.Broker.In(name)
	}
	if err := v.Declare(t); err != nil {
		return nil, err
	}
	return topology(r)
}

func publish(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	var m struct {
		Exchange, Key string
		Properties    properties
		content
	}
	if err := r.read(&m); err != nil {
		return nil, err
	}
	body, err := m.bytes()
	if err != nil {
		return nil, err
	}
	p, err := m.Properties.amqp()
	if err != nil {
		return nil, err
	}
	reached, err := v.Publish(m.Exchange, m.Key, body, brokertest.Properties(p))
	return struct {
		Queues int `json:"queues"`
	}{reached}, err
}

func get(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	var from struct{ Queue string }
	if err := r.read(&from); err != nil {
		return nil, err
	}
	m, err := v.Get(r.Context(), from.Queue)
	return messageOf(&m), err
}

func purge(r *request) (any, error) {
	v, name, err := r.queue()
	if err != nil {
		return nil, err
	}
	if err := r.read(&struct{}{}); err != nil {
		return nil, err
	}
	n, err := v.Purge(name)
	return purged{n}, err
}

// purged is how many messages were dropped.
type purged struct {
	Purged int `json:"purged"`
}

func deleteQueue(r *request) (any, error) {
	v, name, err := r.queue()
	if err != nil {
		return nil, err
	}
	n, err := v.DeleteQueue(name)
	return purged{n}, err
}

// A killing says which connections are to be cut.
type killing struct{ Name, Peer, User, VHost *string }

func kill(r *request) (any, error) {
	var k killing
	if err := r.read(&k); err != nil {
		return nil, err
	}
	match := k.fits
	if k == (killing{}) { // those that have not logged in yet too
		match = nil
	}
	return struct {
		Killed int `json:"killed"`
	}{r.s.Broker.KillConnections(match)}, nil
}

func alarm(r *request) (any, error) {
	var a struct {
		Alarm string
		On    *bool
	}
	if err := r.read(&a); err != nil {
		return nil, err
	}
	which, known := map[string]broker.Alarm{"memory": broker.MemoryAlarm, "disk": broker.DiskAlarm}[a.Alarm]
	if !known || a.On == nil {
		return nil, bad(`say which, memory or disk, and whether, such as {"alarm":"memory","on":true}`)
	}
	return nil, r.s.Broker.SetAlarm(which, *a.On)
}

func failDisk(r *request) (any, error) {
	var how struct{ Commits *int }
	if err := r.read(&how); err != nil {
		return nil, err
	}
	if how.Commits == nil {
		return nil, bad(`say how many commits are to fail, such as {"commits":1}`)
	}
	return nil, r.s.Broker.FailNextSync(*how.Commits)
}

func reset(r *request) (any, error) {
	if err := r.read(&struct{}{}); err != nil {
		return nil, err
	}
	if err := r.s.Broker.Reset(); err != nil {
		return nil, err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	clear(r.s.faults)
	r.s.lastID = 0
	return nil, nil
}
