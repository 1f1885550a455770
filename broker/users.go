package broker

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/userdb"
)

var (
	// ErrNoUser is returned for what is to be set for a user that does not exist.
	ErrNoUser = userdb.ErrNoUser
	// ErrNoVHost is returned for what is to be set for a virtual host that does not
	// exist.
	ErrNoVHost = errors.New("no such virtual host")
)

// Users returns the broker's own users, by name.
func (b *Broker) Users() []access.User { return b.users.Users() }

// User returns one of the broker's own users, if it is there.
func (b *Broker) User(name string) (access.User, bool) { return b.users.User(name) }

// SetUser creates a user, or replaces everything about it but its permissions, and its
// limits where those of u are nil. Connections that are open keep the tags that they
// have logged in with.
func (b *Broker) SetUser(u access.User) error {
	if _, err := access.ParseHashing(string(u.Hashing)); err != nil {
		return err
	}
	if err := checkLimits(u.Limits, "user-limits", access.MaxConnections, access.MaxChannels); err != nil {
		return err
	}
	b.users.SetUser(u)
	return nil
}

// DeleteUser removes a user with its permissions, and reports whether it was there. Its
// connections are closed.
func (b *Broker) DeleteUser(name string) bool {
	if !b.users.DeleteUser(name) {
		return false
	}
	b.closeConnections(func(c *conn) bool { return c.identity.User == name }, "user '"+name+"' is deleted")
	return true
}

// SetUserLimits sets limits of a user, and leaves those that are not in l as they are. It
// fails with ErrNoUser, or for a limit that users have not got.
func (b *Broker) SetUserLimits(user string, l access.Limits) error {
	if err := checkLimits(l, "user-limits", access.MaxConnections, access.MaxChannels); err != nil {
		return err
	}
	if !b.users.ChangeLimits(user, func(have access.Limits) { maps.Copy(have, l) }) {
		return ErrNoUser
	}
	return nil
}

// ClearUserLimit removes one of a user's limits, or with "all" all of them. It reports
// whether there is such a user.
func (b *Broker) ClearUserLimit(user, limit string) bool {
	return b.users.ChangeLimits(user, func(have access.Limits) {
		if limit == "all" {
			clear(have)
		}
		delete(have, limit)
	})
}

// checkLimits refuses limits that there are not, in RabbitMQ's words.
func checkLimits(l access.Limits, of string, known ...string) error {
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if !slices.Contains(known, name) {
			unknown = append(unknown, fmt.Sprintf("{<<%q>>,%d}", name, l[name]))
		}
	}
	if unknown == nil {
		return nil
	}
	return amqp.Errorf(amqp.PreconditionFailed, "Unrecognised terms [%s] in %s", strings.Join(unknown, ","), of)
}

// HashPassword hashes a password as Config says, for SetUser. It fails if
// Config.CheckPassword refuses the password.
func (b *Broker) HashPassword(user, password string) (hash string, by access.Hashing, err error) {
	if check := b.cfg.CheckPassword; check != nil {
		if err := check(user, password); err != nil {
			return "", "", err
		}
	}
	by = cmp.Or(b.cfg.PasswordHashing, access.SHA256)
	hash, err = access.HashPassword(password, by)
	return hash, by, err
}

// Permissions returns the permissions of a user in a virtual host, by user and virtual
// host; "" is any.
func (b *Broker) Permissions(user, vhost string) []access.Permission {
	return b.users.Permissions(user, vhost)
}

// Permission returns the permission of a user in a virtual host, if there is one.
func (b *Broker) Permission(user, vhost string) (access.Permission, bool) {
	list := b.users.Permissions(user, vhost)
	if len(list) != 1 {
		return access.Permission{}, false
	}
	return list[0], true
}

// SetPermission creates or replaces a permission, which counts from the next operation
// of each connection on. It fails with ErrNoUser, ErrNoVHost, or for a pattern that is no
// regular expression.
func (b *Broker) SetPermission(p access.Permission) error {
	return b.inVHost(p.VHost, func() error { return b.users.SetPermission(p) })
}

// inVHost calls set unless the virtual host is not there, and keeps it from going
// meanwhile.
func (b *Broker) inVHost(name string, set func() error) error {
	b.permitting.RLock()
	defer b.permitting.RUnlock()
	if b.vhost(name) == nil {
		return ErrNoVHost
	}
	return set()
}

// DeletePermission removes a permission and reports whether it was there.
func (b *Broker) DeletePermission(user, vhost string) bool {
	return b.users.DeletePermission(user, vhost)
}

// TopicPermissions returns the topic permissions of a user in a virtual host; "" is any.
func (b *Broker) TopicPermissions(user, vhost string) []access.TopicPermission {
	return b.users.TopicPermissions(user, vhost)
}

// SetTopicPermission creates or replaces a topic permission. It fails as SetPermission
// does.
func (b *Broker) SetTopicPermission(p access.TopicPermission) error {
	return b.inVHost(p.VHost, func() error { return b.users.SetTopicPermission(p) })
}

// DeleteTopicPermission removes a topic permission and reports whether it was there.
func (b *Broker) DeleteTopicPermission(user, vhost, exchange string) bool {
	return b.users.DeleteTopicPermission(user, vhost, exchange)
}

// DeleteTopicPermissions removes all topic permissions of a user in a virtual host, and
// returns their number.
func (b *Broker) DeleteTopicPermissions(user, vhost string) int {
	n := 0
	for _, p := range b.users.TopicPermissions(user, vhost) {
		if b.users.DeleteTopicPermission(user, vhost, p.Exchange) {
			n++
		}
	}
	return n
}
