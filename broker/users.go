package broker

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/announce"
	"github.com/rabbetmq/rabbet/broker/internal/userdb"
)

var (
	// ErrNoUser is returned for what is to be set for a user that does not exist.
	ErrNoUser = userdb.ErrNoUser
	// ErrNoVHost is returned for what is to be set for a virtual host that does not
	// exist.
	ErrNoVHost = errors.New("no such virtual host")
)

// Accounts are the broker's own users, and what they may do. Its methods are those of a
// Broker.
type Accounts struct {
	db            *userdb.DB
	hashing       access.Hashing // "" is SHA-256
	checkPassword func(user, password string) error
	exists        func(vhost string) bool
	closed        func() error // ErrClosed once the broker has ended
	closeOf       func(user, reason string)
	told          *announce.Announcer

	permitting sync.RWMutex // held for writing while a virtual host goes
}

// Users returns the broker's own users, by name.
func (a *Accounts) Users() []access.User { return a.db.Users() }

// User returns one of the broker's own users, if it is there.
func (a *Accounts) User(name string) (access.User, bool) { return a.db.User(name) }

// SetUser creates a user, or replaces everything about it but its permissions, and its
// limits where those of u are nil. Connections that are open keep the tags that they
// have logged in with.
func (a *Accounts) SetUser(u access.User) error {
	if err := a.closed(); err != nil {
		return err
	}
	if _, err := access.ParseHashing(string(u.Hashing)); err != nil {
		return err
	}
	if err := checkLimits(u.Limits, "user-limits", access.MaxConnections, access.MaxChannels); err != nil {
		return err
	}
	before, existed := a.db.User(u.Name)
	a.db.SetUser(u)
	a.told.User(before, existed, u)
	return nil
}

// DeleteUser removes a user with its permissions, and reports whether it was there. Its
// connections are closed.
func (a *Accounts) DeleteUser(name string) bool {
	if !a.db.DeleteUser(name) {
		return false
	}
	a.told.TellOf("user.deleted", "name", name)
	a.closeOf(name, "user '"+name+"' is deleted")
	return true
}

// SetUserLimits sets limits of a user, and leaves those that are not in l as they are. It
// fails with ErrNoUser, or for a limit that users have not got.
func (a *Accounts) SetUserLimits(user string, l access.Limits) error {
	if err := a.closed(); err != nil {
		return err
	}
	if err := checkLimits(l, "user-limits", access.MaxConnections, access.MaxChannels); err != nil {
		return err
	}
	before, _ := a.db.User(user)
	if !a.db.ChangeLimits(user, func(have access.Limits) { maps.Copy(have, l) }) {
		return ErrNoUser
	}
	now, _ := a.db.User(user)
	a.told.UserLimits(user, before.Limits, now.Limits)
	return nil
}

// ClearUserLimit removes one of a user's limits, or with "all" all of them. It reports
// whether there is such a user.
func (a *Accounts) ClearUserLimit(user, limit string) bool {
	before, _ := a.db.User(user)
	known := a.db.ChangeLimits(user, func(have access.Limits) {
		if limit == "all" {
			clear(have)
		}
		delete(have, limit)
	})
	if known {
		now, _ := a.db.User(user)
		a.told.UserLimits(user, before.Limits, now.Limits)
	}
	return known
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
func (a *Accounts) HashPassword(user, password string) (hash string, by access.Hashing, err error) {
	if check := a.checkPassword; check != nil {
		if err := check(user, password); err != nil {
			return "", "", err
		}
	}
	by = cmp.Or(a.hashing, access.SHA256)
	hash, err = access.HashPassword(password, by)
	return hash, by, err
}

// Permissions returns the permissions of a user in a virtual host, by user and virtual
// host; "" is any.
func (a *Accounts) Permissions(user, vhost string) []access.Permission {
	return a.db.Permissions(user, vhost)
}

// Permission returns the permission of a user in a virtual host, if there is one.
func (a *Accounts) Permission(user, vhost string) (access.Permission, bool) {
	list := a.db.Permissions(user, vhost)
	if len(list) != 1 {
		return access.Permission{}, false
	}
	return list[0], true
}

// SetPermission creates or replaces a permission, which counts from the next operation
// of each connection on. It fails with ErrNoUser, ErrNoVHost, or for a pattern that is no
// regular expression.
func (a *Accounts) SetPermission(p access.Permission) error {
	err := a.inVHost(p.VHost, func() error { return a.db.SetPermission(p) })
	if err == nil {
		a.told.TellOf("permission.created", "user", p.User, "vhost", p.VHost, "configure", p.Configure, "write", p.Write, "read", p.Read)
	}
	return err
}

// inVHost calls set unless the virtual host is not there, and keeps it from going
// meanwhile.
func (a *Accounts) inVHost(name string, set func() error) error {
	if err := a.closed(); err != nil {
		return err
	}
	a.permitting.RLock()
	defer a.permitting.RUnlock()
	if !a.exists(name) {
		return ErrNoVHost
	}
	return set()
}

// DeletePermission removes a permission and reports whether it was there.
func (a *Accounts) DeletePermission(user, vhost string) bool {
	deleted := a.db.DeletePermission(user, vhost)
	if deleted {
		a.told.TellOf("permission.deleted", "user", user, "vhost", vhost)
	}
	return deleted
}

// TopicPermissions returns the topic permissions of a user in a virtual host; "" is any.
func (a *Accounts) TopicPermissions(user, vhost string) []access.TopicPermission {
	return a.db.TopicPermissions(user, vhost)
}

// SetTopicPermission creates or replaces a topic permission. It fails as SetPermission
// does.
func (a *Accounts) SetTopicPermission(p access.TopicPermission) error {
	err := a.inVHost(p.VHost, func() error { return a.db.SetTopicPermission(p) })
	if err == nil {
		a.told.TellOf("topic.permission.created", "user", p.User, "vhost", p.VHost, "exchange", p.Exchange, "write", p.Write, "read", p.Read)
	}
	return err
}

// DeleteTopicPermission removes a topic permission and reports whether it was there.
func (a *Accounts) DeleteTopicPermission(user, vhost, exchange string) bool {
	deleted := a.db.DeleteTopicPermission(user, vhost, exchange)
	if deleted {
		a.told.TellOf("topic.permission.deleted", "user", user, "vhost", vhost)
	}
	return deleted
}

// DeleteTopicPermissions removes all topic permissions of a user in a virtual host, and
// returns their number.
func (a *Accounts) DeleteTopicPermissions(user, vhost string) int {
	n := 0
	for _, p := range a.db.TopicPermissions(user, vhost) {
		if a.DeleteTopicPermission(user, vhost, p.Exchange) {
			n++
		}
	}
	return n
}
