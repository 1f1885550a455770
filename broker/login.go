package broker

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
)

// Login checks credentials as at a client's login, and whether the user may log in from
// where it is (CONN-15 to CONN-20). The error is a *access.LoginError for a refusal, or
// what the Authenticator has failed with.
func (b *node) Login(ctx context.Context, c access.Credentials) (access.Identity, error) {
	id, err := b.auth.Login(ctx, c)
	if err != nil {
		return access.Identity{}, err
	}
	if !isLoopback(c.Peer) && b.cfg.onLoopbackOnly(id.User) { // CONN-18: guest logs in from this machine only
		return access.Identity{}, &access.LoginError{
			User: id.User, Loopback: true, Reason: "user '" + id.User + "' can only connect via localhost",
		}
	}
	return id, nil
}

// onLoopbackOnly reports whether a user may log in from this machine only (CONN-18).
func (cfg *Config) onLoopbackOnly(user string) bool {
	if cfg.LoopbackUsers == nil {
		return user == "guest" && !cfg.GuestFromAnywhere
	}
	return slices.Contains(cfg.LoopbackUsers, user)
}

// isLoopback accepts loopback addresses and what is no network at all.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// MayEnter returns nil if a client may open a virtual host, or RabbitMQ's refusal
// (CONN-29).
func (b *node) MayEnter(ctx context.Context, id access.Identity, vhost string, peer net.Addr) error {
	return denial(b.auth.EnterVHost(ctx, id, vhost, peer), amqp.NotAllowed,
		"access to vhost '"+vhost+"' refused for user '"+id.User+"'")
}

// MayUse returns nil if a client may use a queue or an exchange, or RabbitMQ's refusal
// (PERM-1).
func (b *node) MayUse(ctx context.Context, id access.Identity, r access.Resource, op access.Operation) error {
	err := b.auth.UseResource(ctx, id, r, op)
	if err == nil {
		return nil
	}
	resource := refusal.QueueText(r.Name, r.VHost)
	if r.Kind == access.Exchange {
		resource = refusal.ExchangeText(r.Name, r.VHost)
	}
	return denial(err, amqp.AccessRefused, string(op)+" access to "+resource+" refused for user '"+id.User+"'")
}

// MayUseTopic returns nil if a client may use a routing key with a topic exchange, or
// RabbitMQ's refusal (PERM-12).
func (b *node) MayUseTopic(ctx context.Context, id access.Identity, x access.Resource, key string, op access.Operation) error {
	err := b.auth.UseTopic(ctx, id, x, key, op)
	if err == nil {
		return nil
	}
	return denial(err, amqp.AccessRefused,
		string(op)+" access to topic '"+key+"' in "+refusal.ExchangeText(x.Name, x.VHost)+" refused for user '"+id.User+"'")
}

// denial is what a client is told of a no, or of a failure to decide (AUTHHTTP-10,
// AUTHHTTP-11).
func denial(err error, code amqp.ReplyCode, text string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, access.ErrRefused):
		return amqp.Errorf(code, "%s", text)
	}
	return amqp.Errorf(code, "%s, backend %s", text, err)
}

// decisions is what is known of answers that connections remember.
type decisions struct {
	foreign    bool // the Authenticator is not the broker's own
	generation atomic.Uint64
	expiring   atomic.Bool // a timer runs that makes connections forget
}

// decisionLife is how long connections remember answers of an Authenticator that is not
// the broker's own.
const decisionLife = 15 * time.Second

// expire makes connections forget in a while.
func (d *decisions) expire(b *node) {
	if d.expiring.CompareAndSwap(false, true) {
		b.clock.AfterFunc(decisionLife, func() {
			d.expiring.Store(false)
			b.ForgetDecisions()
		})
	}
}

// ForgetDecisions makes connections ask the Authenticator anew about everything that
// they do from now on. It is for an Authenticator whose answers have changed; without it
// they do so within 15 seconds. Changes of the broker's own users need no such call.
func (b *node) ForgetDecisions() {
	b.decisions.generation.Add(1)
	b.env.Outdate() // routes remember that they may be used
}

// LoginCount counts logins over AMQP.
type LoginCount struct{ Succeeded, Failed uint64 }

// loginCounts are a LoginCount that grows.
type loginCounts struct{ succeeded, failed atomic.Uint64 }

// Logins counts the logins since the broker's start or ResetLogins.
func (n *loginCounts) Logins() LoginCount {
	return LoginCount{n.succeeded.Load(), n.failed.Load()}
}

// ResetLogins begins to count logins anew.
func (n *loginCounts) ResetLogins() {
	n.succeeded.Store(0)
	n.failed.Store(0)
}
