package topology

import (
	"encoding/json"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/exchange"
)

// EventExchange is the exchange that events are published to, where there is one
// (EVENT-1).
const EventExchange = "amq.rabbitmq.event"

// InternalUser is who does what nobody has asked for, as RabbitMQ names it.
const InternalUser = "rmq-internal"

// Events are what happens to the objects of all virtual hosts, told as it happens
// (EVENT-4). Without a listener it costs a look.
type Events struct {
	// Sink gets each event in the order of happening. It is called under locks: it must
	// not block, nor call back.
	Sink func(Event)

	wanted atomic.Bool
}

// An Event is a message of the event exchange but for its time.
type Event struct {
	Key     string
	Headers amqp.Table
}

// Wanted reports whether anything is bound to the event exchange (EVENT-2).
func (e *Events) Wanted() bool { return e.wanted.Load() }

// Tell tells an event. Callers look whether it is wanted before they make its headers.
func (e *Events) Tell(key string, headers amqp.Table) { e.Sink(Event{key, headers}) }

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

// tellExchangeCreated is called with the lock held.
func (vh *VHost) tellExchangeCreated(x *Exchange, user string) {
	if e := &vh.env.Events; e.Wanted() {
		policy := ""
		if r := vh.user.match(x.Name, "exchanges", nil); r != nil {
			policy = r.Name
		}
		e.Tell("exchange.created", amqp.Table{
			{Key: "name", Value: x.Name}, {Key: "vhost", Value: vh.Name}, {Key: "type", Value: x.Kind},
			{Key: "durable", Value: x.Durable}, {Key: "auto_delete", Value: x.AutoDelete}, {Key: "internal", Value: x.Internal},
			{Key: "arguments", Value: ArgumentTerms(x.Args)}, {Key: "policy", Value: policy}, performer(user),
		})
	}
}

// TellCreated tells of a virtual host that has been made, and of its exchanges.
func (vh *VHost) TellCreated(node string) {
	if !vh.env.Events.Wanted() {
		return
	}
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	for _, p := range predeclared {
		vh.tellExchangeCreated(vh.exchanges[p.name], InternalUser)
	}
	vh.tellAbout("vhost.created", node, false)
}

// TellUpdated tells what describes the virtual host now.
func (vh *VHost) TellUpdated(node string, tracing bool) {
	if vh.env.Events.Wanted() {
		vh.mu.RLock()
		defer vh.mu.RUnlock()
		vh.tellAbout("vhost.updated", node, tracing)
	}
}

// tellAbout is called with the lock held, for reading at least.
func (vh *VHost) tellAbout(key, node string, tracing bool) {
	tags := ""
	for i, tag := range vh.about.Tags {
		if i > 0 {
			tags += ", "
		}
		tags += tag
	}
	kind := vh.about.DefaultQueueType
	if kind == "" {
		kind = "undefined"
	}
	metadata := "#{description => " + amqp.FormatTerm(vh.about.Description) + ",tags => " + tagsTerm(vh.about.Tags) + "}"
	vh.env.Events.Tell(key, amqp.Table{
		{Key: "name", Value: vh.Name}, {Key: "description", Value: vh.about.Description}, {Key: "tags", Value: tags},
		{Key: "default_queue_type", Value: kind}, {Key: "metadata", Value: metadata}, {Key: "tracing", Value: tracing},
		{Key: "cluster_state", Value: amqp.Table{{Key: node, Value: "running"}}}, performer(InternalUser),
	})
}

// tagsTerm is how Erlang prints a list of tags. That of none is an empty text, as
// add_vhost has it.
func tagsTerm(tags []string) string {
	if len(tags) == 0 {
		return "<<>>"
	}
	text := "["
	for i, tag := range tags {
		if i > 0 {
			text += ","
		}
		text += tag
	}
	return text + "]"
}

// TellDeleted tells that a virtual host is gone.
func (vh *VHost) TellDeleted(node string) {
	if e := &vh.env.Events; e.Wanted() {
		e.Tell("vhost.deleted", amqp.Table{{Key: "name", Value: vh.Name}, performer(InternalUser)})
		e.Tell("vhost.down", amqp.Table{{Key: "name", Value: vh.Name}, {Key: "node", Value: node}, performer(InternalUser)})
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

// tellLimits tells what the virtual host's limits are now.
func (ns *names) tellLimits(value json.RawMessage, user string) {
	e := &ns.env.Events
	if !e.Wanted() {
		return
	}
	name := amqp.Field{Key: "name", Value: limitsName}
	of := amqp.Field{Key: "vhost", Value: ns.Name}
	if value == nil {
		e.Tell("vhost.limits.cleared", amqp.Table{name, of, performer(user)})
		return
	}
	t, _ := JSONHeader(value).(amqp.Table)
	e.Tell("vhost.limits.set", append(t, name, of, performer(user)))
}
