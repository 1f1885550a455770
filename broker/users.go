package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"maps"
	"net"
	"sync"
)

// This file knows who may log in (CONN-15 to CONN-20) and to which virtual
// hosts (CONN-29).

// A user is one account. It is not changed once it is made.
type user struct {
	name         string
	hash         []byte // salt and SHA-256 (PERSIST-19); nil lets nobody in (CONN-20)
	impersonator bool   // may set any user-id (BASIC-5)
	vhosts       map[string]struct{}
}

// mayEnter reports whether the user has any permission in a virtual host.
func (u *user) mayEnter(vhost string) bool {
	_, ok := u.vhosts[vhost]
	return ok
}

// users is a broker's accounts.
type users struct {
	mu     sync.RWMutex
	byName map[string]*user
}

const saltSize = 4

// hashPassword is PERSIST-19: a salt of four bytes, then SHA-256 over salt and
// password.
func hashPassword(password string) []byte {
	if password == "" {
		return nil
	}
	salt := make([]byte, saltSize)
	rand.Read(salt)
	return digest(salt, password)
}

func digest(salt []byte, password string) []byte {
	sum := sha256.Sum256(append(salt[:saltSize:saltSize], password...))
	return append(salt[:saltSize:saltSize], sum[:]...)
}

// authenticate returns the user, or nil and why not.
func (b *Broker) authenticate(name, password string, from net.Addr) (*user, string) {
	b.users.mu.RLock()
	u := b.users.byName[name]
	b.users.mu.RUnlock()
	switch {
	case u == nil, u.hash == nil, password == "",
		subtle.ConstantTimeCompare(u.hash, digest(u.hash, password)) != 1:
		return nil, "invalid credentials"
	case name == "guest" && !b.cfg.GuestFromAnywhere && !isLoopback(from): // CONN-18
		return nil, "user '" + name + "' can only connect via localhost"
	}
	return u, ""
}

// isLoopback accepts loopback addresses and what is no network at all.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// addUser creates or replaces an account.
func (b *Broker) addUser(u *user) {
	b.users.mu.Lock()
	defer b.users.mu.Unlock()
	b.users.byName[u.name] = u
}

// allow gives a user access to a virtual host.
func (us *users) allow(name, vhost string) {
	us.mu.Lock()
	defer us.mu.Unlock()
	old := us.byName[name]
	u := *old
	u.vhosts = maps.Clone(old.vhosts)
	u.vhosts[vhost] = struct{}{}
	us.byName[name] = &u
}
