// Mutations of dead letters: what their history tells, and what else is changed
// in them.

package scripts

import (
	"slices"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// deaths is a fault in the history of each message that the broker hands over.
func deaths(f func(wire.Array) wire.Array) faults {
	return faults{content(func(h *hop) {
		for i, field := range h.props.Headers {
			if entries, ok := field.Value.(wire.Array); ok && field.Key == "x-death" {
				h.props.Headers[i].Value = f(entries)
			}
		}
	})}
}

// death is a fault in each of its entries.
func death(f func(wire.Table) wire.Table) faults {
	return deaths(func(entries wire.Array) wire.Array {
		for i, entry := range entries {
			entries[i] = f(entry.(wire.Table))
		}
		return entries
	})
}

// deathField is a fault in one field of each entry, f's argument and result.
func deathField(key string, f func(any) any) faults {
	return death(func(entry wire.Table) wire.Table {
		for i, field := range entry {
			if field.Key == key {
				entry[i].Value = f(field.Value)
			}
		}
		return entry
	})
}

func noDeathField(key string) faults {
	return death(func(entry wire.Table) wire.Table {
		return slices.DeleteFunc(entry, func(f wire.Field) bool { return f.Key == key })
	})
}

func always(v any) func(any) any { return func(any) any { return v } }

var deathMutations = []mutation{
	{"x-death gives another reason", "death/reasons", "queue, reason and count of the death: expected", deathField("reason", always("rejected"))},
	{"x-death counts one too many", "death/fields", "the death: expected", deathField("count", func(n any) any { return n.(int64) + 1 })},
	{"x-death does not count", "death/repeated", "the newest death: expected", deathField("count", always(int64(1)))},
	{"x-death counts in 32 bits", "death/fields", "the death: expected", deathField("count", func(n any) any { return int32(n.(int64)) })},
	{"x-death names another queue", "death/fields", "the death: expected", deathField("queue", always("q"))},
	{"x-death names no exchange", "death/exchange-and-keys-of-each-queue", "where it was published last: expected", deathField("exchange", always(""))},
	{"x-death has no keys", "death/fields", "the death: expected", deathField("routing-keys", always(wire.Array{}))},
	{"x-death has one key only", "deadletter/carbon-copies-in-its-history", "routing-keys: expected",
		deathField("routing-keys", func(keys any) any { return keys.(wire.Array)[:1] })},
	{"x-death has no time", "death/fields", "time is <nil>", noDeathField("time")},
	{"x-death has the time in milliseconds", "death/fields", `time is time\.Date\(5`,
		deathField("time", func(at any) any { return at.(wire.Timestamp) * 1000 })},
	{"x-death forgets the expiration", "death/original-expiration", "original-expiration: .*got <nil>", noDeathField("original-expiration")},
	{"x-death has the oldest first", "death/newest-first", "death 0: expected", deaths(func(entries wire.Array) wire.Array {
		slices.Reverse(entries)
		return entries
	})},
	{"x-death has the newest only", "death/newest-in-front-of-many", `deaths, and queues in them: .*got \[\]int\{1, 1\}`,
		deaths(func(entries wire.Array) wire.Array { return entries[:1] })},
	{"x-death has one entry for each death", "death/repeated", "deaths of one message in two queues: .*got 3", deaths(func(entries wire.Array) wire.Array {
		return append(entries, entries[0])
	})},
	{"x-death of a client is lost", "death/client-history-goes-on", "deaths: .*got 1", faults{
		up(func(h *hop, m *wire.BasicPublish) { h.removeHeader("x-death") })}},
	{"x-first-death headers are missing", "death/first", "first death: expected", faults{
		content(func(h *hop) { h.removeHeader("x-first-death-queue") })}},
	{"x-last-death headers are missing", "death/last", "last death: expected", faults{
		content(func(h *hop) { h.removeHeader("x-last-death-reason") })}},
	{"x-first-death is the last", "death/first", "first death: expected", faults{content(func(h *hop) {
		last, _ := h.props.Headers.Get("x-last-death-queue")
		for i, field := range h.props.Headers {
			if field.Key == "x-first-death-queue" {
				h.props.Headers[i].Value = last
			}
		}
	})}},
	{"a dead letter expires again", "deadletter/properties", "properties: expected", faults{content(func(h *hop) {
		if _, dead := h.props.Headers.Get("x-death"); dead {
			h.props.Flags |= wire.HasExpiration
			h.props.Expiration = "60000"
		}
	})}},
	{"a dead letter loses its priority", "deadletter/properties", "properties: expected", faults{content(func(h *hop) {
		if _, dead := h.props.Headers.Get("x-death"); dead {
			h.props.Flags &^= wire.HasPriority
		}
	})}},
	{"a dead letter keeps its exchange", "deadletter/key-of-the-message", "exchange and key of the dead letter: expected", faults{
		down(func(h *hop, m *wire.BasicDeliver) {
			if exchange, dead := h.props.Headers.Get("x-first-death-exchange"); dead {
				m.Exchange = exchange.(string)
			}
		})}},
	{"a dead letter has another key", "deadletter/key-of-the-queue", "exchange and key of the dead letter: expected", faults{
		down(func(h *hop, m *wire.BasicDeliver) { m.RoutingKey = "k" })}},
	{"x-delivery-count is missing", "quorum/delivery-count", "x-delivery-count: .*got <nil>", faults{
		content(func(h *hop) { h.removeHeader("x-delivery-count") })}},
	{"x-delivery-count is one too many", "quorum/delivery-count", "x-delivery-count: .*got 2", faults{content(func(h *hop) {
		for i, field := range h.props.Headers {
			if field.Key == "x-delivery-count" {
				h.props.Headers[i].Value = field.Value.(int64) + 1
			}
		}
	})}},
}
