package broker

import (
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
)

// usage is how many connections and channels of a user there are, for its limits.
type usage struct {
	connections int // guarded by the broker's lock
	channels    atomic.Int64
}

// A seat is what a connection takes of what is limited.
type seat struct {
	n       *node
	user    string
	usage   *usage // the user's; nil before the connection is open, and after its end
	counted *vhost // where it is counted as well
}

// enter counts a connection in a virtual host and for its user, unless that is one more
// than a limit allows (LIMIT-1, LIMIT-3).
func (s *seat) enter(user string, v *vhost) error {
	b := s.n
	limit, limited := b.users.Limit(user, access.MaxConnections)
	most, bounded := v.vh.Limit(access.MaxConnections)
	b.mu.Lock()
	defer b.mu.Unlock()
	if v.gone { // deleted meanwhile
		return errNoVHost(v.vh.Name)
	}
	if n := b.cfg.MaxConnections; reached(n, b.entered) { // LIMIT-5: 530 at the limit
		return amqp.Errorf(amqp.NotAllowed, "connection refused: node connection limit (%d) is reached", max(0, n))
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
	b.entered++
	s.user, s.usage, s.counted = user, u, v
	return nil
}

// leave counts a connection no more.
func (s *seat) leave() {
	b := s.n
	if s.usage == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entered--
	s.counted.connections--
	if s.usage.connections--; s.usage.connections == 0 {
		delete(b.usage, s.user)
	}
	s.usage = nil
}

// enterChannel counts a channel for the user, unless that is one more than its limit
// allows (LIMIT-4).
func (s *seat) enterChannel() error {
	n := s.usage.channels.Add(1)
	limit, limited := s.n.users.Limit(s.user, access.MaxChannels)
	if !limited || n <= int64(limit) {
		return s.enterNode()
	}
	s.usage.channels.Add(-1)
	text := "number of channels opened for user '%s' has reached the maximum allowed user limit of (%d)"
	if s.n.profile.BareChannelLimit {
		text = "number of channels opened for user '%s' has reached the maximum allowed user limit of %d"
	}
	return refusal.WithoutMethod(amqp.NotAllowed, text, s.user, limit)
}

// enterNode counts a channel of the broker, unless that is one more than it may have
// (LIMIT-5).
func (s *seat) enterNode() error {
	limit := s.n.cfg.MaxChannels
	if n := s.n.channels.Add(1); !reached(limit, int(n)-1) {
		return nil
	}
	s.leaveChannel()
	text := "number of channels opened on node '%s' has reached the maximum allowed limit of (%d)"
	if s.n.profile.BareChannelLimit {
		text = "number of channels opened on node '%s' has reached the maximum allowed limit of %d"
	}
	return refusal.WithoutMethod(amqp.NotAllowed, text, s.n.cfg.ClusterName, max(0, limit))
}

// leaveChannel counts a channel no more.
func (s *seat) leaveChannel() {
	s.usage.channels.Add(-1)
	s.n.channels.Add(-1)
}

// errNoVHost is CONN-28.
func errNoVHost(name string) error {
	return amqp.Errorf(amqp.NotAllowed, "vhost %s not found", name)
}
