package definitions

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"slices"
)

// Encode writes the document: sections in RabbitMQ's order, each sorted, one object a
// line, so that two documents can be compared as text. Single says that it is of a single
// virtual host.
func (d *Document) Encode(w io.Writer, single bool) error {
	d.sort()
	e := encoder{w: bufio.NewWriterSize(w, 64<<10)}
	e.json = json.NewEncoder(&e.buf)
	e.json.SetEscapeHTML(false)
	e.raw("{")
	e.field("rabbit_version", d.Version)
	if !single {
		e.field("rabbitmq_version", d.Version)
		e.field("product_name", "RabbitMQ")
		e.field("product_version", d.Version)
		e.field("rabbitmq_definition_format", "cluster")
		list(&e, "users", d.Users)
		list(&e, "vhosts", d.VHosts)
		list(&e, "permissions", d.Permissions)
		list(&e, "topic_permissions", d.TopicPermissions)
	}
	list(&e, "parameters", d.Parameters)
	if !single {
		list(&e, "global_parameters", d.GlobalParameters)
	}
	list(&e, "policies", d.Policies)
	list(&e, "queues", d.Queues)
	list(&e, "exchanges", d.Exchanges)
	list(&e, "bindings", d.Bindings)
	e.raw("\n}\n")
	return cmp.Or(e.err, e.w.Flush())
}

// An encoder writes until the first error.
type encoder struct {
	w      *bufio.Writer
	buf    bytes.Buffer // of one value
	json   *json.Encoder
	fields int
	err    error
}

func (e *encoder) raw(s string) {
	if e.err == nil {
		_, e.err = e.w.WriteString(s)
	}
}

func (e *encoder) value(v any) {
	e.buf.Reset()
	e.err = cmp.Or(e.err, e.json.Encode(v))
	if e.err == nil {
		_, e.err = e.w.Write(bytes.TrimRight(e.buf.Bytes(), "\n"))
	}
}

func (e *encoder) key(name string) {
	if e.fields++; e.fields > 1 {
		e.raw(",")
	}
	e.raw("\n \"" + name + "\": ")
}

func (e *encoder) field(name, value string) {
	e.key(name)
	e.value(value)
}

func list[T any](e *encoder, name string, list []T) {
	e.key(name)
	e.raw("[")
	for i := range list {
		if i > 0 {
			e.raw(",")
		}
		e.raw("\n  ")
		e.value(&list[i])
	}
	e.raw("]")
}

// sort brings the document into its order.
func (d *Document) sort() {
	slices.SortFunc(d.Users, func(a, b User) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(d.VHosts, func(a, b VHost) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(d.Permissions, func(a, b Permission) int {
		return cmp.Or(cmp.Compare(a.User, b.User), byName(a.VHost, b.VHost))
	})
	slices.SortFunc(d.TopicPermissions, func(a, b TopicPermission) int {
		return cmp.Or(cmp.Compare(a.User, b.User), byName(a.VHost, b.VHost), cmp.Compare(a.Exchange, b.Exchange))
	})
	slices.SortFunc(d.Parameters, func(a, b Parameter) int {
		return cmp.Or(byName(a.VHost, b.VHost), cmp.Compare(a.Component, b.Component), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(d.GlobalParameters, func(a, b GlobalParameter) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(d.Policies, func(a, b Policy) int { return cmp.Or(byName(a.VHost, b.VHost), cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(d.Queues, func(a, b Queue) int { return cmp.Or(byName(a.VHost, b.VHost), cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(d.Exchanges, func(a, b Exchange) int {
		return cmp.Or(byName(a.VHost, b.VHost), cmp.Compare(a.Name, b.Name))
	})
	slices.SortStableFunc(d.Bindings, func(a, b Binding) int {
		return cmp.Or(byName(a.VHost, b.VHost), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Destination, b.Destination),
			cmp.Compare(a.DestinationType, b.DestinationType), cmp.Compare(a.RoutingKey, b.RoutingKey))
	})
}

func byName(a, b *string) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}
