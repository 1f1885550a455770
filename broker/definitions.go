package broker

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/definitions"
)

// Definitions returns what the broker has, as RabbitMQ exports it (PERSIST-11 to
// PERSIST-16).
func (b *Broker) Definitions() *definitions.Document {
	d := &definitions.Document{Version: b.profile.Version}
	for _, u := range b.Users() {
		limits := u.Limits
		if limits == nil {
			limits = access.Limits{}
		}
		hash := u.PasswordHash
		d.Users = append(d.Users, definitions.User{
			Name: u.Name, PasswordHash: &hash, Hashing: string(u.Hashing), Tags: u.Tags, Limits: limits,
		})
	}
	for _, p := range b.Permissions("", "") {
		d.Permissions = append(d.Permissions, definitions.Permission{
			User: p.User, VHost: &p.VHost, Configure: p.Configure, Write: p.Write, Read: p.Read,
		})
	}
	for _, p := range b.TopicPermissions("", "") {
		d.TopicPermissions = append(d.TopicPermissions, definitions.TopicPermission{
			User: p.User, VHost: &p.VHost, Exchange: p.Exchange, Write: p.Write, Read: p.Read,
		})
	}
	for _, p := range b.GlobalParameters() {
		d.GlobalParameters = append(d.GlobalParameters, definitions.GlobalParameter{Name: p.Name, Value: p.Value})
	}
	for _, name := range b.VHosts() {
		v := b.vhost(name)
		if v == nil {
			continue
		}
		s := v.Settings()
		d.VHosts = append(d.VHosts, definitions.VHost{
			Name: name, Description: s.Description, Tags: s.Tags, DefaultQueueType: s.DefaultQueueType,
		})
		v.define(d, &v.vh.Name)
	}
	return d
}

// Definitions returns what the virtual host has, as RabbitMQ exports it (PERSIST-18).
func (v *VHost) Definitions() *definitions.Document {
	d := &definitions.Document{Version: v.b.profile.Version}
	v.define(d, nil)
	return d
}

// define adds what the virtual host has; name is that of the virtual host, or nil to
// leave it out.
func (v *VHost) define(d *definitions.Document, name *string) {
	for _, p := range v.Parameters("") {
		d.Parameters = append(d.Parameters, definitions.Parameter{
			Value: p.Value, VHost: name, Component: p.Component, Name: p.Name,
		})
	}
	for _, p := range v.Policies() {
		d.Policies = append(d.Policies, definitions.Policy{
			VHost: name, Name: p.Name, Pattern: p.Pattern, ApplyTo: p.ApplyTo, Definition: p.Definition, Priority: p.Priority,
		})
	}
	exchanges, queues, bindings := v.vh.List()
	for _, x := range exchanges {
		if !isSystemName(x.Name) && x.Name != "" { // PERSIST-16: predeclared exchanges are not exported
			d.Exchanges = append(d.Exchanges, definitions.Exchange{
				Name: x.Name, VHost: name, Type: x.Kind, Durable: x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal,
				Arguments: definitionArguments(x.Args),
			})
		}
	}
	exclusive := make(map[string]bool)
	for _, q := range queues {
		if q.Exclusive != nil {
			exclusive[q.Name] = true
			continue
		}
		d.Queues = append(d.Queues, definitions.Queue{
			Name: q.Name, VHost: name, Durable: q.Durable, AutoDelete: q.AutoDelete, Arguments: definitionArguments(q.Args),
		})
	}
	for _, b := range bindings {
		kind := "queue"
		if b.ToExchange {
			kind = "exchange"
		} else if exclusive[b.Destination] {
			continue
		}
		d.Bindings = append(d.Bindings, definitions.Binding{
			Source: b.Source, VHost: name, Destination: b.Destination, DestinationType: kind, RoutingKey: b.Key,
			Arguments: definitionArguments(b.Args),
		})
	}
}

// isSystemName reports whether a name is one of the broker's own.
func isSystemName(name string) bool { return len(name) >= 4 && name[:4] == "amq." }

// definitionArguments are arguments as JSON has them: without the types of AMQP.
func definitionArguments(t amqp.Table) definitions.Arguments {
	if len(t) == 0 {
		return nil
	}
	args := make(definitions.Arguments, len(t))
	for _, f := range t {
		args[f.Key] = definitionValue(f.Value)
	}
	return args
}

func definitionValue(v any) any {
	if n, ok := amqp.AsInt(v); ok {
		return n
	}
	switch v := v.(type) {
	case amqp.Table:
		return map[string]any(definitionArguments(v))
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = definitionValue(item)
		}
		return list
	case []byte:
		return string(v)
	}
	return v
}
