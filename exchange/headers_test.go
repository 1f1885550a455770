package exchange

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
)

// tableOf makes a table of names and values in turn.
func tableOf(pairs ...any) amqp.Table {
	t := amqp.Table{}
	for i := 0; i < len(pairs); i += 2 {
		t = append(t, amqp.Field{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return t
}

func TestHeadersMatching(t *testing.T) {
	h := tableOf
	ab := h("a", "1", "b", "2")
	for _, tc := range []struct {
		name      string
		args      amqp.Table
		match     []amqp.Table
		not       []amqp.Table
		behaviour string
	}{
		{"all by default", ab,
			[]amqp.Table{ab, h("b", "2", "a", "1"), h("c", "3", "b", "2", "a", "1")},
			[]amqp.Table{nil, h(), h("a", "1"), h("a", "1", "b", "3"), h("A", "1", "b", "2")}, "EXCH-37"},
		{"all", append(h("x-match", "all"), ab...),
			[]amqp.Table{ab}, []amqp.Table{h("a", "1"), h("b", "2"), h("c", "1")}, "EXCH-37"},
		{"any", append(h("x-match", "any"), ab...),
			[]amqp.Table{ab, h("a", "1"), h("b", "2"), h("a", "1", "b", "3")},
			[]amqp.Table{nil, h(), h("a", "2"), h("c", "1")}, "EXCH-37"},
		{"all ignores x- arguments", h("x-match", "all", "a", "1", "x-other", "2"),
			[]amqp.Table{h("a", "1"), h("a", "1", "x-other", "3")}, []amqp.Table{h("x-other", "2")}, "EXCH-37"},
		{"any ignores x- arguments", h("x-match", "any", "a", "1", "x-other", "2"),
			[]amqp.Table{h("a", "1")}, []amqp.Table{h("x-other", "2")}, "EXCH-37"},
		{"all-with-x", h("x-match", "all-with-x", "a", "1", "x-other", "2"),
			[]amqp.Table{h("a", "1", "x-other", "2")},
			[]amqp.Table{h("a", "1"), h("x-other", "2"), h("a", "1", "x-other", "3")}, "EXCH-37"},
		{"any-with-x", h("x-match", "any-with-x", "a", "1", "x-other", "2"),
			[]amqp.Table{h("a", "1"), h("x-other", "2")},
			[]amqp.Table{h("x-match", "any-with-x"), h("a", "2")}, "EXCH-37"},

		{"integers by number", h("a", int32(5)),
			[]amqp.Table{h("a", int8(5)), h("a", uint8(5)), h("a", int16(5)), h("a", uint16(5)), h("a", int32(5)), h("a", uint32(5)), h("a", int64(5))},
			[]amqp.Table{h("a", "5"), h("a", int64(6)), h("a", int64(-5)), h("a", true), h("a", []byte("5")), h("a", nil),
				h("a", 5.0), h("a", amqp.Decimal{Value: 5}), h("a", amqp.Array{int32(5)})}, "EXCH-38"},
		{"negative integers", h("a", int8(-1)),
			[]amqp.Table{h("a", int16(-1)), h("a", int64(-1))},
			[]amqp.Table{h("a", uint8(255)), h("a", uint16(math.MaxUint16)), h("a", uint32(math.MaxUint32))}, "EXCH-38"},
		{"floats by number", h("a", float32(0.5)),
			[]amqp.Table{h("a", 0.5), h("a", float32(0.5))}, []amqp.Table{h("a", 0.25), h("a", "0.5")}, "EXCH-38"},
		{"text and binary by bytes", h("a", "v"),
			[]amqp.Table{h("a", "v"), h("a", []byte("v"))}, []amqp.Table{h("a", "V"), h("a", ""), h("a", "vv")}, "EXCH-38"},
		{"booleans", h("a", true),
			[]amqp.Table{h("a", true)}, []amqp.Table{h("a", false), h("a", int8(1)), h("a", "true")}, "EXCH-38"},
		{"decimals", h("a", amqp.Decimal{Scale: 1, Value: 50}),
			[]amqp.Table{h("a", amqp.Decimal{Scale: 1, Value: 50})},
			[]amqp.Table{h("a", amqp.Decimal{Value: 5}), h("a", int32(5))}, "EXCH-38"},
		{"arrays by structure", h("a", amqp.Array{"x", int32(1)}),
			[]amqp.Table{h("a", amqp.Array{"x", int32(1)})},
			[]amqp.Table{h("a", amqp.Array{int32(1), "x"}), h("a", amqp.Array{"x"}), h("a", amqp.Array{}), h("a", "x"),
				h("a", amqp.Array{"x", int64(1)})}, "EXCH-38"},
		{"tables by structure", h("a", h("k", "v")),
			[]amqp.Table{h("a", h("k", "v"))}, []amqp.Table{h("a", h("k", "w")), h("a", h()), h("a", h("k", "v", "l", "v"))}, "EXCH-38"},
		{"an empty array is an empty table", h("a", amqp.Array{}),
			[]amqp.Table{h("a", amqp.Array{}), h("a", h())}, []amqp.Table{h("a", ""), h("a", nil), h("a", amqp.Array{nil})}, "EXCH-38"},
		{"void asks for presence", h("a", nil),
			[]amqp.Table{h("a", "1"), h("a", nil), h("a", amqp.Array{}), h("a", false)}, []amqp.Table{nil, h(), h("b", "1")}, "EXCH-38"},
		{"void among others", h("a", nil, "b", "2"),
			[]amqp.Table{h("a", "x", "b", "2")}, []amqp.Table{h("a", "x"), h("b", "2")}, "EXCH-38"},
		{"any of voids", h("x-match", "any", "a", nil, "b", nil),
			[]amqp.Table{h("a", "x"), h("b", nil)}, []amqp.Table{h("c", nil)}, "EXCH-38"},

		{"all of nothing", nil, []amqp.Table{nil, h(), h("a", "1")}, nil, "EXCH-39"},
		{"all of ignored", h("x-match", "all", "x-a", "1"), []amqp.Table{nil, h(), h("a", "1")}, nil, "EXCH-39"},
		{"all-with-x of nothing", h("x-match", "all-with-x"), []amqp.Table{nil, h("a", "1")}, nil, "EXCH-39"},
		{"any of nothing", h("x-match", "any"), nil, []amqp.Table{nil, h(), h("a", "1")}, "EXCH-39"},
		{"any of ignored", h("x-match", "any", "x-a", "1"), nil, []amqp.Table{nil, h("x-a", "1")}, "EXCH-39"},

		{"the last of equal names counts", h("a", "1"),
			[]amqp.Table{h("a", "2", "a", "1")}, []amqp.Table{h("a", "1", "a", "2")}, "TYPES-5"},
		{"the first x-match counts", h("x-match", "any", "x-match", "all", "a", "1", "b", "2"),
			[]amqp.Table{h("a", "1")}, nil, "TYPES-5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := testTable(t, "headers")
			bind(t, x, "key is ignored", tc.args, "q")
			for _, headers := range tc.match {
				assert.Contains(t, routed(x, Message{Key: "other", Headers: rawTable(headers)}), "q", "%s: %v", tc.behaviour, headers)
			}
			for _, headers := range tc.not {
				assert.Empty(t, routed(x, Message{Headers: rawTable(headers)}), "%s: %v", tc.behaviour, headers)
			}
			require.True(t, x.Unbind("key is ignored", tc.args, "q"))
			assertEmpty(t, x)
		})
	}
}

// EXCH-41: a message's timestamp is in milliseconds when it is compared.
func TestHeadersTimestamps(t *testing.T) {
	x := testTable(t, "headers")
	bind(t, x, "", tableOf("t", amqp.Timestamp(5)), "timestamp")
	bind(t, x, "", tableOf("t", int64(5000)), "milliseconds")
	bind(t, x, "", tableOf("t", amqp.Timestamp(math.MaxUint64)), "far away")
	route := func(v any) []string { return routed(x, Message{Headers: rawTable(tableOf("t", v))}) }
	assert.Equal(t, []string{"milliseconds"}, route(amqp.Timestamp(5)))
	assert.Equal(t, []string{"timestamp"}, route(int32(5)))
	assert.Empty(t, route(amqp.Timestamp(math.MaxUint64)), "past 64 bits")
	assert.Empty(t, route(amqp.Timestamp(math.MaxInt64/500)), "past 63 bits")
}

func TestHeadersArgumentErrors(t *testing.T) {
	for _, tc := range []struct {
		value any
		text  string // EXCH-40, as a RabbitMQ 3.10.8 sends it
	}{
		{"some", `Invalid x-match field value <<"some">>; expected all, any, all-with-x, or any-with-x`},
		{"ALL", `Invalid x-match field value <<"ALL">>; expected all, any, all-with-x, or any-with-x`},
		{"so\"me", `Invalid x-match field value <<"so\"me">>; expected all, any, all-with-x, or any-with-x`},
		{"\x01", `Invalid x-match field value <<1>>; expected all, any, all-with-x, or any-with-x`},
		{"", `Invalid x-match field value <<>>; expected all, any, all-with-x, or any-with-x`},
		{int32(1), `Invalid x-match field type signedint (value 1); expected longstr`},
		{int8(-1), `Invalid x-match field type byte (value -1); expected longstr`},
		{true, `Invalid x-match field type bool (value true); expected longstr`},
		{1.5, `Invalid x-match field type double (value 1.5); expected longstr`},
		{nil, `Invalid x-match field type void (value undefined); expected longstr`},
		{[]byte("all"), `Invalid x-match field type binary (value <<"all">>); expected longstr`},
		{amqp.Timestamp(5), `Invalid x-match field type timestamp (value 5); expected longstr`},
		{amqp.Decimal{Scale: 1, Value: 50}, `Invalid x-match field type decimal (value {1,50}); expected longstr`},
		{amqp.Array{int32(1)}, `Invalid x-match field type array (value [{signedint,1}]); expected longstr`},
		{tableOf("k", "v"), `Invalid x-match field type table (value [{<<"k">>,longstr,<<"v">>}]); expected longstr`},
	} {
		x := testTable(t, "headers")
		added, err := x.Bind("k", tableOf("a", "1", "x-match", tc.value), "q")
		var invalid *ArgumentError
		require.ErrorAs(t, err, &invalid)
		assert.Equal(t, tc.text, invalid.Text)
		assert.EqualError(t, err, tc.text)
		assert.False(t, added)
		assert.False(t, x.Unbind("k", tableOf("a", "1", "x-match", tc.value), "q"), "not an error")
		assertEmpty(t, x)
	}
}

func TestHeadersThatCannotBeDecodedAreNone(t *testing.T) {
	x := testTable(t, "headers")
	bind(t, x, "", nil, "always")
	bind(t, x, "", tableOf("a", "1"), "q")
	assert.Equal(t, []string{"always"}, routed(x, Message{Headers: amqp.RawTable{5, 'a'}}))
}

// naiveHeaders says the rules of EXCH-37 to EXCH-39 straight away.
func naiveHeaders(args, headers amqp.Table) bool {
	mode, _ := args.Get("x-match")
	if mode == nil {
		mode = "all"
	}
	matched, missed := false, false
	headers = slices.Clone(headers)
	slices.Reverse(headers) // the last of duplicates counts
	for _, a := range args {
		if a.Key == "x-match" || strings.HasPrefix(a.Key, "x-") && !strings.HasSuffix(mode.(string), "-with-x") {
			continue
		}
		v, ok := headers.Get(a.Key)
		if ok && (a.Value == nil || naiveEqual(a.Value, v)) {
			matched = true
		} else {
			missed = true
		}
	}
	if strings.HasPrefix(mode.(string), "any") {
		return matched
	}
	return !missed
}

func naiveEqual(a, b any) bool {
	if n, ok := amqp.AsInt(a); ok {
		m, ok := amqp.AsInt(b)
		return ok && n == m
	}
	text := func(v any) ([]byte, bool) {
		switch v := v.(type) {
		case string:
			return []byte(v), true
		case []byte:
			return v, true
		}
		return nil, false
	}
	if s, ok := text(a); ok {
		r, ok := text(b)
		return ok && bytes.Equal(s, r)
	}
	number := func(v any) any {
		if f, ok := v.(float32); ok {
			return float64(f)
		}
		return v
	}
	return reflect.DeepEqual(number(a), number(b))
}

// randomTable makes arguments or headers of few names and values, so that many
// match.
func randomTable(rnd *rand.Rand, args bool) amqp.Table {
	names := []string{"a", "b", "c", "x-a", "x-b"}
	values := []any{"1", []byte("1"), "2", int8(1), int64(1), uint32(2), true, false, 1.5, float32(1.5), 0.0,
		math.Copysign(0, -1), nil, amqp.Decimal{Scale: 1, Value: 1}, amqp.Array{"1"}, tableOf("1", "1")}
	t := amqp.Table{}
	for range rnd.IntN(4) {
		t = append(t, amqp.Field{Key: names[rnd.IntN(len(names))], Value: values[rnd.IntN(len(values))]})
	}
	if args && rnd.IntN(2) == 0 {
		modes := []string{"all", "any", "all-with-x", "any-with-x"}
		t = append(t, amqp.Field{Key: "x-match", Value: modes[rnd.IntN(len(modes))]})
	}
	return t
}
