// Scripts: what the broker itself says, to exchanges of its own: events (EVENT), the log
// (LOGX), and the firehose (TRACE).

package scripts

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var systemExchangeScripts = []Script{
	{Name: "exchange/events-are-internal", Covers: []string{"EVENT-1"}, Run: eventsAreInternal},
	{Name: "exchange/events-of-topology", Covers: []string{"EVENT-1", "EVENT-3", "EVENT-4"}, Run: eventsOfTopology},
	{Name: "exchange/events-begin-with-a-binding", Covers: []string{"EVENT-2"}, Run: eventsBegin},
	{Name: "exchange/events-of-deletion", Covers: []string{"EVENT-4", "EVENT-5"}, Run: eventsOfDeletion},
	{Name: "exchange/events-of-clients", Covers: []string{"EVENT-3", "EVENT-4", "EVENT-5"}, Run: eventsOfClients},
	{Name: "exchange/events-of-policies", Covers: []string{"EVENT-4"}, Run: eventsOfPolicies},
	{Name: "exchange/events-of-users", Covers: []string{"EVENT-4"}, Run: eventsOfUsers},
	{Name: "exchange/log-is-internal", Covers: []string{"LOGX-7"}, Run: logIsInternal},
	{Name: "exchange/log", Covers: []string{"LOGX-1", "LOGX-3", "LOGX-4", "LOGX-5", "LOGX-11"}, Run: logExchange},
	{Name: "exchange/firehose", Covers: []string{"TRACE-1", "TRACE-2", "TRACE-3", "TRACE-4"}, Run: firehose},
	{Name: "exchange/firehose-is-internal", Covers: []string{"TRACE-5"}, Run: firehoseIsInternal},
}

const (
	eventsName = "amq.rabbitmq.event"
	logName    = "amq.rabbitmq.log"
	traceName  = "amq.rabbitmq.trace"
)

// needsExchange ends the script as NotOffered if the broker has no exchange of this name.
func (t *T) needsExchange(name string) {
	if !t.Conn().ExchangeExists(name) {
		t.NotOffered("there is no exchange " + name)
	}
}

func eventsAreInternal(t *T) {
	t.needsExchange(eventsName)
	t.expectInternal(eventsName)
}

// expectInternal expects a durable topic exchange that only the broker publishes to.
func (t *T) expectInternal(name string) {
	t.ExpectError(403, "cannot publish to internal "+t.ExchangeText(name), func(ch *Channel) error {
		ch.Send(name, "a", "b")
		return ch.Qos(1, 0, false)
	})
	t.ExpectError(403, "deletion of system "+t.ExchangeText(name)+" not allowed", func(ch *Channel) error {
		return ch.ExchangeDelete(name, false, false)
	})
	t.ExpectError(406, "inequivalent arg 'internal' for "+t.ExchangeText(name)+": received 'false' but current is 'true'",
		func(ch *Channel) error { return ch.ExchangeDeclare(name, "topic", true, false, false, false, nil) })
	t.OK(t.Channel().ExchangeDeclare(name, "topic", true, false, true, false, nil), "redeclare it as it is")
}

// An eventReader reads the events that a script is about.
type eventReader struct {
	t  *T
	in *Consumer
}

func (ch *Channel) listen(keys ...string) eventReader {
	q := ch.NewQueue()
	ch.Bind(q, eventsName, keys...)
	return eventReader{ch.t, ch.Subscribe(q, Subscription{NoAck: true})}
}

// next is the next event in which a header has a value; others are passed over, for
// other scripts cause them.
func (r eventReader) next(key, header string, value any) amqp.Table {
	for {
		d := r.in.Next()
		if d.Headers[header] != value {
			continue
		}
		r.t.Equal(key, d.RoutingKey, "the event of "+fmt.Sprint(value))
		r.t.Equal(uint8(2), d.DeliveryMode, "delivery mode")
		r.t.Equal(0, len(d.Body), "bytes of the body")
		ms, _ := d.Headers["timestamp_in_ms"].(int64)
		r.t.Equal(ms/1000, d.Timestamp.Unix(), "timestamp")
		return d.Headers
	}
}

// expectHeaders expects these among headers; nil is one that is not there.
func (t *T) expectHeaders(got, want amqp.Table) {
	for name, v := range want {
		t.Equal(v, got[name], "header "+name)
	}
}

func eventsOfTopology(t *T) {
	t.needsExchange(eventsName)
	ch := t.Channel()
	events := ch.listen("queue.*", "exchange.*", "binding.*")
	q := ch.NewSharedQueueWith(amqp.Table{"x-max-length": int32(5)})
	created := events.next("queue.created", "name", q)
	t.expectHeaders(created, amqp.Table{
		"vhost": t.VHost(), "durable": true, "auto_delete": false, "exclusive": false, "owner_pid": "",
		"user_who_performed_action": t.URI().Username,
	})
	args, _ := created["arguments"].([]any) // 4.x adds the type of the queue
	t.Equal(`{<<"x-max-length">>,signedint,5}`, args[0], "first argument")
	x := ch.NewExchangeWith("topic", amqp.Table{"alternate-exchange": "amq.fanout"})
	t.expectHeaders(events.next("exchange.created", "name", x), amqp.Table{
		"vhost": t.VHost(), "type": "topic", "durable": true, "auto_delete": false, "internal": false, "policy": "",
		"arguments": []any{`{<<"alternate-exchange">>,longstr,<<"amq.fanout">>}`},
	})
	of := amqp.Table{"a": []any{"x", int32(1), true}}
	t.OK(ch.QueueBind(q, "a.#", x, false, of), "bind")
	bound := amqp.Table{
		"source_name": x, "source_kind": "exchange", "destination_name": q, "destination_kind": "queue", "routing_key": "a.#",
		"arguments": []any{`{<<"a">>,array,[{longstr,<<"x">>},{signedint,1},{bool,true}]}`}, "vhost": t.VHost(),
		"user_who_performed_action": t.URI().Username,
	}
	t.expectHeaders(events.next("binding.created", "source_name", x), bound)
	t.OK(ch.QueueUnbind(q, "a.#", x, of), "unbind")
	t.expectHeaders(events.next("binding.deleted", "source_name", x), bound)
	ch.BindExchange("amq.fanout", x, "k")
	t.expectHeaders(events.next("binding.created", "source_name", x), amqp.Table{
		"destination_name": "amq.fanout", "destination_kind": "exchange", "arguments": []any(nil),
	})
}

// eventsBegin: nothing of what was before the binding comes, and the binding does.
func eventsBegin(t *T) {
	t.needsExchange(eventsName)
	ch := t.Channel()
	q := ch.NewQueue()
	t.OK(ch.QueueBind(q, "#", eventsName, false, nil), "bind")
	events := eventReader{t, ch.Subscribe(q, Subscription{NoAck: true})}
	t.expectHeaders(events.next("binding.created", "destination_name", q), amqp.Table{"source_name": eventsName, "routing_key": "#"})
}

func eventsOfDeletion(t *T) {
	t.needsExchange(eventsName)
	ch := t.Channel()
	events := ch.listen("queue.*", "exchange.*", "binding.*", "parameter.*")
	q, x := ch.NewSharedQueue(), ch.NewExchange("direct")
	ch.Bind(q, x, "k")
	events.next("queue.created", "name", q)
	events.next("exchange.created", "name", x)
	events.next("binding.created", "destination_name", q)
	_, err := ch.QueueDelete(q, false, false, false)
	t.OK(err, "delete the queue")
	t.expectHeaders(events.next("binding.deleted", "destination_name", q), amqp.Table{"user_who_performed_action": "rmq-internal"})
	t.expectHeaders(events.next("queue.deleted", "name", q), amqp.Table{"user_who_performed_action": t.URI().Username, "vhost": t.VHost()})
	t.OK(ch.ExchangeDelete(x, false, false), "delete the exchange")
	t.expectHeaders(events.next("parameter.set", "name", x), amqp.Table{"component": "exchange-delete-in-progress", "value": true})
	t.expectHeaders(events.next("exchange.deleted", "name", x), amqp.Table{"user_who_performed_action": t.URI().Username})
	t.expectHeaders(events.next("parameter.cleared", "name", x), amqp.Table{"value": nil})
}

var pidForm = regexp.MustCompile(`^<.+\.\d+\.\d+\.\d+>$`)

func eventsOfClients(t *T) {
	t.needsExchange(eventsName)
	ch := t.Channel()
	events := ch.listen("user.authentication.*", "connection.*", "channel.*", "consumer.*")
	name := t.Name("client")
	conn := t.Dial(amqp.Config{Properties: amqp.Table{"connection_name": name}})
	logins := map[any]amqp.Table{} // other scripts connect too
	var created amqp.Table
	for created == nil {
		switch d := events.in.Next(); {
		case d.RoutingKey == "user.authentication.success":
			logins[d.Headers["connection_name"]] = d.Headers
		case d.RoutingKey == "connection.created" && d.Headers["user_provided_name"] == name:
			created = d.Headers
		}
	}
	t.expectHeaders(logins[created["name"]], amqp.Table{
		"name": t.URI().Username, "connection_type": "network", "ssl": false,
		"auth_mechanism": "PLAIN", "peer_port": created["peer_port"],
	})
	t.expectHeaders(created, amqp.Table{
		"type": "network", "user": t.URI().Username, "vhost": t.VHost(), "protocol": "{0,9,1}", "ssl": false, "peer_cert_subject": "",
		"user_who_performed_action": t.URI().Username,
	})
	t.Equal(true, pidForm.MatchString(fmt.Sprint(created["pid"])), "pid of a connection, "+fmt.Sprint(created["pid"]))
	second := conn.Open()
	opened := events.next("channel.created", "connection", created["pid"])
	t.expectHeaders(opened, amqp.Table{
		"name": fmt.Sprintf("%v (1)", created["name"]), "number": int64(1), "user": t.URI().Username, "vhost": t.VHost(),
	})
	q := ch.NewSharedQueue()
	t.OK(second.Qos(9, 0, false), "qos")
	_, err := second.Consume(q, "tag", false, false, false, false, amqp.Table{"x-priority": int32(3)})
	t.OK(err, "consume")
	consumer := amqp.Table{"consumer_tag": "tag", "channel": opened["pid"], "vhost": t.VHost(), "user_who_performed_action": t.URI().Username}
	t.expectHeaders(events.next("consumer.created", "queue", q), consumer)
	t.OK(second.Cancel("tag", false), "cancel")
	t.expectHeaders(events.next("consumer.deleted", "queue", q), consumer)
	_, err = second.Consume(q, "again", false, false, false, false, nil)
	t.OK(err, "consume")
	t.expectHeaders(events.next("consumer.created", "queue", q), amqp.Table{
		"exclusive": false, "ack_required": true, "prefetch_count": int64(9), "arguments": []any(nil),
	})
	t.OK(second.Close(), "close the channel")
	t.OK(conn.Close(), "close the connection")
	// The queue of a channel that closes notices by itself. In the course of 3.12 classic
	// queues have stopped telling of that.
	tells, stopped := !t.Version().AtLeast(3, 12, 0), t.Version().AtLeast(3, 13, 0)
	for channel, connection, consumer := false, false, !tells; !channel || !connection || !consumer; {
		switch d := events.in.Next(); {
		case d.RoutingKey == "channel.closed" && d.Headers["pid"] == opened["pid"]:
			channel = true
		case d.RoutingKey == "connection.closed" && d.Headers["pid"] == created["pid"]:
			connection = true
			t.expectHeaders(d.Headers, amqp.Table{"name": created["name"], "user_provided_name": name})
		case d.RoutingKey == "consumer.deleted" && d.Headers["queue"] == q:
			consumer = true
			t.Equal(false, stopped, "the end of a consumer is told when its channel closes")
			t.expectHeaders(d.Headers, amqp.Table{"user_who_performed_action": "rmq-internal", "consumer_tag": "again"})
		}
	}
}

func eventsOfPolicies(t *T) {
	t.needsExchange(eventsName)
	ch := t.Channel()
	q := ch.NewSharedQueue()
	events := ch.listen("queue.policy.*", "policy.*", "operator.policy.*")
	p := t.Policy(Policy{Definition: map[string]any{"max-length": 7}, ApplyTo: "queues", Priority: 2})
	want := amqp.Table{
		"pattern": t.OwnNames(), "apply-to": "queues", "definition": amqp.Table{"max-length": int64(7)}, "priority": int64(2), "vhost": t.VHost(),
	}
	t.expectHeaders(events.next("queue.policy.updated", "name", q), want)
	t.expectHeaders(events.next("policy.set", "name", p), want)
	t.RemovePolicy(p)
	t.expectHeaders(events.next("queue.policy.cleared", "name", q), amqp.Table{"vhost": t.VHost(), "definition": nil})
	events.next("policy.cleared", "name", p)
	p = t.OperatorPolicy(Policy{Definition: map[string]any{"max-length": 7}, ApplyTo: "queues"})
	events.next("queue.policy.updated", "name", q)
	events.next("policy.set", "name", p)
	t.RemoveOperatorPolicy(p)
	events.next("queue.policy.cleared", "name", q)
	events.next("operator.policy.cleared", "name", p)
}

func eventsOfUsers(t *T) {
	t.needsExchange(eventsName)
	ch := t.Channel()
	events := ch.listen("user.#", "permission.*", "vhost.*")
	user := t.NewUser(Permissions{Configure: "a", Write: "b", Read: "c"})
	events.next("user.created", "name", user)
	t.expectHeaders(events.next("permission.created", "user", user), amqp.Table{
		"vhost": t.VHost(), "configure": "a", "write": "b", "read": "c",
	})
	t.OK(t.asks(func(ctx context.Context) error { return t.Admin().SetUserLimit(ctx, user, "max-channels", 7) }), "limit")
	t.expectHeaders(events.next("user.limits.set", "username", user), amqp.Table{"name": "limits"})
	vhost := t.NewVHost()
	t.expectHeaders(events.next("vhost.created", "name", vhost), amqp.Table{"tracing": false})
	t.OK(t.asks(func(ctx context.Context) error { return t.Admin().DeleteVHost(ctx, vhost) }), "delete the virtual host")
	events.next("vhost.deleted", "name", vhost)
	t.OK(t.asks(func(ctx context.Context) error { return t.Admin().DeleteUser(ctx, user) }), "delete the user")
	events.next("user.deleted", "name", user)
}

func logIsInternal(t *T) {
	t.needsExchange(logName)
	t.expectInternal(logName)
}

func logExchange(t *T) {
	t.needsExchange(logName)
	ch := t.Channel()
	q := ch.NewQueue()
	ch.Bind(q, logName, "error")
	lines := ch.Subscribe(q, Subscription{NoAck: true})
	missing := t.Name("missing")
	t.ExpectError(404, "no "+t.QueueText(missing), func(ch *Channel) error {
		_, err := ch.QueueDeclarePassive(missing, false, false, false, false, nil)
		return err
	})
	for {
		d := lines.Next()
		if !strings.Contains(string(d.Body), missing) {
			continue
		}
		t.Equal("error", d.RoutingKey, "routing key")
		t.Equal("text/plain", d.ContentType, "content type")
		t.Equal(uint8(0), d.DeliveryMode, "delivery mode")
		t.Equal(false, d.Timestamp.IsZero(), "a timestamp is missing")
		t.Equal(1, len(d.Headers), "number of headers")
		_, ok := d.Headers["node"].(string)
		t.Equal(true, ok, "header node is a text")
		t.Equal(true, strings.HasSuffix(string(d.Body), "\n"), "the line ends with a newline")
		return
	}
}

func firehose(t *T) {
	vhost := t.NewVHost()
	conn := t.Dial(amqp.Config{Vhost: vhost, Properties: amqp.Table{"connection_name": "traced"}})
	ch := conn.Open()
	q, err := ch.QueueDeclare("q", true, false, false, false, nil)
	t.OK(err, "declare a queue")
	t.OK(ch.ExchangeDeclare("x", "fanout", false, false, false, false, nil), "declare an exchange")
	ch.Bind(q.Name, "x", "")
	copies, err := ch.QueueDeclare("copies", false, false, true, false, nil)
	t.OK(err, "declare a queue")
	ch.Bind(copies.Name, traceName, "#")
	t.OK(t.asks(func(ctx context.Context) error { return t.Admin().SetTracing(ctx, vhost, true) }), "trace")
	traced := ch.Subscribe(copies.Name, Subscription{NoAck: true})
	ch.SendWith("x", "k", amqp.Publishing{
		Body: []byte("body"), MessageId: "m", Priority: 3, Headers: amqp.Table{"h": "v", "CC": []any{"k2"}, "BCC": []any{"k3"}},
	})
	d := traced.Next()
	t.Equal("publish.x", d.RoutingKey, "routing key of the copy of a publish")
	t.Equal("body", string(d.Body), "its body")
	t.Equal(uint8(0), d.DeliveryMode, "its delivery mode")
	common := amqp.Table{
		"exchange_name": "x", "vhost": vhost, "user": t.URI().Username,
		"properties": amqp.Table{"message_id": "m", "priority": int32(3), "headers": amqp.Table{"h": "v", "CC": []any{"k2"}}},
	}
	t.expectHeaders(d.Headers, common)
	t.expectHeaders(d.Headers, amqp.Table{
		"routing_keys": []any{"k", "k2", "k3"}, "routed_queues": []any{"q"}, "channel": int32(1), "redelivered": nil,
	})
	ch.Fetch(q.Name)
	d = traced.Next()
	t.Equal("deliver.q", d.RoutingKey, "routing key of the copy of a delivery")
	t.Equal("body", string(d.Body), "its body")
	t.expectHeaders(d.Headers, common)
	t.expectHeaders(d.Headers, amqp.Table{"redelivered": int32(0), "routed_queues": nil})
	ch.Send("", "nowhere", "lost") // what goes nowhere is copied too
	d = traced.Next()
	t.Equal("publish.", d.RoutingKey, "routing key of the copy of a publish to the default exchange")
	t.expectHeaders(d.Headers, amqp.Table{"exchange_name": "", "routed_queues": []any{"nowhere"}})
	t.OK(t.asks(func(ctx context.Context) error { return t.Admin().SetTracing(ctx, vhost, false) }), "trace no more")
	ch.Send("x", "k", "unseen")
	traced.ExpectNoMore()
}

func firehoseIsInternal(t *T) {
	ch := t.Channel()
	ch.Send(traceName, "k", "body")
	ch.ExpectClosed(403, "cannot publish to internal "+t.ExchangeText(traceName))
}
