package broker

import (
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
)

// usage is how many connections and channels of a user there are, for its limits.
type usage struct {
	connections int // guarded by the broker's lock
	channels    atomic.Int64
}

// enter counts a connection in a virtual host and for its user, unless that is one more
// than a limit allows (LIMIT-1, LIMIT-3).
func (b *Broker) enter(c *conn, v *VHost) error {
	user := c.identity.User
	limit, limited := b.users.Limit(user, access.MaxConnections)
	most, bounded := v.vh.Limit(access.MaxConnections)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.vhosts[v.vh.Name] != v { // deleted meanwhile
		return errNoVHost(v.vh.Name)
	}
	if bounded && v.connections >= most {
		return amqp.Errorf(amqp.NotAllowed, "access to vhost '%s' refused for user '%s': connection limit (%d) is reached",
			v.vh.Name, user, most)
	}
	u := b.usage[user]
	if u == nil {
		u = &usage{}
	}
	if limited && u.connections >= limit {
		return amqp.Errorf(amqp.NotAllowed, "connection refused for user '%s': user connection limit (%d) is reached", user, limit)
	}
	b.usage[user] = u
	u.connections++
	v.connections++
	c.usage, c.counted = u, v
	return nil
}

// leave counts a connection no more.
func (b *Broker) leave(c *conn) {
	if c.usage == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c.counted.connections--
	if c.usage.connections--; c.usage.connections == 0 {
		delete(b.usage, c.identity.User)
	}
	c.usage = nil
}

// enterChannel counts a channel for the user, unless that is one more than its limit
// allows (LIMIT-4).
func (c *conn) enterChannel() error {
	n := c.usage.channels.Add(1)
	limit, limited := c.b.users.Limit(c.identity.User, access.MaxChannels)
	if !limited || n <= int64(limit) {
		return nil
	}
	c.usage.channels.Add(-1)
	text := "number of channels opened for user '%s' has reached the maximum allowed user limit of (%d)"
	if c.b.profile.BareChannelLimit {
		text = "number of channels opened for user '%s' has reached the maximum allowed user limit of %d"
	}
	return refuseFrame(amqp.NotAllowed, text, c.identity.User, limit)
}
