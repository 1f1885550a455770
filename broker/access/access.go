// Package access says who a client is and what it may do: users, permissions, and
// the interface of whatever decides about them.
//
// A broker keeps users of its own, as RabbitMQ does. A program that has users already
// gives it an Authenticator instead.
package access

import (
	"context"
	"errors"
	"net"
	"slices"
)

// An Authenticator decides who may log in and what they may do. Its methods are called
// from many goroutines at once. They may wait, for a server say, but only the one
// connection that asks waits with them; ctx ends with the broker.
//
// Each method but Login returns nil for yes and ErrRefused for no. Any other error is a
// failure: it refuses as well, and its text goes to the log and to the client.
type Authenticator interface {
	// Login checks credentials. What it returns stands for the client from then on. An
	// error that is not a *LoginError is a failure; the client is told neither.
	Login(ctx context.Context, c Credentials) (Identity, error)
	// EnterVHost is asked when a connection opens a virtual host that exists.
	EnterVHost(ctx context.Context, id Identity, vhost string, peer net.Addr) error
	// UseResource is asked before a queue or an exchange is used. Connections remember a
	// yes for some seconds.
	UseResource(ctx context.Context, id Identity, r Resource, op Operation) error
	// UseTopic is asked before a routing key is used to publish (Write) to a topic
	// exchange or to bind (Read) something to it.
	UseTopic(ctx context.Context, id Identity, exchange Resource, key string, op Operation) error
}

// ErrRefused is the answer no.
var ErrRefused = errors.New("refused")

// Credentials are what a client logs in with.
type Credentials struct {
	User, Password string
	// Checked says that the client has proved already who it is: by a certificate, with
	// the mechanism EXTERNAL, or to another Authenticator of a Chain.
	Checked bool
	// Mechanism is the SASL mechanism, or "" for a login over HTTP.
	Mechanism string
	// Peer is the client's address; nil if there is none.
	Peer net.Addr
	// VHost is the virtual host that an HTTP request names, or "".
	VHost string
}

// An Identity is a client that has logged in.
type Identity struct {
	User string
	// Tags are administrator, monitoring, policymaker, management, impersonator, or
	// any others.
	Tags []string
	// Backend is whatever an Authenticator wants to find again; the broker hands it on.
	Backend any
}

// Tags that mean something to a broker.
const (
	Administrator = "administrator"
	Impersonator  = "impersonator" // may set any user-id (BASIC-5)
)

// HasTag reports whether the client's user has a tag.
func (id *Identity) HasTag(tag string) bool { return slices.Contains(id.Tags, tag) }

// A Resource is a queue or an exchange.
type Resource struct {
	VHost string
	Kind  Kind
	// Name is the name; that of the default exchange is DefaultExchange.
	Name string
}

// Kind is what a Resource is.
type Kind string

// The kinds of resources.
const (
	Queue    Kind = "queue"
	Exchange Kind = "exchange"
)

// DefaultExchange is the default exchange's name where permissions are concerned
// (PERM-9).
const DefaultExchange = "amq.default"

// Operation is what is done with a Resource.
type Operation string

// The operations.
const (
	Configure Operation = "configure"
	Write     Operation = "write"
	Read      Operation = "read"
)

// A LoginError is a refused login.
type LoginError struct {
	User string
	// Reason is what the log says of it.
	Reason string
	// Loopback says that the credentials are right, and the user may log in from this
	// machine only.
	Loopback bool
}

// Error is the reason.
func (e *LoginError) Error() string { return e.Reason }
