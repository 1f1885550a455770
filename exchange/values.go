// Header values in a form in which equal means equal to RabbitMQ (EXCH-38), so
// that a condition can be looked up in a map and compared as a string.

package exchange

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
)

// appendCondition appends a condition on a header: the length of its name, the
// name, and the value that it must have. No value means that any will do, which
// is what a void argument asks (EXCH-38, TYPES-11).
func appendCondition(b []byte, name string, value any) []byte {
	b = amqp.AppendShortstr(b, name)
	if value == nil {
		return b
	}
	return appendValue(b, value)
}

// isPresence reports whether a condition asks for no particular value.
func isPresence(condition string) bool { return len(condition) == 1+int(condition[0]) }

// appendValue appends a value so that two are equal byte by byte if RabbitMQ
// 3.13 finds them equal: integers of all widths by number, text and binary by
// bytes, but no integer equals a float. (Up to 3.12 those were compared by
// number too.) What arrays and tables hold is compared with its types, and in
// order.
func appendValue(b []byte, value any) []byte {
	if n, ok := amqp.AsInt(value); ok {
		return appendInt(b, n)
	}
	switch v := value.(type) {
	case bool:
		if v {
			return append(b, 't', 1)
		}
		return append(b, 't', 0)
	case string:
		return append(append(b, 'S'), v...)
	case []byte:
		return append(append(b, 'S'), v...)
	case float32:
		return appendFloat(b, float64(v))
	case float64:
		return appendFloat(b, v)
	case amqp.Timestamp:
		return appendUint(b, uint64(v))
	}
	// Void, decimals, arrays and tables: their own wire form, but an empty
	// array and an empty table are the same empty list.
	switch v := value.(type) {
	case amqp.Array:
		if len(v) == 0 {
			return append(b, 'A')
		}
	case amqp.Table:
		if len(v) == 0 {
			return append(b, 'A')
		}
	}
	return amqp.AppendTable(append(b, 'F'), amqp.Table{{Value: value}})
}

// appendHeader appends a message's header as a condition that it fulfils, and
// returns where its value begins.
func appendHeader(b []byte, f amqp.Field) ([]byte, int) {
	b = amqp.AppendShortstr(b, f.Key)
	at := len(b)
	if t, ok := f.Value.(amqp.Timestamp); ok {
		// EXCH-41: RabbitMQ turns a message's timestamps, and only those, into
		// milliseconds first.
		hi, ms := bits.Mul64(uint64(t), 1000)
		if hi != 0 {
			return append(b, 'T'), at // larger than any value a binding can ask for
		}
		return appendUint(b, ms), at
	}
	return appendValue(b, f.Value), at
}

func appendInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 'l'), uint64(n))
}

func appendUint(b []byte, n uint64) []byte {
	if n <= math.MaxInt64 {
		return appendInt(b, int64(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 'U'), n)
}

func appendFloat(b []byte, f float64) []byte {
	if f == 0 {
		f = 0 // the negative zero too
	}
	return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(f))
}

// facts are the conditions that a message's headers fulfil.
type facts struct {
	buf   []byte
	spans []span // sorted by name
}

// span is one header in buf: its name from start to value, its value to end.
type span struct{ start, value, end int }

// readFacts indexes the headers of a message. Of several with one name the
// last counts (TYPES-5).
func readFacts(raw amqp.RawTable) facts {
	table, err := raw.Decode()
	if err != nil {
		return facts{}
	}
	f := facts{buf: make([]byte, 0, 2*len(raw)), spans: make([]span, 0, len(table))}
	for _, field := range table {
		s := span{start: len(f.buf)}
		f.buf, s.value = appendHeader(f.buf, field)
		s.end = len(f.buf)
		f.spans = append(f.spans, s)
	}
	slices.SortStableFunc(f.spans, func(a, b span) int { return bytes.Compare(f.name(a), f.name(b)) })
	last := f.spans[:0]
	for i, s := range f.spans {
		if i+1 == len(f.spans) || !bytes.Equal(f.name(s), f.name(f.spans[i+1])) {
			last = append(last, s)
		}
	}
	f.spans = last
	return f
}

func (f *facts) name(s span) []byte { return f.buf[s.start:s.value] }

// fulfil reports whether the headers meet a condition.
func (f *facts) fulfil(condition string) bool {
	name := condition[:1+int(condition[0])]
	i, ok := slices.BinarySearchFunc(f.spans, name, func(s span, name string) int {
		return compareString(f.name(s), name)
	})
	if !ok {
		return false
	}
	return len(name) == len(condition) || string(f.buf[f.spans[i].start:f.spans[i].end]) == condition
}

// compareString is bytes.Compare with a string, without copying it.
func compareString(b []byte, s string) int {
	switch {
	case string(b) < s:
		return -1
	case string(b) > s:
		return 1
	}
	return 0
}
