// What scripts ask of a broker beyond AMQP: the seam Admin, what goes through it,
// and how it refuses. httpadmin.go speaks RabbitMQ's management API.

package scripts

import (
	"context"
	"errors"
	"fmt"
)

// Admin changes what AMQP cannot. A method that the broker lacks returns
// an error that is ErrNotOffered; a refusal is an *AdminError. All that a method
// does is in effect, or under way ahead of anything that is sent to the broker
// later, when it returns.
type Admin interface {
	// PutPolicy creates or replaces a policy, and PutOperatorPolicy an
	// operator policy.
	PutPolicy(ctx context.Context, vhost string, p Policy) error
	PutOperatorPolicy(ctx context.Context, vhost string, p Policy) error
	// DeletePolicy and DeleteOperatorPolicy remove one; that it is not there is
	// no error.
	DeletePolicy(ctx context.Context, vhost, name string) error
	DeleteOperatorPolicy(ctx context.Context, vhost, name string) error
	// CreateVHost creates a virtual host in which the user may do everything.
	// DeleteVHost removes it with all that is in it.
	CreateVHost(ctx context.Context, name, user string) error
	DeleteVHost(ctx context.Context, name string) error
	// SetTracing switches the firehose of a virtual host on or off.
	SetTracing(ctx context.Context, vhost string, on bool) error
	// CreateUser creates a user without tags, and DeleteUser removes one.
	CreateUser(ctx context.Context, name, password string) error
	DeleteUser(ctx context.Context, name string) error
	// SetPermissions lets a user into a virtual host.
	SetPermissions(ctx context.Context, vhost, user string, p Permissions) error
	// SetTopicPermissions says which routing keys a user may publish to a topic exchange,
	// and which bind to it.
	SetTopicPermissions(ctx context.Context, vhost, user, exchange, write, read string) error
	// SetTags gives a user these tags, separated by commas, and no others.
	SetTags(ctx context.Context, user, tags string) error
	// SetVHostLimit and SetUserLimit set one limit, such as max-connections; a negative
	// one is no limit.
	SetVHostLimit(ctx context.Context, vhost, limit string, n int) error
	SetUserLimit(ctx context.Context, user, limit string, n int) error
}

// Policy is a policy or an operator policy.
type Policy struct {
	// Name is what it is called; T.Policy makes one up if it is empty.
	Name string
	// Pattern is the expression that names must match, not anchored. T.Policy
	// takes T.OwnNames if it is empty.
	Pattern string
	// ApplyTo is "all" if empty, "queues", "exchanges", or, from 3.12 on,
	// "classic_queues", "quorum_queues" or "streams" (POLICY-1).
	ApplyTo string
	// Priority decides between policies that match the same name: the highest
	// applies (POLICY-2).
	Priority int
	// Definition holds the settings by RabbitMQ's keys, such as message-ttl.
	Definition map[string]any
}

// Permissions are the expressions that names of resources must match for a user
// to configure, write and read them (PERM-1).
type Permissions struct{ Configure, Write, Read string }

// ErrNotOffered is returned by an Admin for what its broker lacks.
var ErrNotOffered = errors.New("not offered")

// AdminError is a refusal.
type AdminError struct {
	Status int    // of HTTP, such as 400; an Admin that does not speak HTTP says what RabbitMQ would
	Reason string // in words, not escaped for HTML
}

// Error is the status and the reason.
func (e *AdminError) Error() string { return fmt.Sprintf("%d: %s", e.Status, e.Reason) }
