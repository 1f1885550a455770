package management

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rabbetmq/rabbet/amqp"
)

// maxDepth is how deep tables are shown. A client may nest them as deep as a frame has
// room for; what is deeper is null.
const maxDepth = 512

func appendFields(b []byte, t amqp.Table, depth int) []byte {
	b = append(b, '{')
	for i, f := range t {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, f.Key), ':')
		b = appendNested(b, f.Value, depth-1)
	}
	return append(b, '}')
}

// appendValue appends a value of an AMQP table as RabbitMQ shows it: a timestamp is a
// number of seconds, a string of bytes that are no UTF-8 is base64.
func appendValue(b []byte, v any) []byte { return appendNested(b, v, maxDepth) }

func appendNested(b []byte, v any, depth int) []byte {
	if depth < 0 {
		return append(b, "null"...)
	}
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) {
			return appendString(b, base64.StdEncoding.EncodeToString([]byte(v)))
		}
		return appendString(b, v)
	case []byte:
		return appendNested(b, string(v), depth)
	case bool:
		return strconv.AppendBool(b, v)
	case float32:
		return appendFloat(b, float64(v))
	case float64:
		return appendFloat(b, v)
	case amqp.Timestamp:
		return strconv.AppendUint(b, uint64(v), 10)
	case amqp.Decimal:
		return appendFloat(b, float64(v.Value)/math.Pow10(int(v.Scale)))
	case amqp.Table:
		return appendFields(b, v, depth)
	case amqp.Array:
		return appendArray(b, v, depth)
	case []any:
		return appendArray(b, v, depth)
	case map[string]any:
		return appendMap(b, v, depth)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case json.Number:
		return append(b, v...)
	}
	if n, ok := amqp.AsInt(v); ok {
		return strconv.AppendInt(b, n, 10)
	}
	return append(b, "null"...)
}

func appendArray(b []byte, list []any, depth int) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNested(b, v, depth-1)
	}
	return append(b, ']')
}

func appendMap(b []byte, m map[string]any, depth int) []byte {
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, key), ':')
		b = appendNested(b, m[key], depth-1)
	}
	return append(b, '}')
}

// errNull refuses null, which a table of AMQP has but RabbitMQ's API does not take.
var errNull = errors.New("null_not_allowed")

// decodeJSON decodes one JSON value and keeps numbers as they are written.
func decodeJSON(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// argumentsOf is an object of JSON as arguments or headers: integers become 64 bits
// signed, other numbers doubles, null is refused.
func argumentsOf(m map[string]any) (map[string]any, error) {
	args := make(map[string]any, len(m))
	for key, v := range m {
		converted, err := argumentOf(v)
		if err != nil {
			return nil, err
		}
		args[key] = converted
	}
	return args, nil
}

func argumentOf(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, errNull
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return v.Float64()
		}
		n, err := v.Int64()
		if err != nil {
			return nil, fmt.Errorf("%s is no integer of 64 bits", v)
		}
		return n, nil
	case map[string]any:
		return argumentsOf(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = argumentOf(v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return v, nil
}
