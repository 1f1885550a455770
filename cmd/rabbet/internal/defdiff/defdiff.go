// Package defdiff compares definitions: what importing a document into a broker would
// change.
package defdiff

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/definitions"
)

// A Change is the change of one object of the document.
type Change struct {
	Kind Kind
	// Object names it, such as queue "q" in vhost "/". Values are not part of it: they
	// may be secret.
	Object string
}

// A Kind is the kind of a change.
type Kind byte

const (
	// Create makes what is not there.
	Create Kind = '+'
	// Replace gives new values to what is there.
	Replace Kind = '~'
	// Keep leaves a queue, an exchange or a binding as it is, although the document has it
	// otherwise (PERSIST-17).
	Keep Kind = '='
)

// String is a line for people.
func (c Change) String() string {
	suffix := ""
	if c.Kind == Keep {
		suffix = " (differs, and stays as it is)"
	}
	return fmt.Sprintf("%c %s%s", c.Kind, c.Object, suffix)
}

// An object is one of a document, in a form that can be compared.
type object struct {
	name  string
	fixed bool // an import never changes it
	value string
}

// Compare returns what importing wanted would change where have is, in the order of the
// document.
func Compare(wanted, have *definitions.Document) []Change {
	there := map[string]string{}
	for _, o := range objects(have) {
		there[o.name] = o.value
	}
	var changes []Change
	for _, o := range objects(wanted) {
		value, exists := there[o.name]
		switch {
		case !exists:
			changes = append(changes, Change{Create, o.name})
		case value == o.value:
		case o.fixed:
			changes = append(changes, Change{Keep, o.name})
		default:
			changes = append(changes, Change{Replace, o.name})
		}
	}
	return changes
}

// objects are all of a document.
func objects(d *definitions.Document) []object {
	var list []object
	add := func(v any, fixed bool, format string, args ...any) {
		text, err := json.Marshal(v)
		if err != nil {
			text = fmt.Appendf(nil, "%#v", v) // It compares all the same.
		}
		list = append(list, object{fmt.Sprintf(format, args...), fixed, string(text)})
	}
	for _, v := range d.VHosts {
		v.Tags = sorted(v.Tags)
		add(v, false, "vhost %q", v.Name)
	}
	for _, u := range d.Users {
		u.Tags = sorted(u.Tags)
		if u.Limits == nil {
			u.Limits = access.Limits{}
		}
		add(u, false, "user %q", u.Name)
	}
	for _, p := range d.Permissions {
		add(p, false, "permissions of user %q%s", p.User, in(p.VHost))
	}
	for _, p := range d.TopicPermissions {
		add(p, false, "topic permissions of user %q on exchange %q%s", p.User, p.Exchange, in(p.VHost))
	}
	for _, p := range d.GlobalParameters {
		p.Value = compact(p.Value)
		add(p, false, "global parameter %q", p.Name)
	}
	for _, p := range d.Parameters {
		p.Value = compact(p.Value)
		add(p, false, "parameter %q of %s%s", p.Name, p.Component, in(p.VHost))
	}
	for _, p := range d.Policies {
		add(p, false, "policy %q%s", p.Name, in(p.VHost))
	}
	for _, q := range d.Queues {
		add(q, true, "queue %q%s", q.Name, in(q.VHost))
	}
	for _, x := range d.Exchanges {
		add(x, true, "exchange %q%s", x.Name, in(x.VHost))
	}
	for _, b := range d.Bindings {
		arguments, _ := json.Marshal(b.Arguments) // What cannot be written compares as nothing.
		add(nil, true, "binding of %s %q to exchange %q with key %q and arguments %s%s", b.DestinationType, b.Destination, b.Source, b.RoutingKey, arguments, in(b.VHost))
	}
	return list
}

// in names a virtual host; a document of one alone has none.
func in(vhost *string) string {
	if vhost == nil {
		return ""
	}
	return fmt.Sprintf(" in vhost %q", *vhost)
}

// sorted makes the order of tags not matter.
func sorted(tags []string) []string {
	tags = append([]string{}, tags...)
	slices.Sort(tags)
	return tags
}

// compact makes the order of keys and white space not matter.
func compact(value json.RawMessage) json.RawMessage {
	var v any
	d := json.NewDecoder(strings.NewReader(string(value)))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return value
	}
	text, err := json.Marshal(v)
	if err != nil {
		return value
	}
	return text
}
