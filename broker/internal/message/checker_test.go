package message

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

func withHeaders(t amqp.Table) amqp.RawProperties {
	p := amqp.Properties{
		Flags: amqp.HasContentType | amqp.HasHeaders | amqp.HasMessageID, ContentType: "text/plain", Headers: t, MessageID: "m-1",
	}
	return p.Append(nil)
}

func headersOf(t testing.TB, props amqp.RawProperties) amqp.Table {
	var p amqp.Properties
	require.NoError(t, p.Decode(props))
	return p.Headers
}

func keysOf(t amqp.Table) (keys []string) {
	for _, f := range t {
		keys = append(keys, f.Key)
	}
	return keys
}

func TestCheckerSortsInPlace(t *testing.T) { // BASIC-11: headers are sorted, without duplicates
	var c Checker
	props := withHeaders(amqp.Table{
		{Key: "b", Value: int32(1)}, {Key: "abc", Value: "text"}, {Key: "", Value: nil},
		{Key: "a", Value: amqp.Table{{Key: "z", Value: true}, {Key: "y", Value: amqp.Array{int64(2)}}}},
	})
	rewrite, err := c.Check(props)
	require.NoError(t, err)
	assert.False(t, rewrite)
	headers := headersOf(t, props)
	assert.Equal(t, []string{"", "a", "abc", "b"}, keysOf(headers))
	nested, _ := headers.Get("a")
	assert.Equal(t, []string{"z", "y"}, keysOf(nested.(amqp.Table)), "nested tables stay as they are")
	id, _ := props.MessageID()
	assert.Equal(t, "m-1", string(id))
}

func TestCheckerLeavesToRewrite(t *testing.T) {
	many := make(amqp.Table, maxSorted+1)
	for i := range many {
		many[i] = amqp.Field{Key: fmt.Sprintf("%03d", i), Value: int32(i)}
	}
	for name, headers := range map[string]amqp.Table{
		"CC":       {{Key: "CC", Value: amqp.Array{"k"}}}, // EXCH-45: CC adds keys
		"BCC":      {{Key: "z", Value: 1}, {Key: "BCC", Value: amqp.Array{"k"}}},
		"x-death":  {{Key: "x-death", Value: amqp.Array{}}}, // QUEUE-82: a client may publish x-death
		"twice":    {{Key: "b", Value: int32(1)}, {Key: "a", Value: int32(2)}, {Key: "b", Value: int32(3)}},
		"too many": many,
	} {
		t.Run(name, func(t *testing.T) {
			var c Checker
			props := withHeaders(headers)
			before := string(props)
			rewrite, err := c.Check(props)
			require.NoError(t, err)
			assert.True(t, rewrite)
			assert.Equal(t, before, string(props))
		})
	}
}

func TestCheckerRefuses(t *testing.T) { // CONN-55: 541 for malformed properties
	var c Checker
	good := withHeaders(amqp.Table{{Key: "b", Value: "1"}, {Key: "a", Value: math.Pi}})
	for n := range len(good) {
		_, err := c.Check(good[:n:n])
		assert.Error(t, err, "cut to %d bytes", n)
	}
	_, err := c.Check(good)
	assert.NoError(t, err, "a checker outlives what it has refused")
}

// What a checker leaves in place is what decoding, sorting and dropping duplicates gives.
func FuzzChecker(f *testing.F) {
	f.Add([]byte(withHeaders(amqp.Table{{Key: "b", Value: "1"}, {Key: "a", Value: int32(2)}})))
	f.Add([]byte(withHeaders(amqp.Table{{Key: "b", Value: "1"}, {Key: "b", Value: int32(2)}, {Key: "BCC", Value: amqp.Array{"k"}}})))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p amqp.Properties
		invalid := p.Decode(data) != nil
		want := amqp.RawProperties(p.Append(nil))
		m := queue.Message{Props: data}
		var c Checker
		rewrite, err := c.Check(m.Props)
		require.Equal(t, invalid, err != nil)
		if invalid || rewrite {
			return
		}
		plain := queue.Message{Props: want}
		keys, _, err := RewriteHeaders(&plain, true)
		require.NoError(t, err)
		require.Empty(t, keys)
		assert.Equal(t, headersOf(t, plain.Props), headersOf(t, m.Props))
	})
}
