// What versions of RabbitMQ tell in different ways, told in one.

package scripts

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// comparableHeaders are headers as all versions could have delivered them: sorted
// (BASIC-11), without x-last-death-* (QUEUE-79), without an x-delivery-count of 0
// (QUEUE-94), without the CC of a dead letter (QUEUE-75), and with the
// deaths in one order (QUEUE-76, QUEUE-80) and without their times.
func comparableHeaders(headers wire.Table) (out wire.Table) {
	_, died := headers.Get("x-death")
	for _, f := range headers {
		switch {
		case strings.HasPrefix(f.Key, "x-last-death-"), f.Key == "x-delivery-count" && f.Value == int64(0), f.Key == "CC" && died:
			continue
		case f.Key == "x-death":
			f.Value = comparableDeaths(f.Value)
		}
		out = append(out, f)
	}
	sortTable(out)
	return out
}

func sortTable(t wire.Table) {
	slices.SortStableFunc(t, func(a, b wire.Field) int { return cmp.Compare(a.Key, b.Key) })
}

func comparableDeaths(v any) any {
	deaths, ok := v.(wire.Array)
	if !ok {
		return v
	}
	out := make(wire.Array, len(deaths))
	for i, d := range deaths {
		out[i] = d
		if t, ok := d.(wire.Table); ok {
			t = slices.DeleteFunc(slices.Clone(t), func(f wire.Field) bool { return f.Key == "time" })
			sortTable(t)
			out[i] = t
		}
	}
	slices.SortFunc(out, func(a, b any) int { return cmp.Compare(value(a), value(b)) })
	return out
}
