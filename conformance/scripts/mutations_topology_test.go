// Mutations of queues, exchanges and bindings: flags and arguments that are not
// heeded, counts that are wrong.

package scripts

import (
	wire "github.com/rabbetmq/rabbet/amqp"
)

// argumentIgnored is a broker that does not know an argument of queues.
func argumentIgnored(key string) faults {
	return faults{up(func(h *hop, m *wire.QueueDeclare) {
		m.Arguments = without(m.Arguments, key)
	})}
}

var topologyMutations = []mutation{
	{"declare-ok counts one message too many", "queue/counts", `messages and consumers of a new queue: .*got \[2\]int\{1, 0\}`, faults{
		down(func(h *hop, m *wire.QueueDeclareOk) { m.MessageCount++ })}},
	{"declare-ok counts no consumers", "queue/counts", `with two unacknowledged and a consumer: .*got \[2\]int\{1, 0\}`, faults{
		down(func(h *hop, m *wire.QueueDeclareOk) { m.ConsumerCount = 0 })}},
	{"declare-ok has no name", "queue/server-named", `"" does not match \^amq\\\.gen-\[A-Za-z0-9_-\]\{22\}\$`, faults{
		down(func(h *hop, m *wire.QueueDeclareOk) { m.Queue = "" })}},
	{"a server-named queue has another prefix", "queue/server-named", `"gen-0123456789012345678901" does not match \^amq\\\.gen-\[A-Za-`, faults{
		up(func(h *hop, m *wire.QueueDeclare) {
			if m.Queue == "" {
				m.Queue = "gen-0123456789012345678901"
			}
		})}},
	{"purge-ok counts wrong", "queue/purge-count", "purged", faults{
		down(func(h *hop, m *wire.QueuePurgeOk) { m.MessageCount++ })}},
	{"delete-ok counts wrong", "queue/delete-count", "deleted", faults{
		down(func(h *hop, m *wire.QueueDeleteOk) { m.MessageCount++ })}},
	{"if-unused is ignored", "queue/delete-conditions", "but it stayed open", faults{
		up(func(h *hop, m *wire.QueueDelete) { m.IfUnused = false })}},
	{"if-empty is ignored", "queue/delete-conditions", "but it stayed open", faults{
		up(func(h *hop, m *wire.QueueDelete) { m.IfEmpty = false })}},
	{"if-unused is ignored for exchanges", "exchange/delete-if-unused", "but it stayed open", faults{
		up(func(h *hop, m *wire.ExchangeDelete) { m.IfUnused = false })}},
	{"a passive declare declares", "queue/passive", "a passive declare with other flags and arguments: Exception ", faults{
		up(func(h *hop, m *wire.QueueDeclare) { m.Passive = false })}},
	{"a passive declare of an exchange declares", "exchange/passive-declare", "a passive declare with other type, flags and arguments: Exce", faults{
		up(func(h *hop, m *wire.ExchangeDeclare) { m.Passive = false })}},
	{"an exclusive queue is not", "queue/exclusive-to-others", "but it stayed open", faults{
		up(func(h *hop, m *wire.QueueDeclare) { m.Exclusive = false })}},
	{"an exclusive queue outlives its connection", "queue/exclusive-lives-with-its-connection", "waited in vain for the queue to go", faults{
		up(func(h *hop, m *wire.QueueDeclare) { m.Exclusive = false })}},
	{"an auto-delete queue stays", "queue/auto-delete-on-cancel", "in vain for the queue to go", faults{
		up(func(h *hop, m *wire.QueueDeclare) { m.AutoDelete = false })}},
	{"every queue is auto-delete", "ack/after-cancel", "get: Exception .404. Reason: .NOT_FOUND - no queue", faults{
		up(func(h *hop, m *wire.QueueDeclare) { m.AutoDelete = true })}},
	{"an auto-delete exchange stays", "exchange/auto-delete-on-unbind", "it exists without a binding: .*got true", faults{
		up(func(h *hop, m *wire.ExchangeDeclare) { m.AutoDelete = false })}},
	{"durable is not compared", "queue/redeclare-inequivalent", "but it stayed open", faults{
		up(func(h *hop, m *wire.QueueDeclare) { m.Durable = true })}},
	{"no exchange is internal", "exchange/publish-to-internal", "but it stayed open", faults{
		up(func(h *hop, m *wire.ExchangeDeclare) { m.Internal = false })}},
	{"an exchange has no alternate", "alternate/takes-what-is-unroutable", "get: the queue is empty", faults{
		up(func(h *hop, m *wire.ExchangeDeclare) { m.Arguments = nil })}},
	{"the arguments of bindings are ignored", "routing/headers-match", `binding map\[a:1 b:2\] takes a message with map\[a:1\]: .*got true`, faults{
		up(func(h *hop, m *wire.QueueBind) { m.Arguments = nil })}},
	{"a topic's hash is a star", "routing/topic", `pattern "#": messages of the queue: .*got \[\]string\{"a"\}`, faults{
		up(func(h *hop, m *wire.QueueBind) {
			if m.RoutingKey == "#" {
				m.RoutingKey = "*"
			}
		})}},
	{"a fanout heeds its keys", "routing/fanout", `messages of the queue: .*got \[\]string\{"a"\}`, faults{
		up(func(h *hop, m *wire.ExchangeDeclare) {
			if m.Type == "fanout" {
				m.Type = "direct"
			}
		})}},
	{"unbind does nothing", "routing/topic-unbind", "messages of the queue: expected", faults{
		up(func(h *hop, m *wire.QueueUnbind) { h.answer(&wire.QueueUnbindOk{}) })}},
	{"bindings between exchanges lead nowhere", "binding/exchange-to-exchange", "get: the queue is empty", faults{
		up(func(h *hop, m *wire.ExchangeBind) { h.answer(&wire.ExchangeBindOk{}) })}},
	{"no-wait is answered", "queue/declare-no-wait", `get: Exception \(503\) Reason: "unexpected command received"`, faults{
		up(func(h *hop, m *wire.QueueDeclare) { m.NoWait = false })}},
	{"x-message-ttl is ignored", "ttl/queue", "waited in vain for a delivery", argumentIgnored("x-message-ttl")},
	{"x-expires is ignored", "expires/unused", "waited in vain for the queue to expire", argumentIgnored("x-expires")},
	{"x-max-length is ignored", "limits/length", "messages of the queue: expected", argumentIgnored("x-max-length")},
	{"x-max-length-bytes is ignored", "limits/bytes", "ready messages: .*got 4", argumentIgnored("x-max-length-bytes")},
	{"x-overflow is ignored", "reject/length", "ack of publish 3: .*got true", argumentIgnored("x-overflow")},
	{"x-max-priority is ignored", "priority/highest-first", "messages of the queue: expected", argumentIgnored("x-max-priority")},
	{"x-single-active-consumer is ignored", "single/only-the-first", `delivery 2 to .*: .*got "00003"`, argumentIgnored("x-single-active-consumer")},
	{"x-delivery-limit is ignored", "quorum/delivery-limit", "waited in vain for a delivery", argumentIgnored("x-delivery-limit")},
	{"a quorum queue is a classic one", "quorum/no-shared-limit", "but it stayed open", argumentIgnored("x-queue-type")},
	{"x-dead-letter-exchange is ignored", "deadletter/key-of-the-message", "waited in vain for a delivery", argumentIgnored("x-dead-letter-exchange")},
	{"x-dead-letter-routing-key is ignored", "deadletter/key-of-the-queue", "waited in vain for a delivery", argumentIgnored("x-dead-letter-routing-key")},
	{"arguments are not checked", "arguments/negative", "but it stayed open", faults{
		up(func(h *hop, m *wire.QueueDeclare) { m.Arguments = nil })}},
}
