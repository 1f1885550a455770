package exchange

// The exchange types that RabbitMQ has as plugins.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
)

func pluginTable(t testing.TB, kind string, args amqp.Table) Table[string] {
	t.Helper()
	x, err := New[string](kind, args)
	require.NoError(t, err)
	return x
}

func arg(name string, v any) amqp.Table { return amqp.Table{{Key: name, Value: v}} }

func TestTypes(t *testing.T) {
	for _, kind := range Types() {
		_, err := New[string](kind.Name, nil)
		assert.NoError(t, err, kind.Name)
		found, ok := Find(kind.Name)
		assert.True(t, ok)
		assert.Equal(t, kind, found)
	}
	for _, unknown := range []string{"", "x-jms-topic", "x-delayed-message", "X-Random"} {
		_, ok := Find(unknown)
		assert.False(t, ok)
		_, err := New[string](unknown, nil)
		assert.ErrorIs(t, err, ErrUnknownType)
	}
}

func TestArgumentsOfExchanges(t *testing.T) {
	both := append(arg("hash-header", "h"), arg("hash-property", "message_id")...)
	for _, tc := range []struct {
		name, kind string
		args       amqp.Table
		want       string
	}{
		{"CHASH-1", "x-consistent-hash", both, "hash-header and hash-property are mutually exclusive"},
		{"CHASH-1", "x-consistent-hash", arg("hash-property", "type"), "Unsupported property: type"},
		{"CHASH-1", "x-consistent-hash", arg("hash-property", ""), "Unsupported property: "},
		{"RECENT-1", "x-recent-history", arg("x-recent-history-length", "5"),
			`Invalid argument <<"5">>, 'x-recent-history-length' must be a positive integer`},
		{"RECENT-1", "x-recent-history", arg("x-recent-history-length", int32(0)),
			"Invalid argument 0, 'x-recent-history-length' must be a positive integer"},
		{"RECENT-1", "x-recent-history", arg("x-recent-history-length", uint8(5)),
			"Invalid argument 5, 'x-recent-history-length' must be a positive integer"},
	} {
		_, err := New[string](tc.kind, tc.args)
		var refused *ArgumentError
		require.ErrorAs(t, err, &refused, tc.name)
		assert.Equal(t, tc.want, refused.Text)
	}
	for _, name := range []string{"hash-header", "hash-property"} {
		_, err := New[string]("x-consistent-hash", arg(name, int32(1)))
		assert.ErrorIs(t, err, ErrArgumentType)
	}
}

// CHASH-2: the binding key is the weight.
func TestWeights(t *testing.T) {
	x := pluginTable(t, "x-consistent-hash", nil)
	for key, want := range map[string]string{
		"":                      "The binding key must be an integer: <<>>",
		" 1":                    `The binding key must be an integer: <<" 1">>`,
		"1.5":                   `The binding key must be an integer: <<"1.5">>`,
		"0":                     "The binding key must be greater than 0",
		"-3":                    "The binding key must be greater than 0",
		"1000000001":            "The binding key must not be greater than 1000000000",
		"99999999999999999999":  "The binding key must not be greater than 1000000000",
		"-99999999999999999999": "The binding key must be greater than 0",
	} {
		_, err := x.Bind(key, nil, "q")
		assert.EqualError(t, err, want)
	}
	assert.Zero(t, x.Len())
	for _, key := range []string{"1", "+2", "007"} {
		bind(t, x, key, nil, "q"+key)
	}
}

// buckets is a table with one destination for each of n buckets.
func buckets(t testing.TB, n int, args amqp.Table) Table[string] {
	x := pluginTable(t, "x-consistent-hash", args)
	for i := range n {
		bind(t, x, "1", nil, fmt.Sprint(i))
	}
	return x
}

// CHASH-8: a key lands in the queue in which RabbitMQ puts it.
func TestConsistentHashVectors(t *testing.T) {
	sizes := []int{2, 4, 10, 100}
	for key, want := range map[string][]int{
		"a": {1, 1, 6, 47}, "b": {1, 1, 1, 13}, "d": {1, 3, 3, 53}, "e": {0, 2, 9, 22}, "": {0, 0, 9, 45},
		"key0": {1, 1, 7, 30}, "key1": {0, 3, 3, 60}, "order.created": {0, 0, 0, 97},
	} {
		for i, n := range sizes {
			expect := []string{fmt.Sprint(want[i])}
			assert.Equal(t, expect, buckets(t, n, nil).Route(nil, Message{Key: key, More: []string{"cc"}}), "%q of %d", key, n)
			header := rawTable(append(arg("other", "x"), arg("h", key)...))
			assert.Equal(t, expect, buckets(t, n, arg("hash-header", "h")).Route(nil, Message{Key: "k", Headers: header}))
			props := amqp.Properties{Flags: amqp.HasMessageID | amqp.HasCorrelationID, MessageID: key, CorrelationID: key}
			for _, property := range []string{"message_id", "correlation_id"} {
				x := buckets(t, n, arg("hash-property", property))
				assert.Equal(t, expect, x.Route(nil, Message{Key: "k", Props: props.Append(nil)}))
			}
		}
	}
	for i, want := range map[int64][]string{0: {"3", "4"}, 1: {"3", "3"}, 2: {"0", "9"}, 3: {"1", "7"}, 42: {"3", "6"}, 1000: {"0", "0"}} {
		m := Message{Headers: rawTable(arg("h", i))}
		assert.Equal(t, want[:1], buckets(t, 4, arg("hash-header", "h")).Route(nil, m))
		assert.Equal(t, want[1:], buckets(t, 10, arg("hash-header", "h")).Route(nil, m))
	}
}

// CHASH-7: all messages without the header or property go to one bucket.
func TestConsistentHashOfNothing(t *testing.T) {
	for _, args := range []amqp.Table{
		arg("hash-header", "h"), arg("hash-property", "message_id"), arg("hash-property", "correlation_id"),
		arg("hash-property", "timestamp"),
	} {
		x := buckets(t, 4, args)
		assert.True(t, !x.KeyOnly())
		assert.Equal(t, []string{"1"}, x.Route(nil, Message{Key: "any"}))
		assert.Equal(t, []string{"1"}, x.Route(nil, Message{Headers: rawTable(arg("h", nil)), Props: (&amqp.Properties{}).Append(nil)}))
	}
}

// Headers of types that few messages have are hashed, whatever the result.
func TestConsistentHashOfOtherTypes(t *testing.T) {
	x := buckets(t, 100, arg("hash-header", "h"))
	for _, v := range []any{
		true, false, 1.5, float32(2), amqp.Timestamp(7), amqp.Timestamp(1 << 63), amqp.Decimal{Scale: 1, Value: 2},
		amqp.Array{"a"}, amqp.Table{}, []byte("b"),
	} {
		m := Message{Headers: rawTable(arg("h", v))}
		assert.Len(t, x.Route(nil, m), 1)
		assert.Equal(t, x.Route(nil, m), x.Route(nil, m))
	}
	assert.Equal(t, x.Route(nil, Message{Headers: rawTable(arg("h", int64(7000)))}),
		x.Route(nil, Message{Headers: rawTable(arg("h", amqp.Timestamp(7)))}), "EXCH-41: milliseconds")
	p := amqp.Properties{Flags: amqp.HasTimestamp, Timestamp: 1700000000}
	assert.Equal(t, buckets(t, 100, nil).Route(nil, Message{Key: "1700000000"}),
		buckets(t, 100, arg("hash-property", "timestamp")).Route(nil, Message{Props: p.Append(nil)}))
}

// CHASH-4 to CHASH-6: what bindings do to the ring.
func TestConsistentHashRing(t *testing.T) {
	x := pluginTable(t, "x-consistent-hash", nil)
	reached := func() map[string]int {
		got := map[string]int{}
		for i := range 1000 {
			for _, d := range x.Route(nil, Message{Key: fmt.Sprint(i)}) {
				got[d]++
			}
		}
		return got
	}
	assert.Empty(t, reached(), "CHASH-4")
	bind(t, x, "2", nil, "q1")
	bind(t, x, "1", nil, "q2")
	before := reached()
	bind(t, x, "50", nil, "q2")
	assert.Equal(t, before, reached(), "CHASH-5: a second binding has no effect")
	assert.Equal(t, 3, x.Len())
	assert.True(t, x.Unbind("50", nil, "q2"))
	assert.Equal(t, map[string]int{"q1": 1000}, reached(), "CHASH-6: any unbinding takes all buckets")
	assert.Equal(t, 2, x.Len())
	bind(t, x, "50", nil, "q2")
	assert.Len(t, reached(), 2, "bound anew it is in the ring again")
	assert.Equal(t, 2, x.RemoveDest("q2"))
	assert.Equal(t, 1, x.RemoveDest("q1"))
	assert.Empty(t, reached())
}

// Messages are spread as the weights say, within 10 %.
func TestConsistentHashDistribution(t *testing.T) {
	x := pluginTable(t, "x-consistent-hash", nil)
	weights := map[string]int{"1": 1, "2": 2, "5": 5, "12": 12}
	for weight := range weights {
		bind(t, x, weight, nil, weight)
	}
	const messages = 100_000
	got := map[string]int{}
	for i := range messages {
		got[x.Route(nil, Message{Key: fmt.Sprint("order-", i)})[0]]++
	}
	for d, weight := range weights {
		assert.InEpsilon(t, messages*weight/20, got[d], 0.1, "weight %d", weight)
	}
}

// RANDOM-1, LOCALRANDOM-1: one binding of all, each as likely as the other.
func TestRandom(t *testing.T) {
	for _, kind := range []string{"x-random", "x-local-random"} {
		x := pluginTable(t, kind, nil)
		assert.Empty(t, x.Route(nil, Message{}))
		assert.False(t, x.KeyOnly())
		for i := range 4 {
			bind(t, x, "", nil, fmt.Sprint(i))
		}
		bind(t, x, "", arg("another", "binding"), "0")
		const messages = 100_000
		got := map[string]int{}
		for i := range messages {
			routed := x.Route(nil, Message{Key: fmt.Sprint(i)})
			require.Len(t, routed, 1)
			got[routed[0]]++
		}
		for i := range 4 {
			share := messages / 5
			if i == 0 {
				share *= 2
			}
			assert.InEpsilon(t, share, got[fmt.Sprint(i)], 0.1)
		}
	}
	_, err := pluginTable(t, "x-local-random", nil).Bind("k", nil, "q")
	assert.EqualError(t, err, "Non empty binding 'k' key not permitted")
}

// MODULUS-1: the routing keys decide, and nothing else.
func TestModulusHash(t *testing.T) {
	x := pluginTable(t, "x-modulus-hash", nil)
	assert.Empty(t, x.Route(nil, Message{}))
	assert.True(t, x.KeyOnly())
	for i := range 4 {
		bind(t, x, "any", nil, fmt.Sprint(i))
	}
	const messages = 100_000
	got, moved := map[string]int{}, 0
	for i := range messages {
		key := fmt.Sprint("k", i)
		routed := x.Route(nil, Message{Key: key})
		require.Equal(t, routed, x.Route(nil, Message{Key: key, Headers: rawTable(arg("h", "v"))}))
		if x.Route(nil, Message{Key: key, More: []string{"cc"}})[0] != routed[0] {
			moved++
		}
		got[routed[0]]++
	}
	for i := range 4 {
		assert.InEpsilon(t, messages/4, got[fmt.Sprint(i)], 0.1)
	}
	assert.InEpsilon(t, messages*3/4, moved, 0.1, "CC is part of the hash")
}

// RECENT-1: the last messages, oldest first, 20 by default.
func TestHistory(t *testing.T) {
	n, err := HistoryLength(nil)
	require.NoError(t, err)
	assert.Equal(t, 20, n)
	for _, v := range []any{int8(3), int16(3), int32(3), int64(3)} {
		n, err = HistoryLength(arg("x-recent-history-length", v))
		require.NoError(t, err)
		assert.Equal(t, 3, n)
	}
	h := History[int]{Limit: 3}
	assert.Empty(t, h.Messages())
	for i := range 10 {
		h.Add(i)
		want := []int{}
		for j := max(0, i-2); j <= i; j++ {
			want = append(want, j)
		}
		assert.Equal(t, want, h.Messages())
	}
	var none History[int]
	none.Add(1)
	assert.Empty(t, none.Messages())
	assert.Equal(t, []string{"q"}, func() []string {
		x := pluginTable(t, "x-recent-history", nil)
		bind(t, x, "k", nil, "q")
		return x.Route(nil, Message{Key: "other"})
	}())
}

// EXCH-45: the keys that CC adds are looked up in one call.
func TestMoreKeys(t *testing.T) {
	for _, kind := range []string{"direct", "topic"} {
		x := testTable(t, kind)
		bind(t, x, "a", nil, "qa")
		bind(t, x, "b", nil, "qb")
		bind(t, x, "c", nil, "qc")
		assert.Equal(t, []string{"qa", "qb", "qc"}, routed(x, Message{Key: "a", More: []string{"b", "none", "c"}}))
	}
}

func BenchmarkConsistentHashRoute(b *testing.B) {
	for _, by := range []string{"key", "header"} {
		b.Run(by, func(b *testing.B) {
			var args amqp.Table
			if by == "header" {
				args = arg("hash-header", "h")
			}
			x, _ := New[*int]("x-consistent-hash", args)
			for _, d := range dests(1000) {
				if _, err := x.Bind("10", nil, d); err != nil {
					b.Fatal(err)
				}
			}
			benchmarkRoute(b, x, Message{Key: "order-4711", Headers: rawTable(arg("h", "order-4711"))}, 1)
		})
	}
}

func BenchmarkRandomRoute(b *testing.B) {
	for _, kind := range []string{"x-random", "x-modulus-hash"} {
		b.Run(kind, func(b *testing.B) {
			x, _ := New[*int](kind, nil)
			for _, d := range dests(1000) {
				if _, err := x.Bind("", nil, d); err != nil {
					b.Fatal(err)
				}
			}
			benchmarkRoute(b, x, Message{Key: "order-4711"}, 1)
		})
	}
}
