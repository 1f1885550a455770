package access

import (
	"context"
	"errors"
	"net"
)

// A Stage of a Chain is the authenticator that checks credentials, and the one that is
// asked for everything else, or nil where that is the same.
type Stage struct{ Authentication, Authorization Authenticator }

func (s Stage) authorization() Authenticator {
	if s.Authorization == nil {
		return s.Authentication
	}
	return s.Authorization
}

// Chain asks one stage after another to log a client in. The first that does is asked
// from then on about that client; a refusal and a failure make the next be asked
// (AUTHHTTP-19). Where a stage has two authenticators the second must know the user as
// well; the tags are the first's (AUTHHTTP-20).
func Chain(stages ...Stage) Authenticator { return chain(stages) }

type chain []Stage

// chained is the Backend of an Identity of a chain.
type chained struct {
	by      Authenticator
	backend any
}

func (c chain) Login(ctx context.Context, creds Credentials) (Identity, error) {
	last := errors.New("no authenticator is configured")
	for _, s := range c {
		id, err := s.login(ctx, creds)
		if err == nil {
			return id, nil
		}
		last = err
	}
	return Identity{}, last
}

func (s Stage) login(ctx context.Context, creds Credentials) (Identity, error) {
	id, err := s.Authentication.Login(ctx, creds)
	if err != nil {
		return Identity{}, err
	}
	backend := id.Backend
	if s.Authorization != nil {
		creds.Checked = true
		known, err := s.Authorization.Login(ctx, creds)
		if err != nil {
			return Identity{}, err
		}
		backend = known.Backend
	}
	id.Backend = chained{s.authorization(), backend}
	return id, nil
}

// of is the authenticator that a client belongs to, and the client as that knows it.
func (c chain) of(id Identity) (Authenticator, Identity) {
	link, ok := id.Backend.(chained)
	if !ok {
		return c[0].authorization(), id
	}
	id.Backend = link.backend
	return link.by, id
}

func (c chain) EnterVHost(ctx context.Context, id Identity, vhost string, peer net.Addr) error {
	by, id := c.of(id)
	return by.EnterVHost(ctx, id, vhost, peer)
}

func (c chain) UseResource(ctx context.Context, id Identity, r Resource, op Operation) error {
	by, id := c.of(id)
	return by.UseResource(ctx, id, r, op)
}

func (c chain) UseTopic(ctx context.Context, id Identity, exchange Resource, key string, op Operation) error {
	by, id := c.of(id)
	return by.UseTopic(ctx, id, exchange, key, op)
}
