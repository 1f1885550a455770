package management

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
)

// appendTyped appends a table as a list of triples: the name, RabbitMQ's word for the type,
// the value. RabbitMQ's command-line tools show arguments so.
func appendTyped(b []byte, v any, depth int) []byte {
	var t amqp.Table
	switch v := v.(type) {
	case amqp.Table:
		t = v
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			t = append(t, amqp.Field{Key: key, Value: v[key]})
		}
	}
	b = append(b, '[')
	for i, f := range t {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(append(b, '['), f.Key), ',')
		b = append(appendTypedValue(b, f.Value, depth-1), ']')
	}
	return append(b, ']')
}

// appendTypedValue appends the type of a value, a comma, and the value.
func appendTypedValue(b []byte, v any, depth int) []byte {
	kind := amqp.TypeName(v)
	switch v.(type) {
	case map[string]any:
		kind = "table"
	case []any:
		kind = "array"
	case int, json.Number:
		kind = "long"
	}
	b = append(appendString(b, kind), ',')
	switch v := v.(type) {
	case amqp.Table, map[string]any:
		if depth >= 0 {
			return appendTyped(b, v, depth)
		}
	case amqp.Array:
		return appendTypedArray(b, v, depth)
	case []any:
		return appendTypedArray(b, v, depth)
	case amqp.Decimal: // the scale and the number
		return fmt.Appendf(b, "[%d,%d]", v.Scale, v.Value)
	}
	return appendNested(b, v, depth)
}

func appendTypedArray(b []byte, list []any, depth int) []byte {
	if depth < 0 {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendTypedValue(append(b, '['), v, depth-1), ']')
	}
	return append(b, ']')
}
