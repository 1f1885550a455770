package inprocess

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/conformance"
)

// This file is the suite's Admin over the broker's Go API.

type admin struct{ *Broker }

// in calls f with a virtual host. A refusal comes back as the HTTP API states it.
func (a admin) in(vhost string, f func(*broker.VHost) error) error {
	v, err := a.current().VHost(vhost)
	if err != nil {
		return &conformance.AdminError{Status: http.StatusNotFound, Reason: "vhost_not_found"}
	}
	err = f(v)
	if refusal := (*broker.Error)(nil); errors.As(err, &refusal) {
		return &conformance.AdminError{Status: http.StatusBadRequest, Reason: refusal.Text}
	}
	return err
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

// CreateVHost lets the broker's one user in, whatever user says.
func (a admin) CreateVHost(_ context.Context, name, user string) error {
	a.current().AddVHost(name)
	return nil
}

func notOffered(what string) error {
	return fmt.Errorf("%s: %w by Rabbet", what, conformance.ErrNotOffered)
}

func (a admin) DeleteVHost(context.Context, string) error {
	return notOffered("deletion of virtual hosts")
}
func (a admin) CreateUser(context.Context, string, string) error { return notOffered("users") }
func (a admin) DeleteUser(context.Context, string) error         { return notOffered("users") }
func (a admin) SetPermissions(context.Context, string, string, conformance.Permissions) error {
	return notOffered("permissions")
}
