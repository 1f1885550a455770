package broker

import (
	"context"
	"maps"
	"net"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
)

// Login checks credentials.
func (b *Broker) Login(_ context.Context, c access.Credentials) (access.Identity, error) {
	u, why := b.authenticate(c.User, c.Password, c.Peer)
	if u == nil {
		return access.Identity{}, &access.LoginError{User: c.User, Reason: why}
	}
	return access.Identity{User: u.name, Tags: []string{access.Administrator}}, nil
}

// MayEnter asks whether a user may enter a virtual host.
func (b *Broker) MayEnter(_ context.Context, id access.Identity, vhost string, _ net.Addr) error {
	b.users.mu.RLock()
	u := b.users.byName[id.User]
	b.users.mu.RUnlock()
	if u == nil || !u.mayEnter(vhost) {
		return amqp.Errorf(amqp.NotAllowed, "access to vhost '%s' refused for user '%s'", vhost, id.User)
	}
	return nil
}

// MayUse asks for a permission.
func (b *Broker) MayUse(context.Context, access.Identity, access.Resource, access.Operation) error {
	return nil
}

// MayUseTopic asks for a permission on a routing key.
func (b *Broker) MayUseTopic(context.Context, access.Identity, access.Resource, string, access.Operation) error {
	return nil
}

// VHosts are the names of the virtual hosts, sorted.
func (b *Broker) VHosts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.vhosts))
}

// VHostSettings are what a virtual host is made with.
type VHostSettings struct {
	Description        string
	Tags               []string
	DefaultQueueType   string
	Tracing, Protected bool
}

// Settings are those of a virtual host.
func (v *VHost) Settings() VHostSettings { return VHostSettings{} }

// CloseConnection closes a connection by its ID.
func (b *Broker) CloseConnection(id, reason string) bool {
	return b.closeConnections(reason, func(c *conn) bool { return c.id() == id }) > 0
}

// CloseConnections closes those of a user.
func (b *Broker) CloseConnections(user, reason string) int {
	return b.closeConnections(reason, func(c *conn) bool { return c.user.name == user })
}

func (b *Broker) closeConnections(reason string, which func(*conn) bool) int {
	b.mu.Lock()
	conns := slices.Collect(maps.Keys(b.conns))
	b.mu.Unlock()
	n := 0
	for _, c := range conns {
		c.mu.Lock()
		match := c.channels != nil && !c.finished && which(c)
		c.mu.Unlock()
		if match {
			e := amqp.Errorf(amqp.ConnectionForced, "%s", reason)
			e.NoMethod = true
			c.force(e)
			n++
		}
	}
	return n
}
