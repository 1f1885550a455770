package management

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
)

// written is what f writes into an object, with columns if any are given.
func written(f func(*encoder), paths ...string) string {
	e := &encoder{}
	if len(paths) > 0 {
		e.columns = newColumns()
		for _, p := range paths {
			e.columns.add(strings.Split(p, "."))
		}
	}
	e.open()
	f(e)
	e.shut()
	return string(e.buf)
}

func sampleObject(e *encoder) {
	e.str("name", "q")
	if e.object("message_stats") {
		e.num("publish", 3)
		if e.object("publish_details") {
			e.float("rate", 1)
			e.end()
		}
		e.end()
	}
	if e.array("consumers") {
		for _, tag := range []string{"a", "b"} {
			e.open()
			e.str("tag", tag)
			e.boolean("active", true)
			e.shut()
		}
		e.endArray()
	}
	e.null("policy")
}

func TestEncoderKeepsColumns(t *testing.T) {
	assert.Equal(t, `{"name":"q","message_stats":{"publish":3,"publish_details":{"rate":1.0}},`+
		`"consumers":[{"tag":"a","active":true},{"tag":"b","active":true}],"policy":null}`, written(sampleObject))
	assert.Equal(t, `{"message_stats":{"publish_details":{"rate":1.0}}}`,
		written(sampleObject, "message_stats.publish_details.rate"))
	assert.Equal(t, `{"name":"q","consumers":[{"tag":"a"},{"tag":"b"}]}`, written(sampleObject, "consumers.tag", "name"))
	assert.Equal(t, `{"message_stats":{"publish":3,"publish_details":{"rate":1.0}}}`,
		written(sampleObject, "message_stats.publish", "message_stats"), "the whole wins over a part")
	assert.Equal(t, `[]`, written(sampleObject, "nope"), "as RabbitMQ has it")
}

func TestEncoderWritesNumbersAsTheirType(t *testing.T) {
	assert.Equal(t, `{"a":0.0,"b":62.0,"c":0.5,"d":0.0,"e":18446744073709551615,"f":-1}`, written(func(e *encoder) {
		e.float("a", 0)
		e.float("b", 62)
		e.float("c", 0.5)
		e.float("d", math.NaN())
		e.count("e", math.MaxUint64)
		e.num("f", -1)
	}))
}

func TestEncoderWritesTablesAsRabbitMQDoes(t *testing.T) {
	table := amqp.Table{
		{Key: "int", Value: int32(1)}, {Key: "time", Value: amqp.Timestamp(5)}, {Key: "bytes", Value: "\xff"},
		{Key: "list", Value: amqp.Array{true, nil, amqp.Table{{Key: "x", Value: "y"}}}},
		{Key: "decimal", Value: amqp.Decimal{Scale: 2, Value: 150}},
	}
	assert.Equal(t, `{"int":1,"time":5,"bytes":"/w==","list":[true,null,{"x":"y"}],"decimal":1.5}`,
		string(appendValue(nil, table)))
}

func TestEncoderEndsTablesThatNestTooDeep(t *testing.T) {
	var v any = "leaf"
	for range 10 * maxDepth {
		v = amqp.Array{v}
	}
	assert.True(t, json.Valid(appendValue(nil, v)))
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "a\"b\\", "\x00\x1f\x7f", "ü\u2028", "\xff\xfe", "</script>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		require.NoError(t, json.Unmarshal(appendString(nil, s), &back))
		if utf8.ValidString(s) {
			assert.Equal(t, s, back)
		}
	})
}

func TestArgumentsOfBodies(t *testing.T) {
	v, err := decodeJSON([]byte(`{"i":5,"f":5.0,"e":1e3,"t":{"x":[1,"a",true]}}`))
	require.NoError(t, err)
	args, err := argumentsOf(v.(map[string]any))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"i": int64(5), "f": 5.0, "e": 1000.0, "t": map[string]any{"x": []any{int64(1), "a", true}},
	}, args)
	for _, bad := range []string{`{"n":null}`, `{"n":[null]}`, `{"n":99999999999999999999}`} {
		v, err := decodeJSON([]byte(bad))
		require.NoError(t, err)
		_, err = argumentsOf(v.(map[string]any))
		assert.Error(t, err, bad)
	}
}

// The tools' triples have RabbitMQ's words for the types; the lengths and order of a table
// are the client's, and Go's maps are sorted.
func TestTypedArguments(t *testing.T) {
	table := amqp.Table{
		{Key: "z", Value: int8(-1)}, {Key: "t", Value: amqp.Timestamp(7)}, {Key: "d", Value: amqp.Decimal{Scale: 1, Value: 15}}, {Key: "v", Value: nil},
		{Key: "b", Value: []byte("x")}, {Key: "n", Value: amqp.Table{{Key: "k", Value: "v"}}}, {Key: "a", Value: amqp.Array{true, 1.0}},
	}
	assert.Equal(t, `[["z","byte",-1],["t","timestamp",7],["d","decimal",[1,15]],["v","void",null],["b","binary","x"],["n","table",[["k","longstr","v"]]],`+
		`["a","array",[["bool",true],["double",1.0]]]]`, string(appendTyped(nil, table, maxDepth)))
	assert.Equal(t, `[["a","array",[["long",1],["long",2]]],["m","table",[["k","signedint",3]]]]`,
		string(appendTyped(nil, map[string]any{"m": map[string]any{"k": int32(3)}, "a": []any{1, json.Number("2")}}, maxDepth)))
	assert.Equal(t, "[]", string(appendTyped(nil, map[string]any(nil), maxDepth)))

	deep := amqp.Table{}
	for range 4 {
		deep = amqp.Table{{Key: "t", Value: deep}}
	}
	assert.Equal(t, `[["t","table",[["t","table",[["t","table",null]]]]]]`, string(appendTyped(nil, deep, 2)), "what is too deep is null")
}
