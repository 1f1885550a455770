package lint

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/dlclark/regexp2/v2"

	"github.com/rabbetmq/rabbet/broker/definitions"
)

// objects looks at all that a document has.
func (c *checker) objects() {
	c.vhosts()
	for i := range c.doc.Exchanges {
		c.exchange(&c.doc.Exchanges[i])
	}
	for i := range c.doc.Queues {
		c.queue(&c.doc.Queues[i])
	}
	for i := range c.doc.Policies {
		p := &c.doc.Policies[i]
		c.policy(Finding{Kind: "policy", VHost: vhost(p.VHost), Name: p.Name}, p.ApplyTo, p.Definition)
	}
	for i := range c.doc.Parameters {
		c.parameter(&c.doc.Parameters[i])
	}
	c.bindings()
	c.limitedQueues()
}

// vhosts are looked at as the document has them: an import of 4.x reads what describes one
// from metadata alone, which Decode does not tell from the fields beside it.
func (c *checker) vhosts() {
	var list []struct {
		Name             string
		DefaultQueueType string `json:"default_queue_type"`
		Tracing          bool
		Metadata         struct {
			DefaultQueueType string `json:"default_queue_type"`
		}
	}
	if c.raw["vhosts"] == nil || json.Unmarshal(c.raw["vhosts"], &list) != nil || !c.since("4.0") {
		return
	}
	for _, v := range list {
		kind := v.DefaultQueueType
		if (kind == "quorum" || kind == "stream") && v.Metadata.DefaultQueueType != kind {
			c.add(Finding{Changed, "vhost", "", v.Name, "PERSIST-13", "an import takes the default queue type from metadata alone: it becomes classic",
				"put default_queue_type into metadata, or set it by PUT /api/vhosts"})
		}
		if v.Tracing {
			c.add(Finding{Changed, "vhost", "", v.Name, "PERSIST-13", "an import does not turn tracing on", "turn it on with rabbitmqctl trace_on"})
		}
	}
}

// A pluginType is a type of exchange that a plugin brings, up to a version that has it
// built in.
type pluginType struct{ plugin, builtin, gone string }

var pluginTypes = map[string]pluginType{
	"x-consistent-hash":       {"rabbitmq_consistent_hash_exchange", "", ""},
	"x-random":                {"rabbitmq_random_exchange", "", ""},
	"x-recent-history":        {"rabbitmq_recent_history_exchange", "", ""},
	"x-modulus-hash":          {"rabbitmq_sharding", "4.3", ""},
	"x-jms-topic":             {"rabbitmq_jms_topic_exchange", "", ""},
	"x-event":                 {"rabbitmq_event_exchange", "", ""},
	"x-message-deduplication": {"rabbitmq_message_deduplication", "", ""},
	"x-delayed-message":       {"rabbitmq_delayed_message_exchange", "", "4.3"},
}

// PluginOf returns the plugin that brings a type of exchange, or "".
func PluginOf(kind string) string { return pluginTypes[kind].plugin }

// RabbetPlugins returns the plugins whose types of exchanges a Rabbet has that behaves as a
// target does.
func RabbetPlugins(target string) (list []string) {
	for kind := range pluginTypes {
		if plugin := pluginOf(target, kind); plugin != "" {
			list = append(list, plugin)
		}
	}
	return list
}

// pluginOf is the plugin that a target needs for a type of exchange, or "".
func pluginOf(target, kind string) string {
	t, ok := pluginTypes[kind]
	if !ok || t.builtin != "" && !older(target, t.builtin) || t.gone != "" && !older(target, t.gone) {
		return ""
	}
	return t.plugin
}

func (c *checker) exchange(x *definitions.Exchange) {
	at := Finding{Kind: "exchange", VHost: vhost(x.VHost), Name: x.Name}
	strict, _ := x.Arguments["x-delayed-strict"].(bool)
	switch plugin := pluginOf(c.target, x.Type); {
	case x.Type == "x-delayed-message" && strict && !c.since("4.3"):
		c.needs(at, plugin, "EXCH-9", "its exchange type")
		at.Level, at.Rule, at.Text = Changed, "EXCH-9", "x-delayed-strict is Rabbet's own: the plugin keeps messages on one node, without its promises"
		at.Advice = "read docs/delayed.md for the other ways"
		c.add(at)
	case x.Type == "x-delayed-message" && strict:
		at.Level, at.Rule, at.Text = Refused, "EXCH-9", "unknown exchange type 'x-delayed-message': its plugin does not run on this version"
		at.Advice = "delay by x-message-ttl and a dead-letter exchange: docs/delayed.md has the ways"
		c.add(at)
	case plugin != "":
		c.needs(at, plugin, "EXCH-9", "its exchange type")
	}
	if !x.Durable && c.target != "4.0" && c.comes("4.2") {
		at.Level, at.Rule, at.Text = Note, "PERSIST-1", "it survives a restart, with its bindings, though it is not durable"
		at.Advice = "delete it when it is not needed, or nothing if programs declare it at each start"
		c.add(at)
	}
}

// needs adds that an object needs a plugin, unless the target has it.
func (c *checker) needs(at Finding, plugin, rule, what string) {
	if c.has(plugin) {
		return
	}
	at.Level, at.Rule = Needs, rule
	at.Text = fmt.Sprintf("the plugin %s has %s: it is refused without", plugin, what)
	at.Advice = "rabbitmq-plugins enable " + plugin + " on every node, or leave the object out"
	c.add(at)
}

func (c *checker) queue(q *definitions.Queue) {
	at := Finding{Kind: "queue", VHost: vhost(q.VHost), Name: q.Name}
	kind, _ := q.Arguments["x-queue-type"].(string)
	if n, ok := q.Arguments["x-max-priority"].(int64); ok && n == 0 && c.comes("4.0") && kind != "quorum" {
		at.Level, at.Rule, at.Text = Changed, "QUEUE-87", "x-max-priority 0 is taken for 1: messages with a priority overtake others"
		at.Advice = "leave x-max-priority out"
		c.add(at)
	}
	if on, _ := q.Arguments["x-message-deduplication"].(bool); on && !c.has("rabbitmq_message_deduplication") {
		at.Level, at.Rule, at.Text = Needs, "DEDUP-1", "without the plugin rabbitmq_message_deduplication duplicates are kept"
		at.Advice = "enable that plugin on every node, or look for duplicates in the consumers"
		c.add(at)
	}
	if mode, _ := q.Arguments["x-queue-mode"].(string); mode == "lazy" && c.comes("3.12") {
		at.Level, at.Rule, at.Text = Note, "QUEUE-91", "lazy has no effect from 3.12 on: all queues keep little in memory"
		at.Advice = "leave x-queue-mode out"
		c.add(at)
	}
	_, limited := q.Arguments["x-delivery-limit"].(int64)
	if c.target == "4.0" { // later ones take what is no number for nothing (QUEUE-45)
		_, limited = q.Arguments["x-delivery-limit"]
	}
	if kind == "quorum" && !limited && c.comes("4.0") && !c.hasPolicy(q, "delivery-limit") {
		at.Level, at.Rule = Changed, "QUEUE-92"
		at.Text = "it gets a delivery limit of 20: a message that has come back so often is dropped, or dead-lettered"
		at.Advice = "give it a dead-letter exchange, or a limit of its own: x-delivery-limit or the policy delivery-limit, -1 for none"
		c.add(at)
	}
	if c.Quorum && kind != "quorum" && kind != "stream" {
		c.converted(at, q)
	}
}

// converted adds the changes of a classic queue that becomes a quorum queue.
func (c *checker) converted(at Finding, q *definitions.Queue) {
	if !q.Durable || q.AutoDelete {
		at.Level, at.Rule, at.Text = Note, "QUEUE-49", "it stays a classic queue: a quorum queue is durable and not auto-delete"
		at.Advice = "nothing, or declare it so"
		c.add(at)
		return
	}
	if n, _ := q.Arguments["x-max-priority"].(int64); n > 0 {
		at.Level, at.Rule, at.Advice = Changed, "QUEUE-90", "keep it a classic queue, or see that the order suits the consumers"
		switch {
		case c.since("4.3"):
			if n <= 31 {
				at.Level = Note
			}
			at.Text = "as a quorum queue it has the priorities 0 to 31, and a message without one has 4"
		case c.since("4.0"):
			at.Text = "as a quorum queue it has two priorities: two messages above 4 go for each other one"
		default:
			at.Text = "as a quorum queue it has no priorities"
		}
		c.add(at)
	}
	for _, name := range []string{"x-queue-mode", "x-queue-version", "x-queue-master-locator"} {
		if _, has := q.Arguments[name]; has {
			at.Level, at.Rule, at.Text, at.Advice = Note, "QUEUE-43", name+" is left out: a quorum queue has none", "nothing"
			c.add(at)
		}
	}
}

// hasPolicy reports whether a policy for a queue sets a key.
func (c *checker) hasPolicy(q *definitions.Queue, key string) bool {
	for i := range c.doc.Policies {
		p := &c.doc.Policies[i]
		if vhost(p.VHost) == vhost(q.VHost) && p.Definition[key] != nil && p.ApplyTo != "exchanges" && matches(p.Pattern, q.Name) {
			return true
		}
	}
	for _, p := range c.doc.Parameters {
		var value struct {
			Pattern    string
			Definition map[string]any
		}
		if p.Component == "operator_policy" && vhost(p.VHost) == vhost(q.VHost) && json.Unmarshal(p.Value, &value) == nil &&
			value.Definition[key] != nil && matches(value.Pattern, q.Name) {
			return true
		}
	}
	return false
}

// matches reports whether a policy's pattern, a PCRE, matches a name.
func matches(pattern, name string) bool {
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		return false
	}
	ok, _ := re.MatchString(name)
	return ok
}

func (c *checker) policy(at Finding, applyTo string, definition map[string]any) {
	for _, key := range []string{"federation-upstream", "federation-upstream-set"} {
		if definition[key] != nil {
			c.needs(at, "rabbitmq_federation", "FEDERATION-1", "the key "+key)
		}
	}
	if definition["consumer-timeout"] != nil && c.comes("4.3") && applyTo != "quorum_queues" && applyTo != "streams" {
		at.Level, at.Rule, at.Text = Note, "BASIC-66", "consumer-timeout is for quorum queues alone, and cancels the consumer"
		if applyTo == "classic_queues" {
			at.Level, at.Text = Changed, "consumer-timeout has no effect on classic queues"
		}
		at.Advice = "nothing, or make the queues quorum queues"
		c.add(at)
	}
}

func (c *checker) parameter(p *definitions.Parameter) {
	at := Finding{Kind: "parameter", VHost: vhost(p.VHost), Name: p.Component + "/" + p.Name}
	switch p.Component {
	case "shovel":
		c.needs(at, "rabbitmq_shovel", "SHOVEL-1", "the component shovel")
		c.shovel(at, p.Value)
	case "federation-upstream", "federation-upstream-set":
		c.needs(at, "rabbitmq_federation", "FEDERATION-1", "the component "+p.Component)
	case "operator_policy":
		var value struct {
			ApplyTo    string `json:"apply-to"`
			Definition map[string]any
		}
		if json.Unmarshal(p.Value, &value) == nil {
			c.policy(at, value.ApplyTo, value.Definition)
		}
	}
}

// shovel looks for ends of AMQP 1.0: a Rabbet keeps such a shovel terminated, and the target
// begins to move messages.
func (c *checker) shovel(at Finding, value json.RawMessage) {
	var ends struct {
		From string `json:"src-protocol"`
		To   string `json:"dest-protocol"`
	}
	if json.Unmarshal(value, &ends) == nil && (ends.From == "amqp10" || ends.To == "amqp10") {
		at.Level, at.Rule, at.Text = Note, "SHOVEL-2", "Rabbet does not speak AMQP 1.0 and never ran this shovel: the target will"
		at.Advice = "nothing, if it is to run there"
		c.add(at)
	}
}

// bindings looks at each binding with what it binds.
func (c *checker) bindings() {
	types := map[string]string{}
	for _, x := range c.doc.Exchanges {
		types[vhost(x.VHost)+"\x00"+x.Name] = x.Type
	}
	kindOf := func(vhost, name string) string {
		if kind := types[vhost+"\x00"+name]; kind != "" {
			return kind
		}
		return map[string]string{
			"amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic", "amq.headers": "headers", "amq.match": "headers",
			"amq.rabbitmq.trace": "topic", "amq.rabbitmq.log": "topic", "amq.rabbitmq.event": "topic",
		}[name]
	}
	for i := range c.doc.Bindings {
		b := &c.doc.Bindings[i]
		at := bindingPlace(b)
		at.Level = Refused
		kind := kindOf(at.VHost, b.Source)
		match, _ := b.Arguments["x-match"].(string)
		switch {
		case kind == "topic" && c.since("4.3") && hashes(b.RoutingKey) > 2:
			at.Rule, at.Text = "EXCH-35", "a binding key of a topic exchange has two wildcards # at most"
			at.Advice = "put one # for several that stand together, or bind with several keys"
		case kind == "headers" && match != "" && !strings.Contains(" all any all-with-x any-with-x ", " "+match+" "):
			at.Rule, at.Text, at.Advice = "EXCH-40", "x-match is none of all, any, all-with-x, any-with-x", "correct x-match"
		default:
			continue
		}
		c.add(at)
	}
}

// hashes is the number of wildcards # in a binding key.
func hashes(key string) (n int) {
	for word := range strings.SplitSeq(key, ".") {
		if word == "#" {
			n++
		}
	}
	return n
}

// limitedQueues adds one note for all quorum queues that count returns: it is about their
// consumers.
func (c *checker) limitedQueues() {
	n := 0
	for _, q := range c.doc.Queues {
		if q.Arguments["x-queue-type"] == "quorum" {
			n++
		}
	}
	if n > 0 && c.comes("4.3") {
		c.add(Finding{Note, "queues", "", fmt.Sprintf("all quorum queues (%d)", n), "QUEUE-94",
			"basic.nack with requeue does not count for the delivery limit; basic.reject and lost channels do",
			"let consumers that give up on a message use basic.reject, or nack without requeue"})
	}
}
