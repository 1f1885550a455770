package management

import (
	"context"
	"net"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// testRoute says where a publish would go.
func (q *request) testRoute() error {
	body, err := q.require("exchange", "routing_key")
	if err != nil {
		return err
	}
	at, err := q.bodyVHost(body)
	if err != nil {
		return err
	}
	exchange, err := body.text("exchange", "")
	if err != nil {
		return err
	}
	key, err := body.text("routing_key", "")
	if err != nil {
		return err
	}
	headers, err := body.arguments("headers")
	if err != nil {
		return err
	}
	r, err := at.Route(exchange, key, headers)
	if err != nil {
		return refusal(err)
	}
	return q.reply(func(e *encoder) {
		e.boolean("routed", len(r.Queues) > 0)
		e.strs("queues", r.Queues)
		e.strs("delayed", r.Delayed)
		e.boolean("alternate", r.Alternate)
		if !e.array("steps") {
			return
		}
		for _, step := range r.Steps {
			e.open()
			e.str("exchange", step.Exchange)
			e.str("type", step.Type)
			e.str("via", step.Via)
			e.str("routing_key", key)
			e.shut()
		}
		e.endArray()
	})
}

// testPermission reports whether a user may do something.
func (q *request) testPermission() error {
	body, err := q.require("user", "permission", "resource", "name")
	if err != nil {
		return err
	}
	at, err := q.bodyVHost(body)
	if err != nil {
		return err
	}
	var user, permission, kind, name, key string
	for field, to := range map[string]*string{
		"user": &user, "permission": &permission, "resource": &kind, "name": &name, "routing_key": &key,
	} {
		if *to, err = body.text(field, ""); err != nil {
			return err
		}
	}
	u, ok := q.s.broker.User(user)
	if !ok {
		return badRequest("no such user: " + user)
	}
	op := access.Operation(permission)
	switch {
	case op != access.Configure && op != access.Write && op != access.Read:
		return badRequest("permission must be configure, write or read")
	case kind != string(access.Queue) && kind != string(access.Exchange):
		return badRequest("resource must be queue or exchange")
	}
	if name == "" && kind == string(access.Exchange) {
		name = access.DefaultExchange
	}
	_, keyed := body["routing_key"]
	t := permissionTest{
		b: q.s.broker, id: access.Identity{User: u.Name, Tags: u.Tags}, at: at,
		of: access.Resource{VHost: at.name, Kind: access.Kind(kind), Name: name}, op: op, key: key,
		keyed: keyed && kind == string(access.Exchange),
	}
	reason := t.refusal(q.context(), q.peer)
	return q.reply(func(e *encoder) {
		e.boolean("allowed", reason == "")
		if reason == "" {
			reason = "user '" + user + "' may " + permission + " " + kind + " '" + name + "'"
		}
		e.str("reason", reason)
		pattern, topic := t.patterns()
		e.strOrNull("pattern", pattern)
		e.strOrNull("topic_pattern", topic)
	})
}

// A permissionTest is a question whether a user may do something.
type permissionTest struct {
	b     *broker.Broker
	id    access.Identity
	at    place
	of    access.Resource
	op    access.Operation
	key   string
	keyed bool // the key counts too
}

// refusal is why not; "" is that it may.
func (t *permissionTest) refusal(ctx context.Context, peer net.Addr) string {
	if err := t.b.MayEnter(ctx, t.id, t.at.name, peer); err != nil {
		return textOf(err)
	}
	if err := t.b.MayUse(ctx, t.id, t.of, t.op); err != nil {
		return textOf(err)
	}
	if x, _ := t.at.Exchange(t.of.Name); t.keyed && x.Type == "topic" && t.op != access.Configure {
		if err := t.b.MayUseTopic(ctx, t.id, t.of, t.key, t.op); err != nil {
			return textOf(err)
		}
	}
	return ""
}

// patterns are the expressions that decide; "" is none.
func (t *permissionTest) patterns() (pattern, topic string) {
	of := func(configure, write, read string) string {
		switch t.op {
		case access.Write:
			return write
		case access.Read:
			return read
		}
		return configure
	}
	if p, ok := t.b.Permission(t.id.User, t.at.name); ok {
		pattern = of(p.Configure, p.Write, p.Read)
	}
	for _, p := range t.b.TopicPermissions(t.id.User, t.at.name) {
		if p.Exchange == t.of.Name {
			topic = of("", p.Write, p.Read)
		}
	}
	return pattern, topic
}

// previewPolicy says what a policy would change if it were set, or deleted.
func (q *request) previewPolicy() error {
	body, err := q.require("name")
	if err != nil {
		return err
	}
	at, err := q.bodyVHost(body)
	if err != nil {
		return err
	}
	operator, err := body.boolean("operator", false)
	if err != nil {
		return err
	}
	if operator && !q.isAdministrator() || !q.hasTag(tagAdministrator, tagPolicymaker) {
		return notAuthorised(notOwner)
	}
	deleted, err := body.boolean("delete", false)
	if err != nil {
		return err
	}
	name, err := body.text("name", "")
	if err != nil {
		return err
	}
	p, err := policyOf(name, body)
	if err != nil {
		return err
	}
	preview, err := at.PreviewPolicy(p, operator, deleted)
	if err != nil {
		return refusal(err)
	}
	return q.reply(func(e *encoder) {
		e.num("matched", int64(preview.Matched))
		if !e.array("changes") {
			return
		}
		for _, c := range preview.Changes[:min(len(preview.Changes), maxBrowse)] {
			e.open()
			kind := "queue"
			if c.Exchange {
				kind = "exchange"
			}
			e.str("type", kind)
			e.str("vhost", at.name)
			e.str("name", c.Name)
			writeApplied(e, "before", c.Before)
			writeApplied(e, "after", c.After)
			e.shut()
		}
		e.endArray()
	})
}

func writeApplied(e *encoder, field string, a broker.AppliedPolicy) {
	if !e.object(field) {
		return
	}
	e.strOrNull("policy", a.Name)
	e.value("definition", a.Definition)
	e.end()
}

// deathOf is the newest entry of a message's history of dead-lettering.
func deathOf(p *amqp.Properties) (death, bool) {
	v, _ := p.Headers.Get("x-death")
	list, _ := v.(amqp.Array)
	if len(list) == 0 {
		return death{}, false
	}
	entry, ok := list[0].(amqp.Table)
	if !ok {
		return death{}, false
	}
	var d death
	d.queue, _ = textField(entry, "queue")
	d.reason, _ = textField(entry, "reason")
	d.exchange, _ = textField(entry, "exchange")
	keys, _ := entry.Get("routing-keys")
	keyList, _ := keys.(amqp.Array)
	for _, key := range keyList {
		if s, ok := key.(string); ok {
			d.keys = append(d.keys, s)
		}
	}
	count, _ := entry.Get("count")
	d.count, _ = amqp.AsInt(count)
	at, _ := entry.Get("time")
	if t, ok := at.(amqp.Timestamp); ok {
		d.at = int64(t) * 1000
	}
	return d, true
}

func textField(t amqp.Table, key string) (string, bool) {
	v, _ := t.Get(key)
	s, ok := v.(string)
	return s, ok
}

// A death is one dead-lettering.
type death struct {
	queue, reason, exchange string
	keys                    []string
	count                   int64
	at                      int64 // milliseconds; 0 is not known
}
