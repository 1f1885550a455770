// Package definitions reads and writes RabbitMQ's definitions: what a broker has, apart
// from messages and connections, as one JSON document.
//
// Decode takes what any RabbitMQ from 3.8 to 4.3 has exported, whole or of a single
// virtual host, by HTTP or by rabbitmqctl. Encode writes what all of them can import.
package definitions

import (
	"encoding/json"
	"strings"

	"github.com/rabbetmq/rabbet/broker/access"
)

// A Document is what a broker has, or one virtual host: then VHosts, Users and permissions
// are empty, and so are all VHost fields.
type Document struct {
	// Version is the version of RabbitMQ that the document is from, or "".
	Version          string
	Users            []User
	VHosts           []VHost
	Permissions      []Permission
	TopicPermissions []TopicPermission
	Parameters       []Parameter
	GlobalParameters []GlobalParameter
	Policies         []Policy
	Queues           []Queue
	Exchanges        []Exchange
	Bindings         []Binding
}

// A User is an account (PERSIST-12). A document made by hand may have Password instead of
// a hash.
type User struct {
	Name         string        `json:"name"`
	PasswordHash *string       `json:"password_hash,omitempty"`
	Password     *string       `json:"password,omitempty"`
	Hashing      string        `json:"hashing_algorithm,omitempty"`
	Tags         Tags          `json:"tags"`
	Limits       access.Limits `json:"limits"`
}

// A VHost is a virtual host (PERSIST-13).
type VHost struct {
	Name             string
	Description      string
	Tags             Tags
	DefaultQueueType string
	Tracing          bool
	// Limits are those of rabbitmqctl's export; others have them as a parameter.
	Limits access.Limits
}

// A Permission is what a user may do in a virtual host.
type Permission struct {
	User      string  `json:"user"`
	VHost     *string `json:"vhost,omitempty"`
	Configure string  `json:"configure"`
	Write     string  `json:"write"`
	Read      string  `json:"read"`
}

// A TopicPermission is which routing keys a user may use with an exchange.
type TopicPermission struct {
	User     string  `json:"user"`
	VHost    *string `json:"vhost,omitempty"`
	Exchange string  `json:"exchange"`
	Write    string  `json:"write"`
	Read     string  `json:"read"`
}

// A Parameter is a value of a component: limits, operator policies, shovels (PERSIST-14).
type Parameter struct {
	Value     json.RawMessage `json:"value"`
	VHost     *string         `json:"vhost,omitempty"`
	Component string          `json:"component"`
	Name      string          `json:"name"`
}

// A GlobalParameter is a value that belongs to no virtual host.
type GlobalParameter struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// A Policy is a policy (PERSIST-15). Operator policies are parameters.
type Policy struct {
	VHost      *string        `json:"vhost,omitempty"`
	Name       string         `json:"name"`
	Pattern    string         `json:"pattern"`
	ApplyTo    string         `json:"apply-to"`
	Definition map[string]any `json:"definition"`
	Priority   int            `json:"priority"`
}

// A Queue is a queue.
type Queue struct {
	Name       string    `json:"name"`
	VHost      *string   `json:"vhost,omitempty"`
	Durable    bool      `json:"durable"`
	AutoDelete bool      `json:"auto_delete"`
	Arguments  Arguments `json:"arguments"`
}

// An Exchange is an exchange.
type Exchange struct {
	Name       string    `json:"name"`
	VHost      *string   `json:"vhost,omitempty"`
	Type       string    `json:"type"`
	Durable    bool      `json:"durable"`
	AutoDelete bool      `json:"auto_delete"`
	Internal   bool      `json:"internal"`
	Arguments  Arguments `json:"arguments"`
}

// A Binding leads from an exchange to a queue or an exchange.
type Binding struct {
	Source          string    `json:"source"`
	VHost           *string   `json:"vhost,omitempty"`
	Destination     string    `json:"destination"`
	DestinationType string    `json:"destination_type"` // queue or exchange
	RoutingKey      string    `json:"routing_key"`
	Arguments       Arguments `json:"arguments"`
}

// Tags are a list of texts; in JSON also one text with commas.
type Tags []string

// Arguments are the arguments of a queue, an exchange or a binding. Whole numbers are
// int64, others float64.
type Arguments map[string]any

// DefaultHashing is how passwords are hashed of users that do not say so: by MD5 in
// documents from before RabbitMQ 3.6.
func (d *Document) DefaultHashing() access.Hashing {
	for _, old := range []string{"3.0.", "3.1.", "3.2.", "3.3.", "3.4.", "3.5."} {
		if strings.HasPrefix(d.Version, old) {
			return access.MD5
		}
	}
	return access.SHA256
}

// In returns a pointer to the name of a virtual host, as the fields VHost have it.
func In(vhost string) *string { return &vhost }
