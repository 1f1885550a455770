package inprocess

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/conformance"
)

// admin is the suite's Admin over the broker's Go API.
type admin struct{ *Broker }

// in calls f with a virtual host. A refusal comes back as the HTTP API states it.
func (a admin) in(vhost string, f func(*broker.VHost) error) error {
	v, err := a.current().VHost(vhost)
	if err != nil {
		return &conformance.AdminError{Status: http.StatusNotFound, Reason: "vhost_not_found"}
	}
	return refused(f(v))
}

func policy(p conformance.Policy) broker.Policy {
	return broker.Policy{Name: p.Name, Pattern: p.Pattern, ApplyTo: p.ApplyTo, Priority: p.Priority, Definition: p.Definition}
}

func (a admin) PutPolicy(_ context.Context, vhost string, p conformance.Policy) error {
	return a.in(vhost, func(v *broker.VHost) error { return v.SetPolicy(policy(p)) })
}

func (a admin) PutOperatorPolicy(_ context.Context, vhost string, p conformance.Policy) error {
	return a.in(vhost, func(v *broker.VHost) error { return v.SetOperatorPolicy(policy(p)) })
}

func (a admin) DeletePolicy(_ context.Context, vhost, name string) error {
	return a.in(vhost, func(v *broker.VHost) error { v.DeletePolicy(name); return nil })
}

func (a admin) DeleteOperatorPolicy(_ context.Context, vhost, name string) error {
	return a.in(vhost, func(v *broker.VHost) error { v.DeleteOperatorPolicy(name); return nil })
}

func (a admin) SetTracing(_ context.Context, vhost string, on bool) error {
	return a.in(vhost, func(v *broker.VHost) error {
		s := v.Settings()
		s.Tracing = on
		return v.SetSettings(s)
	})
}

// refused gives an error as the HTTP API states it.
func refused(err error) error {
	refusal := (*broker.Error)(nil)
	switch {
	case errors.As(err, &refusal):
		return &conformance.AdminError{Status: http.StatusBadRequest, Reason: refusal.Text}
	case errors.Is(err, broker.ErrNoUser), errors.Is(err, broker.ErrNoVHost):
		return &conformance.AdminError{Status: http.StatusBadRequest, Reason: "vhost_or_user_not_found"}
	}
	return err
}

func (a admin) CreateVHost(_ context.Context, name, user string) error {
	b := a.current()
	if _, err := b.CreateVHost(name, broker.VHostSettings{}); err != nil {
		return refused(err)
	}
	return refused(b.SetPermission(access.Permission{User: user, VHost: name, Configure: ".*", Write: ".*", Read: ".*"}))
}

func (a admin) DeleteVHost(_ context.Context, name string) error {
	_, err := a.current().DeleteVHost(name)
	return refused(err)
}

func (a admin) CreateUser(_ context.Context, name, password string) error {
	b := a.current()
	hash, by, err := b.HashPassword(name, password)
	if err != nil {
		return refused(err)
	}
	return refused(b.SetUser(access.User{Name: name, PasswordHash: hash, Hashing: by}))
}

func (a admin) DeleteUser(_ context.Context, name string) error {
	a.current().DeleteUser(name)
	return nil
}

func (a admin) SetPermissions(_ context.Context, vhost, user string, p conformance.Permissions) error {
	return refused(a.current().SetPermission(access.Permission{
		User: user, VHost: vhost, Configure: p.Configure, Write: p.Write, Read: p.Read,
	}))
}

func (a admin) SetTopicPermissions(_ context.Context, vhost, user, exchange, write, read string) error {
	return refused(a.current().SetTopicPermission(access.TopicPermission{
		User: user, VHost: vhost, Exchange: exchange, Write: write, Read: read,
	}))
}

func (a admin) SetTags(_ context.Context, user, tags string) error {
	b := a.current()
	u, ok := b.User(user)
	if !ok {
		return refused(broker.ErrNoUser)
	}
	u.Tags = strings.Split(tags, ",")
	return refused(b.SetUser(u))
}

func (a admin) SetVHostLimit(_ context.Context, vhost, limit string, n int) error {
	return a.in(vhost, func(v *broker.VHost) error { return v.SetLimits(access.Limits{limit: n}) })
}

func (a admin) SetUserLimit(_ context.Context, user, limit string, n int) error {
	return refused(a.current().SetUserLimits(user, access.Limits{limit: n}))
}
