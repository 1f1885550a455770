// Tables from Go maps and back.

package amqp

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTableOf(t *testing.T) {
	type (
		text string
		dict map[string]any
	)
	table, err := TableOf(map[string]any{
		"int": 1, "int8": int8(-1), "int16": int16(-1), "int32": int32(-1), "int64": int64(-1),
		"uint": uint(1), "uint8": uint8(1), "uint16": uint16(1), "uint32": uint32(1), "uint64": uint64(1),
		"float32": float32(1.5), "float64": 1.5, "bool": true, "string": "s", "text": text("t"), "bytes": []byte("b"),
		"time": time.Unix(1700000000, 5), "duration": time.Second, "nil": nil, "decimal": Decimal{1, 2}, "stamp": Timestamp(3),
		"slice": []string{"a", "b"}, "any": []any{1, "x", []int{}}, "map": dict{"k": dict{}}, "table": Table{{"k", "v"}},
	})
	require.NoError(t, err)
	assert.Equal(t, Table{
		{"any", Array{int64(1), "x", Array{}}}, {"bool", true}, {"bytes", []byte("b")}, {"decimal", Decimal{1, 2}},
		{"duration", int64(time.Second)}, {"float32", float32(1.5)}, {"float64", 1.5},
		{"int", int64(1)}, {"int16", int16(-1)}, {"int32", int32(-1)}, {"int64", int64(-1)}, {"int8", int8(-1)},
		{"map", Table{{"k", Table{}}}}, {"nil", nil}, {"slice", Array{"a", "b"}}, {"stamp", Timestamp(3)}, {"string", "s"},
		{"table", Table{{"k", "v"}}}, {"text", "t"}, {"time", Timestamp(1700000000)},
		{"uint", int64(1)}, {"uint16", uint16(1)}, {"uint32", uint32(1)}, {"uint64", int64(1)}, {"uint8", uint8(1)},
	}, table)

	table, err = TableOf(nil)
	assert.NoError(t, err)
	assert.Nil(t, table)
}

func TestTableOfRefuses(t *testing.T) {
	for name, v := range map[string]any{
		"too large":    uint64(math.MaxInt64 + 1),
		"no number":    math.NaN(),
		"infinite":     float32(math.Inf(1)),
		"channel":      make(chan int),
		"struct":       struct{}{},
		"pointer":      new(int),
		"int keys":     map[int]any{},
		"deep":         []any{map[string]any{"k": func() {}}},
		"within table": Table{{"k", 1}}, // an int is none of the wire's types
	} {
		_, err := TableOf(map[string]any{"key": v})
		assert.ErrorIs(t, err, ErrValue, name)
	}
	_, err := TableOf(map[string]any{string(make([]byte, 256)): 1})
	assert.ErrorIs(t, err, ErrValue)
	_, err = TableOf(map[string]any{"bad": complex(1, 1)})
	assert.ErrorContains(t, err, `"bad"`)
}

func TestTableMap(t *testing.T) {
	table := Table{{"a", Array{Table{{"b", int32(1)}}, Array{}, nil}}, {"c", Table{{"d", Table(nil)}}}, {"c", true}}
	assert.Equal(t, map[string]any{
		"a": []any{map[string]any{"b": int32(1)}, []any{}, nil},
		"c": map[string]any{"d": map[string]any{}},
	}, table.Map())
	assert.Equal(t, map[string]any{}, Table(nil).Map())
}

// What cannot be written is written as void, so that the frame around it stays
// whole.
func TestUnknownValuesAreWrittenAsVoid(t *testing.T) {
	b := AppendTable(nil, Table{{"a", 1}, {"b", Array{struct{}{}}}})
	decoded, _, err := DecodeTable(b)
	require.NoError(t, err)
	assert.Equal(t, Table{{"a", nil}, {"b", Array{nil}}}, decoded)
}
