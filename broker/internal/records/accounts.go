package records

import (
	"encoding/json"

	"github.com/rabbetmq/rabbet/broker/access"
)

// User is an account.
type User struct {
	Name, Hash Text
	Hashing    access.Hashing
	Tags       []Text        `json:",omitempty"`
	Limits     access.Limits `json:",omitempty"`
}

// Permission lets a user into a virtual host (PERM-1).
type Permission struct{ User, VHost, Configure, Write, Read Text }

// TopicPermission restricts the routing keys of a topic exchange (PERM-11).
type TopicPermission struct{ User, VHost, Exchange, Write, Read Text }

// Parameter is a value of a component in a virtual host, among them the limits.
type Parameter struct {
	VHost, Component, Name Text
	Value                  json.RawMessage
}

// GlobalParameter is a value that belongs to no virtual host.
type GlobalParameter struct {
	Name  Text
	Value json.RawMessage
}

// Kind is KindUser.
func (*User) Kind() Kind                  { return KindUser }
func (d *User) names() ([]string, string) { return []string{string(d.Name)}, "" }
func (d *User) validate() error {
	_, err := access.ParseHashing(string(d.Hashing))
	return err
}

// Kind is KindPermission.
func (*Permission) Kind() Kind { return KindPermission }
func (d *Permission) names() ([]string, string) {
	return []string{string(d.User), string(d.VHost)}, ""
}
func (*Permission) validate() error { return nil }

// Kind is KindTopicPermission.
func (*TopicPermission) Kind() Kind { return KindTopicPermission }
func (d *TopicPermission) names() ([]string, string) {
	return []string{string(d.User), string(d.VHost), string(d.Exchange)}, ""
}
func (*TopicPermission) validate() error { return nil }

// Kind is KindParameter.
func (*Parameter) Kind() Kind { return KindParameter }
func (d *Parameter) names() ([]string, string) {
	return []string{string(d.VHost), string(d.Component), string(d.Name)}, ""
}
func (*Parameter) validate() error { return nil }

// Kind is KindGlobalParameter.
func (*GlobalParameter) Kind() Kind                  { return KindGlobalParameter }
func (d *GlobalParameter) names() ([]string, string) { return []string{string(d.Name)}, "" }
func (*GlobalParameter) validate() error             { return nil }
