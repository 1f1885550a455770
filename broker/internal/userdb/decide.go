package userdb

import (
	"context"
	"net"
	"strings"
	"sync"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/pattern"
)

// nobody is the hash that the password of an unknown user is compared with, so that its
// refusal takes as long as any.
var nobody = sync.OnceValue(func() string {
	hash, err := access.HashPassword("nobody", access.SHA256)
	if err != nil {
		panic(err)
	}
	return hash
})

// Login checks a name and a password. A name without an account is refused in the same
// time and words as a wrong password (CONN-15, CONN-20).
func (db *DB) Login(_ context.Context, c access.Credentials) (access.Identity, error) {
	hash, hashing := nobody(), access.SHA256
	db.mu.RLock()
	u := db.users[c.User]
	var id access.Identity
	if u != nil {
		id = access.Identity{User: u.name, Tags: u.tags} // tags are replaced, not changed
		if u.hash != "" {
			hash, hashing = u.hash, u.hashing
		}
	}
	known, blank := u != nil, u != nil && u.hash == ""
	db.mu.RUnlock()
	good := c.Checked || access.CheckPassword(c.Password, hash, hashing) && !blank
	if !known || !good {
		return access.Identity{}, &access.LoginError{User: c.User, Reason: "user '" + c.User + "' - invalid credentials"}
	}
	return id, nil
}

// EnterVHost lets a user in who has any permission there (PERM-16).
func (db *DB) EnterVHost(_ context.Context, id access.Identity, vhost string, _ net.Addr) error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if u := db.users[id.User]; u != nil {
		if _, ok := u.grant(vhost); ok {
			return nil
		}
	}
	return access.ErrRefused
}

// UseResource compares the name with the permission's expression.
func (db *DB) UseResource(_ context.Context, id access.Identity, r access.Resource, op access.Operation) error {
	db.mu.RLock()
	var p *pattern.Pattern
	if u := db.users[id.User]; u != nil {
		if i, ok := u.grant(r.VHost); ok {
			p = u.grants[i].pattern(op)
		}
	}
	db.mu.RUnlock()
	if p == nil || !db.matches(p, r.Name) {
		return access.ErrRefused
	}
	return nil
}

func (g *grant) pattern(op access.Operation) *pattern.Pattern {
	switch op {
	case access.Configure:
		return g.configure
	case access.Write:
		return g.write
	}
	return g.read
}

// matches is PERM-1: "" matches no name but the empty one.
func (db *DB) matches(p *pattern.Pattern, name string) bool {
	if p.String() == "" {
		return name == ""
	}
	matched, timedOut := p.Match(name)
	if timedOut && db.hooks.TimedOut != nil {
		db.hooks.TimedOut(p.String())
	}
	return matched
}

// UseTopic compares the routing key with the topic permission's expression, if there is
// one (PERM-11).
func (db *DB) UseTopic(_ context.Context, id access.Identity, x access.Resource, key string, op access.Operation) error {
	db.mu.RLock()
	var p *pattern.Pattern
	if u := db.users[id.User]; u != nil {
		if i, ok := u.topic(x.VHost, x.Name); ok {
			p = u.rare.topics[i].read
			if op == access.Write {
				p = u.rare.topics[i].write
			}
		}
	}
	db.mu.RUnlock()
	if p == nil || db.matches(db.expanded.expand(p, id.User, x.VHost), key) {
		return nil
	}
	return access.ErrRefused
}

// expansions are the patterns of topic permissions with names in the place of
// variables, as far as they have been used lately.
type expansions struct {
	mu     sync.Mutex
	byText map[string]*pattern.Pattern
}

// maxExpansions is how many of them are remembered.
const maxExpansions = 4096

// expand puts the names in (PERM-13).
func (e *expansions) expand(p *pattern.Pattern, user, vhost string) *pattern.Pattern {
	if !strings.Contains(p.String(), "{username}") && !strings.Contains(p.String(), "{vhost}") {
		return p
	}
	text := strings.NewReplacer("{username}", user, "{vhost}", vhost).Replace(p.String())
	e.mu.Lock()
	defer e.mu.Unlock()
	expanded := e.byText[text]
	if expanded == nil {
		if e.byText == nil || len(e.byText) >= maxExpansions {
			e.byText = make(map[string]*pattern.Pattern)
		}
		expanded = pattern.Lazy(text)
		e.byText[text] = expanded
	}
	return expanded
}
