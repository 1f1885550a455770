package broker

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// VHostSettings describe a virtual host.
type VHostSettings struct {
	Description string
	Tags        []string
	// DefaultQueueType is the type of queues that are declared without one: classic,
	// quorum or stream; "" is classic.
	DefaultQueueType string
	// Tracing copies messages to amq.rabbitmq.trace (TRACE-1). It is off after a
	// restart.
	Tracing bool
	// Protected makes DeleteVHost refuse, as from RabbitMQ 4.1 on.
	Protected bool
}

// VHosts returns the names of the virtual hosts, sorted.
func (b *Broker) VHosts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.vhosts))
}

// AddVHost creates a virtual host with its predeclared exchanges (EXCH-1), in which the
// default user may do everything. An existing one is left as it is.
func (b *Broker) AddVHost(name string) *VHost {
	v, created := b.createVHost(name, nil)
	// The patterns are good; without the user there is nobody to let in.
	_ = b.users.SetPermission(access.Permission{User: b.cfg.DefaultUser, VHost: name, Configure: ".*", Write: ".*", Read: ".*"})
	if created {
		if err := b.furnish(v); err != nil {
			b.log.Error("a virtual host lacks what new ones get", "vhost", name, "error", err)
		}
	}
	return v
}

// CreateVHost creates a virtual host with its predeclared exchanges (EXCH-1), or gives an
// existing one new settings. Nobody may enter until SetPermission says so. It fails for a
// type of queues that there is not.
func (b *Broker) CreateVHost(name string, s VHostSettings) (*VHost, error) {
	if err := b.env.Closed(); err != nil {
		return nil, err
	}
	if err := checkNames(name); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if limit := b.cfg.MaxVHosts; b.vhost(name) == nil && reached(limit, len(b.VHosts())) {
		return nil, amqp.Errorf(amqp.PreconditionFailed, "cannot create vhost '%s': vhost limit of %d is reached", name, max(0, limit))
	}
	v, created := b.createVHost(name, &s)
	if err := v.SetSettings(s); err != nil || !created {
		return v, err
	}
	return v, b.furnish(v)
}

// furnish gives a new virtual host what all of them get, in RabbitMQ's order.
func (b *Broker) furnish(v *VHost) error {
	if b.cfg.VHostDefaults == nil {
		return nil
	}
	d, err := b.cfg.VHostDefaults(v.vh.Name)
	if err != nil {
		return err
	}
	if s := v.Settings(); s.DefaultQueueType == "" && d.QueueType != "" {
		s.DefaultQueueType = d.QueueType
		if err := v.SetSettings(s); err != nil {
			return err
		}
	}
	if len(d.Limits) > 0 {
		if err := v.SetLimits(d.Limits); err != nil {
			return err
		}
	}
	for _, p := range d.OperatorPolicies {
		if err := v.SetOperatorPolicy(p); err != nil {
			return fmt.Errorf("operator policy '%s': %w", p.Name, err)
		}
	}
	for _, u := range d.Users {
		if err := b.admit(u, v.vh.Name); err != nil {
			return fmt.Errorf("user '%s': %w", u.Name, err)
		}
	}
	return nil
}

// admit lets a user into a new virtual host.
func (b *Broker) admit(u VHostUser, vhost string) (err error) {
	if _, exists := b.User(u.Name); !exists {
		account := access.User{Name: u.Name, Tags: u.Tags}
		if u.Password != "" {
			if account.PasswordHash, account.Hashing, err = b.HashPassword(u.Name, u.Password); err != nil {
				return err
			}
		}
		if err := b.SetUser(account); err != nil {
			return err
		}
	}
	return b.SetPermission(access.Permission{User: u.Name, VHost: vhost, Configure: u.Configure, Write: u.Write, Read: u.Read})
}

// createVHost creates a virtual host unless it is there, and reports whether it did. One of
// that name that is being deleted is waited for.
func (b *Broker) createVHost(name string, s *VHostSettings) (v *VHost, created bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.deleting[name] {
		b.deleted.Wait()
	}
	v = b.vhosts[name]
	if v == nil {
		created = true
		var about topology.About
		if s != nil {
			about = s.about()
		}
		v = b.newVHost(topology.NewVHost(name, about, b.env))
		b.vhosts[name] = v
		declareSystem(&b.cfg, v.vh)
		v.vh.TellCreated(b.cfg.ClusterName)
	}
	return v, created
}

func (s *VHostSettings) check() error {
	switch s.DefaultQueueType {
	case "", "undefined", "classic", "quorum", "stream":
		return nil
	}
	return amqp.Errorf(amqp.PreconditionFailed, "Unsupported default queue type '%s'", s.DefaultQueueType)
}

func (s *VHostSettings) about() topology.About {
	about := topology.About{
		Description: s.Description, Tags: slices.Clone(s.Tags), DefaultQueueType: s.DefaultQueueType, Protected: s.Protected,
	}
	if about.DefaultQueueType == "undefined" {
		about.DefaultQueueType = ""
	}
	return about
}

// Name is the virtual host's name.
func (v *VHost) Name() string { return v.vh.Name }

// Settings returns what describes the virtual host.
func (v *VHost) Settings() VHostSettings {
	about := v.vh.About()
	return VHostSettings{
		Description: about.Description, Tags: slices.Clone(about.Tags), DefaultQueueType: about.DefaultQueueType,
		Protected: about.Protected, Tracing: v.firehose.on.Load(),
	}
}

// SetSettings replaces what describes the virtual host. It fails for a type of queues
// that there is not.
func (v *VHost) SetSettings(s VHostSettings) error {
	if err := v.vh.Closed(); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	before := v.vh.About()
	v.firehose.on.Store(s.Tracing)
	v.vh.SetAbout(s.about())
	if !reflect.DeepEqual(before, v.vh.About()) {
		v.vh.TellUpdated(v.b.cfg.ClusterName, s.Tracing)
	}
	return nil
}

// SetEventExchange declares amq.rabbitmq.event, a durable topic exchange to which what
// happens to the broker's objects is published, or deletes it with its bindings
// (EVENT-1). Config.EventExchange is how it begins.
func (b *Broker) SetEventExchange(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cfg.EventExchange = on
	if v := b.vhosts[b.cfg.EventExchangeVHost]; v != nil {
		declareSystem(&b.cfg, v.vh)
	}
}

// DeleteVHost deletes a virtual host with all that is in it, and reports whether it was
// there. Its connections are closed first. It fails for a protected one.
func (b *Broker) DeleteVHost(name string) (bool, error) {
	if err := b.env.Closed(); err != nil {
		return false, err
	}
	v, err := b.beginDeletion(name)
	if v == nil || err != nil {
		return false, err
	}
	b.components.forget(name, v.vh.Parameters(""))
	b.closeConnections(func(c *conn) bool { return c.vhost == v.vh }, "vhost '"+name+"' is deleted")
	v.vh.Clear()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.deleting, name)
	b.deleted.Broadcast()
	v.vh.TellDeleted(b.cfg.ClusterName)
	return true, nil
}

// beginDeletion takes a virtual host out of sight: nobody finds it, and nothing more can
// be declared in it.
func (b *Broker) beginDeletion(name string) (*VHost, error) {
	b.permitting.Lock()
	defer b.permitting.Unlock()
	b.mu.Lock()
	v := b.vhosts[name]
	if v == nil || v.vh.About().Protected {
		b.mu.Unlock()
		if v != nil {
			return nil, amqp.Errorf(amqp.PreconditionFailed,
				"Refusing to delete virtual host '%s' because it is protected from deletion", name)
		}
		return nil, nil
	}
	delete(b.vhosts, name)
	v.gone = true
	b.deleting[name] = true
	b.mu.Unlock()
	v.vh.Seal()
	b.users.ForgetVHost(name)
	return v, nil
}

// CloseConnection closes the connection of that name, as RabbitMQ has it:
// "127.0.0.1:40000 -> 127.0.0.1:5672". The client is told the reason, with reply code 320.
// It reports whether there was one.
func (b *Broker) CloseConnection(name, reason string) bool {
	return b.closeConnections(func(c *conn) bool { return c.id() == name }, reason) > 0
}

// CloseConnections closes all connections of a user, and returns their number.
func (b *Broker) CloseConnections(user, reason string) int {
	return b.closeConnections(func(c *conn) bool { return c.identity.User == user }, reason)
}
