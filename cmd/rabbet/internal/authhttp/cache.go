package authhttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/delay"
)

// maxCached bounds how many answers are kept. Beyond it those that are over go, and if
// none is, all do.
const maxCached = 100_000

// A Cache remembers the answers of another authenticator for a while. Failures it never
// keeps (AUTHHTTP-24).
type Cache struct {
	next     access.Authenticator
	ttl      time.Duration
	refusals bool
	clock    delay.Clock

	mu      sync.Mutex
	answers map[string]cached
}

type cached struct {
	until time.Time
	id    access.Identity
	err   error // a refusal
}

// NewCache returns a Cache whose answers live for ttl; refusals are kept if they are
// asked for. Use does not make an answer live longer.
func NewCache(next access.Authenticator, ttl time.Duration, refusals bool, clock delay.Clock) *Cache {
	return &Cache{next: next, ttl: ttl, refusals: refusals, clock: clock, answers: map[string]cached{}}
}

// ask returns the answer that is kept for a question, or asks. The key is the whole
// question (AUTHHTTP-23: another password asks again).
func (c *Cache) ask(question string, ask func() (access.Identity, error)) (access.Identity, error) {
	now := c.clock.Now()
	c.mu.Lock()
	known, ok := c.answers[question]
	c.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.id, known.err
	}
	id, err := ask()
	if err != nil && (!c.refusals || !isRefusal(err)) {
		return id, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) >= maxCached {
		c.shrink(now)
	}
	c.answers[question] = cached{now.Add(c.ttl), id, err}
	return id, err
}

// shrink drops what is over, or everything.
func (c *Cache) shrink(now time.Time) {
	for question, answer := range c.answers {
		if !now.Before(answer.until) {
			delete(c.answers, question)
		}
	}
	if len(c.answers) >= maxCached {
		clear(c.answers)
	}
}

// isRefusal reports whether an error is a no.
func isRefusal(err error) bool {
	no := (*access.LoginError)(nil)
	return errors.Is(err, access.ErrRefused) || errors.As(err, &no)
}

// Login implements access.Authenticator.
func (c *Cache) Login(ctx context.Context, creds access.Credentials) (access.Identity, error) {
	question := fmt.Sprintf("login %q %q %t %q", creds.User, creds.Password, creds.Checked, creds.VHost)
	return c.ask(question, func() (access.Identity, error) { return c.next.Login(ctx, creds) })
}

// EnterVHost implements access.Authenticator.
func (c *Cache) EnterVHost(ctx context.Context, id access.Identity, vhost string, peer net.Addr) error {
	host := ""
	if peer != nil {
		host, _, _ = net.SplitHostPort(peer.String())
	}
	return c.permitted(fmt.Sprintf("vhost %q %q %q", id.User, vhost, host), func() error { return c.next.EnterVHost(ctx, id, vhost, peer) })
}

// UseResource implements access.Authenticator.
func (c *Cache) UseResource(ctx context.Context, id access.Identity, r access.Resource, op access.Operation) error {
	return c.permitted(fmt.Sprintf("resource %q %q %q", id.User, r, op), func() error { return c.next.UseResource(ctx, id, r, op) })
}

// UseTopic implements access.Authenticator.
func (c *Cache) UseTopic(ctx context.Context, id access.Identity, exchange access.Resource, key string, op access.Operation) error {
	return c.permitted(fmt.Sprintf("topic %q %q %q %q", id.User, exchange, key, op), func() error { return c.next.UseTopic(ctx, id, exchange, key, op) })
}

func (c *Cache) permitted(question string, ask func() error) error {
	_, err := c.ask(question, func() (access.Identity, error) { return access.Identity{}, ask() })
	return err
}
