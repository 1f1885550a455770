// Package userdb is a broker's own database of users and permissions: the
// access.Authenticator that a broker has by default.
//
// It is in memory; a Journal is told of each change.
package userdb

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/pattern"
)

// ErrNoUser is returned for a permission of a user that does not exist.
var ErrNoUser = errors.New("no such user")

// A Journal keeps what changes. Its methods are called with the database locked, so that
// the order of calls is that of changes.
type Journal interface {
	PutUser(u access.User)
	DeleteUser(name string)
	PutPermission(p access.Permission)
	DeletePermission(user, vhost string)
	PutTopicPermission(p access.TopicPermission)
	DeleteTopicPermission(user, vhost, exchange string)
}

// A DB holds users and permissions. Make one with New; its methods are safe for
// concurrent use.
type DB struct {
	hooks Hooks

	mu       sync.RWMutex
	users    map[string]*user
	patterns pattern.Set
	expanded expansions
}

// Hooks are what a DB tells others. Each may be nil.
type Hooks struct {
	// Journal is told of changes, save those of Load….
	Journal Journal
	// Changed is called after each change that a decision may depend on.
	Changed func()
	// TimedOut is called with a pattern whose match took too long, once for each.
	TimedOut func(pattern string)
}

// A user is one account. Permissions are sorted: there may be very many.
type user struct {
	name    string
	hash    string
	hashing access.Hashing
	tags    []string
	grants  []grant // by virtual host
	rare    *rarities
}

// rarities are what few users have.
type rarities struct {
	limits access.Limits
	topics []topicGrant // by virtual host and exchange
}

type grant struct {
	vhost                  string
	configure, write, read *pattern.Pattern
}

type topicGrant struct {
	vhost, exchange string
	write, read     *pattern.Pattern
}

// New returns an empty database.
func New(h Hooks) *DB { return &DB{hooks: h, users: make(map[string]*user)} }

func (db *DB) changed() {
	if db.hooks.Changed != nil {
		db.hooks.Changed()
	}
}

// Users returns all users, by name.
func (db *DB) Users() []access.User {
	db.mu.RLock()
	defer db.mu.RUnlock()
	list := make([]access.User, 0, len(db.users))
	for _, u := range db.sorted() {
		list = append(list, u.export())
	}
	return list
}

// sorted is the users by name.
func (db *DB) sorted() []*user {
	return slices.SortedFunc(maps.Values(db.users), func(a, b *user) int { return cmp.Compare(a.name, b.name) })
}

// User returns a user, if there is one of that name.
func (db *DB) User(name string) (access.User, bool) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	u := db.users[name]
	if u == nil {
		return access.User{}, false
	}
	return u.export(), true
}

// Len is the number of users.
func (db *DB) Len() int {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return len(db.users)
}

func (u *user) export() access.User {
	return access.User{
		Name: u.name, PasswordHash: u.hash, Hashing: u.hashing, Tags: slices.Clone(u.tags), Limits: maps.Clone(u.limits()),
	}
}

func (u *user) limits() access.Limits {
	if u.rare == nil {
		return nil
	}
	return u.rare.limits
}

func (u *user) topics() []topicGrant {
	if u.rare == nil {
		return nil
	}
	return u.rare.topics
}

// SetUser creates a user, or replaces all of it but its permissions. With nil for limits
// it keeps those it has.
func (db *DB) SetUser(u access.User) {
	db.mu.Lock()
	defer db.mu.Unlock()
	stored := db.load(u)
	if j := db.hooks.Journal; j != nil {
		j.PutUser(stored.export())
	}
	db.changed()
}

// LoadUser is SetUser with a user that the journal knows.
func (db *DB) LoadUser(u access.User) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.load(u)
}

func (db *DB) load(u access.User) *user {
	stored := db.users[u.Name]
	if stored == nil {
		stored = &user{name: u.Name}
		db.users[u.Name] = stored
	}
	stored.hash, stored.hashing, stored.tags = u.PasswordHash, cmp.Or(u.Hashing, access.MD5), slices.Clone(u.Tags)
	if u.Limits != nil {
		stored.setLimits(maps.Clone(u.Limits))
	}
	return stored
}

func (u *user) setLimits(l access.Limits) {
	if len(l) == 0 {
		l = nil
	}
	if u.rare == nil {
		if l == nil {
			return
		}
		u.rare = &rarities{}
	}
	u.rare.limits = l
}

// ChangeLimits calls change with a copy of a user's limits and keeps what it makes of
// them. It reports whether there is such a user.
func (db *DB) ChangeLimits(name string, change func(access.Limits)) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	u := db.users[name]
	if u == nil {
		return false
	}
	limits := access.Limits{}
	maps.Copy(limits, u.limits())
	change(limits)
	u.setLimits(limits)
	if j := db.hooks.Journal; j != nil {
		j.PutUser(u.export())
	}
	return true
}

// Limit returns one of a user's limits; false is no bound.
func (db *DB) Limit(name, limit string) (int, bool) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	u := db.users[name]
	if u == nil {
		return 0, false
	}
	n, ok := u.limits()[limit]
	return n, ok && n >= 0
}

// DeleteUser removes a user with its permissions, and reports whether it was there.
func (db *DB) DeleteUser(name string) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	u := db.users[name]
	if u == nil {
		return false
	}
	for len(u.grants) > 0 {
		db.dropGrant(u, len(u.grants)-1)
	}
	for len(u.topics()) > 0 {
		db.dropTopic(u, len(u.rare.topics)-1)
	}
	delete(db.users, name)
	if j := db.hooks.Journal; j != nil {
		j.DeleteUser(name)
	}
	db.changed()
	return true
}
