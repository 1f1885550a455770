// Mutations of streams, of deduplication, and of what quorum queues keep: dead letters that
// wait for their targets, and messages that wait to come back.

package scripts

import (
	wire "github.com/rabbetmq/rabbet/amqp"
)

// without is a table that lacks a field.
func without(table wire.Table, key string) wire.Table {
	kept := wire.Table{}
	for _, field := range table {
		if field.Key != key {
			kept = append(kept, field)
		}
	}
	return kept
}

// unread is a broker that does not know an argument of consumers.
func unread(key string) faults {
	return faults{up(func(h *hop, m *wire.BasicConsume) { m.Arguments = without(m.Arguments, key) })}
}

// unseen is a broker that does not know a header of what is published.
func unseen(key string) faults {
	return faults{up(func(h *hop, m *wire.BasicPublish) { h.props.Headers = without(h.props.Headers, key) })}
}

var pluginMutations = []mutation{
	{"x-queue-type stream is ignored", "stream/refusals", "expected", argumentIgnored("x-queue-type")},
	{"x-stream-offset is ignored", "stream/offsets", "in vain for a delivery", unread("x-stream-offset")},
	{"deliveries of streams have no offset", "stream/deliveries", `first delivery: .* interface \{\}\(nil\)\}`, faults{
		down(func(h *hop, m *wire.BasicDeliver) { h.props.Headers = without(h.props.Headers, "x-stream-offset") })}},
	{"deliveries of streams are redelivered", "stream/deliveries", `first delivery: .*got .* 0x1, true,`, faults{
		down(func(h *hop, m *wire.BasicDeliver) { m.Redelivered = true })}},
	{"offsets begin with one", "stream/deliveries", `first delivery: .* "v", 1\}`, faults{
		down(func(h *hop, m *wire.BasicDeliver) {
			for i := range h.props.Headers {
				if n, ok := h.props.Headers[i].Value.(int64); ok && h.props.Headers[i].Key == "x-stream-offset" {
					h.props.Headers[i].Value = n + 1
				}
			}
		})}},
	{"x-stream-filter is ignored", "stream/filter", "delivery|deliver", unread("x-stream-filter")},
	{"a stream's prefetch is not limited", "stream/ack-gives-credit", "deliveries beyond the prefetch", faults{
		up(func(h *hop, m *wire.BasicQos) { m.PrefetchCount = 1000 })}},

	{"exchanges of deduplication are fanouts", "exchange/deduplication", "messages of the queue", faults{
		up(func(h *hop, m *wire.ExchangeDeclare) {
			if m.Type == deduplicationType {
				m.Type = "fanout"
			}
		})}},
	{"x-deduplication-header is ignored", "exchange/deduplication", "messages of the queue", unseen("x-deduplication-header")},
	{"x-cache-ttl of a message is ignored", "exchange/deduplication-forgets", "in vain for the value to be forgotten", unseen("x-cache-ttl")},
	{"queues do not deduplicate", "queue/deduplication", "ready messages: expected 6, got 8", argumentIgnored("x-message-deduplication")},
	{"a queue remembers what it had", "queue/deduplication-forgets", "ready messages: expected 1, got 0", faults{
		up(func(h *hop, m *wire.BasicAck) { h.drop() })}},

	{"dead letters do not wait for targets", "safely/counts-for-the-limit", "confirm|expected", argumentIgnored("x-dead-letter-strategy")},
	{"purge-ok counts dead letters that wait", "safely/waits-neither-ready-nor-out", "messages purged", faults{
		down(func(h *hop, m *wire.QueuePurgeOk) { m.MessageCount += 2 })}},
	{"dead letters that wait are ready", "safely/waits-neither-ready-nor-out", "ready messages|messages purged", faults{
		down(func(h *hop, m *wire.QueueDeclareOk) {
			if m.MessageCount > 0 {
				m.MessageCount += 2
			}
		})}},

	{"x-delayed-retry-type is ignored", "retry/is-in-no-count", "ready messages|messages purged|in vain", argumentIgnored("x-delayed-retry-type")},
	{"a reject is a nack", "retry/which-returns", "ready messages|in vain|counts", faults{
		up(func(h *hop, m *wire.BasicReject) {
			h.swap(&wire.BasicNack{DeliveryTag: m.DeliveryTag, Requeue: m.Requeue})
		})}},
	{"purge-ok leaves out what waits to come back", "retry/is-in-no-count", "messages purged", faults{
		down(func(h *hop, m *wire.QueuePurgeOk) { m.MessageCount-- })}},
}
