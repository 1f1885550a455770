package shovel

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
)

// term is a JSON value as Erlang prints it, which refusals show (SHOVEL-3).
func term(v any) string {
	switch v := v.(type) {
	case string:
		return amqp.FormatBinary([]byte(v))
	case json.Number:
		return number(v)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		return list(v)
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, term(key)+" => "+term(v[key]))
		}
		return "#{" + strings.Join(parts, ",") + "}"
	}
	return "null"
}

// number is a number as Erlang prints it: a float always has a point.
func number(n json.Number) string {
	text := n.String()
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	if f, err := n.Float64(); err == nil {
		if text = strconv.FormatFloat(f, 'g', -1, 64); !strings.Contains(text, ".") {
			mantissa, exponent, scientific := strings.Cut(text, "e")
			if text = mantissa + ".0"; scientific {
				text += "e" + exponent
			}
		}
	}
	return text
}

// list is a list as Erlang prints it: one of characters is a text.
func list(items []any) string {
	text := make([]rune, 0, len(items))
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = term(item)
		if n, err := strconv.Atoi(parts[i]); err == nil && n >= 0 && n <= 255 {
			text = append(text, rune(n))
		}
	}
	if len(items) > 0 && len(text) == len(items) {
		return amqp.FormatString(string(text))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// tuples is keys and values as a list of pairs.
func tuples(m map[string]any) string {
	parts := make([]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, "{"+term(key)+","+term(m[key])+"}")
	}
	return "[" + strings.Join(parts, ",") + "]"
}
