package brokertest

import (
	"net/url"

	"github.com/rabbetmq/rabbet/broker/access"
)

// AddUser creates a user, or gives one another password and other tags. Until
// SetPermissions says so it may enter no virtual host.
func (mq *Broker) AddUser(name, password string, tags ...string) {
	mq.tb.Helper()
	check(mq.tb, mq.server.AddUser(name, password, tags...))
}

// DeleteUser deletes a user, whose connections are closed. One that is not there is no
// error.
func (mq *Broker) DeleteUser(name string) {
	mq.tb.Helper()
	check(mq.tb, mq.server.DeleteUser(name))
}

// SetUserLimits limits the connections and channels of a user: access.MaxConnections and
// access.MaxChannels. A negative number is no limit.
func (mq *Broker) SetUserLimits(user string, l access.Limits) {
	mq.tb.Helper()
	check(mq.tb, mq.server.SetUserLimits(user, l))
}

// URLAs is URL for another user.
func (mq *Broker) URLAs(user, password string) string {
	mq.tb.Helper()
	as, err := mq.server.URLAs(user, password)
	check(mq.tb, err)
	return as
}

// SetPermissions says what a user may do in the virtual host: each is a regular
// expression that names must match, not anchored, and "" matches no name. It lets the
// user in, and counts from the next operation of its connections on.
func (v *VHost) SetPermissions(user, configure, write, read string) {
	v.tb.Helper()
	check(v.tb, v.core.SetPermissions(user, configure, write, read))
}

// SetTopicPermissions says which routing keys a user may publish to a topic exchange, and
// which bind to it: regular expressions, in which {username} and {vhost} stand for the
// names.
func (v *VHost) SetTopicPermissions(user, exchange, write, read string) {
	v.tb.Helper()
	check(v.tb, v.core.SetTopicPermissions(user, exchange, write, read))
}

// SetLimits limits the connections and queues of the virtual host: access.MaxConnections
// and access.MaxQueues. A negative number is no limit.
func (v *VHost) SetLimits(l access.Limits) {
	v.tb.Helper()
	check(v.tb, v.core.SetLimits(l))
}

// AddUser creates or changes a user.
func (s *Server) AddUser(name, password string, tags ...string) error {
	b := s.Broker()
	hash, by, err := b.HashPassword(name, password)
	if err != nil {
		return err
	}
	return b.SetUser(access.User{Name: name, PasswordHash: hash, Hashing: by, Tags: tags})
}

// DeleteUser deletes a user. One that is not there is no error.
func (s *Server) DeleteUser(name string) error {
	s.Broker().DeleteUser(name)
	return s.needOpen("DeleteUser")
}

// SetUserLimits fails for a user who is not there.
func (s *Server) SetUserLimits(user string, l access.Limits) error {
	return s.Broker().SetUserLimits(user, l)
}

// URLAs fails as URL does.
func (s *Server) URLAs(user, password string) (string, error) {
	text, err := s.URL()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	u.User = url.UserPassword(user, password)
	return u.String(), nil
}

// SetPermissions fails for a user who is not there, and for what is no regular
// expression.
func (v *ServerVHost) SetPermissions(user, configure, write, read string) error {
	h, err := v.host()
	if err != nil {
		return err
	}
	return v.s.Broker().SetPermission(access.Permission{
		User: user, VHost: h.Name(), Configure: configure, Write: write, Read: read,
	})
}

// SetTopicPermissions fails as SetPermissions does.
func (v *ServerVHost) SetTopicPermissions(user, exchange, write, read string) error {
	h, err := v.host()
	if err != nil {
		return err
	}
	return v.s.Broker().SetTopicPermission(access.TopicPermission{
		User: user, VHost: h.Name(), Exchange: exchange, Write: write, Read: read,
	})
}

// SetLimits fails for a limit that virtual hosts have not got.
func (v *ServerVHost) SetLimits(l access.Limits) error {
	h, err := v.host()
	if err != nil {
		return err
	}
	return h.SetLimits(l)
}
