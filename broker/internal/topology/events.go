package topology

import (
	"encoding/json"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/exchange"
)

// EventExchange is the exchange that events are published to, where there is one
// (EVENT-1).
const EventExchange = "amq.rabbitmq.event"

// InternalUser is who does what nobody has asked for, as RabbitMQ names it.
const InternalUser = "rmq-internal"

// performer is the header that names who has done it.
func performer(user string) amqp.Field {
	return amqp.Field{Key: "user_who_performed_action", Value: user}
}

// userOf is the name of an owner.
func userOf(o Owner) string {
	if o == nil {
		return InternalUser
	}
	user, _ := o.Actor()
	return user
}

// ArgumentTerms is how events show a table of arguments (EVENT-3).
func ArgumentTerms(t amqp.Table) amqp.Array {
	list := make(amqp.Array, len(t))
	for i, f := range t {
		text := amqp.FormatTerm(amqp.Table{f})
		list[i] = text[1 : len(text)-1]
	}
	return list
}

// JSONHeader is how events show a value that was JSON (EVENT-3).
func JSONHeader(raw json.RawMessage) any {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return ""
	}
	return valueHeader(v)
}

func valueHeader(v any) any {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	case map[string]any:
		return mapHeader(v)
	case []any:
		list := make(amqp.Array, len(v))
		for i, e := range v {
			list[i] = valueHeader(e)
		}
		return list
	}
	return v
}

func mapHeader(m map[string]any) amqp.Table {
	t := amqp.Table{}
	for key, v := range m {
		t = append(t, amqp.Field{Key: key, Value: valueHeader(v)})
	}
	return exchange.Sorted(t)
}

func (ns *names) tellQueueCreated(q *Queue, user string) {
	if e := &ns.env.Events; e.Wanted() {
		t := profile.QueueTypeOf(q.Args)
		headers := amqp.Table{
			{Key: "name", Value: q.Name}, {Key: "vhost", Value: ns.Name}, {Key: "durable", Value: q.Durable},
			{Key: "auto_delete", Value: q.AutoDelete}, {Key: "exclusive", Value: q.Exclusive != nil},
			{Key: "arguments", Value: ArgumentTerms(q.Args)}, {Key: "type", Value: t.Module}, performer(user),
		}
		if t == &profile.ClassicQueue { // others cannot have one
			owner := ""
			if q.Exclusive != nil {
				_, owner = q.Exclusive.Actor()
			}
			headers = append(headers, amqp.Field{Key: "owner_pid", Value: owner})
		}
		e.Tell("queue.created", headers)
	}
}

func (ns *names) tellQueueDeleted(q *Queue, user string) {
	if e := &ns.env.Events; e.Wanted() {
		e.Tell("queue.deleted", amqp.Table{
			{Key: "name", Value: q.Name}, {Key: "vhost", Value: ns.Name},
			{Key: "type", Value: profile.QueueTypeOf(q.Args).Module}, performer(user),
		})
	}
}

func (ns *names) tellExchangeDeleted(name, user string) {
	if e := &ns.env.Events; e.Wanted() {
		e.Tell("exchange.deleted", amqp.Table{{Key: "name", Value: name}, {Key: "vhost", Value: ns.Name}, performer(user)})
	}
}

// deletionParameter is what RabbitMQ keeps while it deletes an exchange; events show it.
const deletionParameter = "exchange-delete-in-progress"

func (ns *names) tellDeletion(key, name, user string) {
	var value any
	if key == "parameter.set" {
		value = true
	}
	ns.tellParameter(key, deletionParameter, name, value, user)
}

// tellParameter tells of a parameter that is set or cleared; one that is cleared has no
// value.
func (ns *names) tellParameter(key, component, name string, value any, user string) {
	if e := &ns.env.Events; e.Wanted() {
		t := amqp.Table{{Key: "component", Value: component}, {Key: "vhost", Value: ns.Name}, {Key: "name", Value: name}}
		if value != nil {
			t = append(t, amqp.Field{Key: "value", Value: value})
		}
		e.Tell(key, append(t, performer(user)))
	}
}

// tellBinding tells that a binding is created or deleted.
func (ns *names) tellBinding(key string, x *Exchange, b exchange.Binding[destination], user string) {
	if e := &ns.env.Events; e.Wanted() {
		name, kind := "", "queue"
		if b.Dest.queue != nil {
			name = b.Dest.queue.Name
		} else {
			name, kind = b.Dest.exchange.Name, "exchange"
		}
		e.Tell(key, amqp.Table{
			{Key: "source_name", Value: x.Name}, {Key: "source_kind", Value: "exchange"},
			{Key: "destination_name", Value: name}, {Key: "destination_kind", Value: kind},
			{Key: "routing_key", Value: b.Key}, {Key: "arguments", Value: ArgumentTerms(b.Args)}, {Key: "vhost", Value: ns.Name}, performer(user),
		})
	}
}
