package userdb

import (
	"cmp"
	"slices"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/pattern"
)

// Permissions returns the permissions of a user in a virtual host; "" is any. They are
// sorted by user, then virtual host.
func (db *DB) Permissions(user, vhost string) []access.Permission {
	db.mu.RLock()
	defer db.mu.RUnlock()
	list := []access.Permission{}
	for _, u := range db.selected(user) {
		grants := u.grants
		if vhost != "" {
			grants = grants[:0:0]
			if i, ok := u.grant(vhost); ok {
				grants = u.grants[i : i+1]
			}
		}
		for _, g := range grants {
			list = append(list, g.export(u))
		}
	}
	return list
}

// selected is the user of that name, or all by name for "".
func (db *DB) selected(name string) []*user {
	if name == "" {
		return db.sorted()
	}
	if u := db.users[name]; u != nil {
		return []*user{u}
	}
	return nil
}

func (g *grant) export(u *user) access.Permission {
	return access.Permission{
		User: u.name, VHost: g.vhost, Configure: g.configure.String(), Write: g.write.String(), Read: g.read.String(),
	}
}

// grant finds the permission in a virtual host, or where it would be.
func (u *user) grant(vhost string) (int, bool) {
	if n := len(u.grants); n > 0 && u.grants[n-1].vhost < vhost { // they come sorted
		return n, false
	}
	return slices.BinarySearchFunc(u.grants, vhost, func(g grant, v string) int { return cmp.Compare(g.vhost, v) })
}

// CheckPatterns returns the *pattern.Error of the first that cannot be used.
func CheckPatterns(patterns ...string) error {
	for _, p := range patterns {
		if err := pattern.Check(p); err != nil {
			return err
		}
	}
	return nil
}

// SetPermission creates or replaces a permission. It fails with ErrNoUser, or a
// *pattern.Error.
func (db *DB) SetPermission(p access.Permission) error {
	if err := CheckPatterns(p.Configure, p.Write, p.Read); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.loadPermission(p); err != nil {
		return err
	}
	if j := db.hooks.Journal; j != nil {
		j.PutPermission(p)
	}
	db.changed()
	return nil
}

// LoadPermission is SetPermission with one that the journal knows. Its patterns were
// checked when it was set.
func (db *DB) LoadPermission(p access.Permission) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.loadPermission(p)
}

func (db *DB) loadPermission(p access.Permission) error {
	u := db.users[p.User]
	if u == nil {
		return ErrNoUser
	}
	g := grant{p.VHost, db.patterns.Acquire(p.Configure), db.patterns.Acquire(p.Write), db.patterns.Acquire(p.Read)}
	i, found := u.grant(p.VHost)
	if found {
		db.release(u.grants[i].configure, u.grants[i].write, u.grants[i].read)
		u.grants[i] = g
		return nil
	}
	u.grants = slices.Insert(u.grants, i, g)
	return nil
}

func (db *DB) release(patterns ...*pattern.Pattern) {
	for _, p := range patterns {
		db.patterns.Release(p)
	}
}

// DeletePermission removes a permission and reports whether it was there.
func (db *DB) DeletePermission(user, vhost string) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	u := db.users[user]
	if u == nil {
		return false
	}
	i, found := u.grant(vhost)
	if found {
		db.dropGrant(u, i)
		db.changed()
	}
	return found
}

func (db *DB) dropGrant(u *user, i int) {
	g := u.grants[i]
	db.release(g.configure, g.write, g.read)
	u.grants = slices.Delete(u.grants, i, i+1)
	if j := db.hooks.Journal; j != nil {
		j.DeletePermission(u.name, g.vhost)
	}
}

// TopicPermissions returns the topic permissions of a user in a virtual host; "" is any.
func (db *DB) TopicPermissions(user, vhost string) []access.TopicPermission {
	db.mu.RLock()
	defer db.mu.RUnlock()
	list := []access.TopicPermission{}
	for _, u := range db.selected(user) {
		for _, g := range u.topics() {
			if vhost == "" || g.vhost == vhost {
				list = append(list, access.TopicPermission{
					User: u.name, VHost: g.vhost, Exchange: g.exchange, Write: g.write.String(), Read: g.read.String(),
				})
			}
		}
	}
	return list
}

// topic finds the permission for an exchange, or where it would be.
func (u *user) topic(vhost, exchange string) (int, bool) {
	return slices.BinarySearchFunc(u.topics(), exchange, func(g topicGrant, x string) int {
		return cmp.Or(cmp.Compare(g.vhost, vhost), cmp.Compare(g.exchange, x))
	})
}

// SetTopicPermission creates or replaces a topic permission. It fails with ErrNoUser, or
// a *pattern.Error.
func (db *DB) SetTopicPermission(p access.TopicPermission) error {
	if err := CheckPatterns(p.Write, p.Read); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.loadTopicPermission(p); err != nil {
		return err
	}
	if j := db.hooks.Journal; j != nil {
		j.PutTopicPermission(p)
	}
	db.changed()
	return nil
}

// LoadTopicPermission is SetTopicPermission with one that the journal knows.
func (db *DB) LoadTopicPermission(p access.TopicPermission) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.loadTopicPermission(p)
}

func (db *DB) loadTopicPermission(p access.TopicPermission) error {
	u := db.users[p.User]
	if u == nil {
		return ErrNoUser
	}
	if u.rare == nil {
		u.rare = &rarities{}
	}
	g := topicGrant{p.VHost, p.Exchange, db.patterns.Acquire(p.Write), db.patterns.Acquire(p.Read)}
	i, found := u.topic(p.VHost, p.Exchange)
	if found {
		db.release(u.rare.topics[i].write, u.rare.topics[i].read)
		u.rare.topics[i] = g
		return nil
	}
	u.rare.topics = slices.Insert(u.rare.topics, i, g)
	return nil
}

// DeleteTopicPermission removes a topic permission and reports whether it was there.
func (db *DB) DeleteTopicPermission(user, vhost, exchange string) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	u := db.users[user]
	if u == nil {
		return false
	}
	i, found := u.topic(vhost, exchange)
	if found {
		db.dropTopic(u, i)
		db.changed()
	}
	return found
}

func (db *DB) dropTopic(u *user, i int) {
	g := u.rare.topics[i]
	db.release(g.write, g.read)
	u.rare.topics = slices.Delete(u.rare.topics, i, i+1)
	if j := db.hooks.Journal; j != nil {
		j.DeleteTopicPermission(u.name, g.vhost, g.exchange)
	}
}

// ForgetVHost removes all permissions in a virtual host that is deleted.
func (db *DB) ForgetVHost(vhost string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, u := range db.users {
		if i, ok := u.grant(vhost); ok {
			db.dropGrant(u, i)
		}
		for i := len(u.topics()) - 1; i >= 0; i-- {
			if u.rare.topics[i].vhost == vhost {
				db.dropTopic(u, i)
			}
		}
	}
	db.changed()
}
