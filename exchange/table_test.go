package exchange

// What all types of tables have in common, and what the tests of this package share.

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/amqp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var kinds = []string{"direct", "fanout", "topic", "headers"}

func testTable(t testing.TB, kind string) *table[string] {
	t.Helper()
	x, err := New[string](kind, nil)
	require.NoError(t, err)
	return x.(*table[string])
}

func bind(t testing.TB, x Table[string], key string, args amqp.Table, d string) {
	t.Helper()
	added, err := x.Bind(key, args, d)
	require.NoError(t, err)
	require.True(t, added)
}

func routed(x Table[string], m Message) []string {
	got := x.Route(nil, m)
	slices.Sort(got)
	return got
}

// rawTable is the table as a message carries it.
func rawTable(headers amqp.Table) amqp.RawTable {
	if headers == nil {
		return nil
	}
	return amqp.RawTable(amqp.AppendTable(nil, headers)[4:])
}

func TestNewKnowsTheTypes(t *testing.T) {
	for _, kind := range kinds {
		x, err := New[int](kind, nil)
		require.NoError(t, err, kind)
		assert.Equal(t, kind != "headers", x.KeyOnly(), kind)
		assert.Zero(t, x.Len())
		assert.Empty(t, x.Route(nil, Message{Key: "k"}))
		assert.False(t, x.Unbind("k", nil, 1))
		assert.Zero(t, x.RemoveDest(1))
	}
	for _, kind := range []string{"", "Direct", "x-delayed-message", "match"} {
		_, err := New[int](kind, nil)
		assert.ErrorIs(t, err, ErrUnknownType, kind)
	}
}

// EXCH-34: direct compares bytes, fanout nothing.
func TestDirectAndFanout(t *testing.T) {
	direct, fanout := testTable(t, "direct"), testTable(t, "fanout")
	for _, x := range []Table[string]{direct, fanout} {
		bind(t, x, "k", nil, "q1")
		bind(t, x, "k", nil, "q2")
		bind(t, x, "K", nil, "q3")
		bind(t, x, "", nil, "q4")
		bind(t, x, "*", nil, "q5")
		bind(t, x, "k", amqp.Table{{Key: "x-match", Value: "bogus"}}, "q6") // EXCH-29: any arguments
	}
	assert.Equal(t, []string{"q1", "q2", "q6"}, routed(direct, Message{Key: "k"}))
	assert.Equal(t, []string{"q3"}, routed(direct, Message{Key: "K"}))
	assert.Equal(t, []string{"q4"}, routed(direct, Message{}))
	assert.Equal(t, []string{"q5"}, routed(direct, Message{Key: "*"}))
	assert.Empty(t, routed(direct, Message{Key: "k "}))
	for _, key := range []string{"k", "", "other"} {
		assert.Equal(t, []string{"q1", "q2", "q3", "q4", "q5", "q6"}, routed(fanout, Message{Key: key}))
	}
	assert.Equal(t, []string{"before", "q3"}, direct.Route([]string{"before"}, Message{Key: "K"}), "appends")
}

// EXCH-22: what makes two bindings the same.
func TestBindingIdentity(t *testing.T) {
	arg := func(name string, v any) amqp.Field { return amqp.Field{Key: name, Value: v} }
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			x := testTable(t, kind)
			different := []struct {
				key  string
				args amqp.Table
				dest string
			}{
				{"k", nil, "q"},
				{"k", nil, "q2"},
				{"k2", nil, "q"},
				{"k", amqp.Table{arg("a", "1")}, "q"},
				{"k", amqp.Table{arg("a", int32(1))}, "q"},
				{"k", amqp.Table{arg("a", int64(1))}, "q"}, // another type
				{"k", amqp.Table{arg("a", nil)}, "q"},
				{"k", amqp.Table{arg("a", "1"), arg("b", "2")}, "q"},
				{"k", amqp.Table{arg("a", "1"), arg("a", "2")}, "q"},
				{"k", amqp.Table{arg("a", "2"), arg("a", "1")}, "q"},
				{"k", amqp.Table{arg("a", amqp.Table{arg("a", "1")})}, "q"},
				{"k", amqp.Table{arg("x-match", "any"), arg("a", "1")}, "q"},
			}
			for i, b := range different {
				added, err := x.Bind(b.key, b.args, b.dest)
				require.NoError(t, err)
				assert.True(t, added, i)
				added, err = x.Bind(b.key, slices.Clone(b.args), b.dest)
				require.NoError(t, err)
				assert.False(t, added, "identical: %d", i)
				assert.Equal(t, i+1, x.Len())
			}
			for _, same := range []struct{ args amqp.Table }{
				{amqp.Table{arg("b", "2"), arg("a", "1")}}, // order does not count
			} {
				added, _ := x.Bind("k", same.args, "q")
				assert.False(t, added)
			}
			added, _ := x.Bind("k", amqp.Table{}, "q")
			assert.False(t, added, "no arguments are no arguments")

			for i, b := range different { // each leaves the others
				assert.False(t, x.Unbind(b.key+"?", b.args, b.dest))
				assert.False(t, x.Unbind(b.key, b.args, b.dest+"?"))
				assert.False(t, x.Unbind(b.key, append(slices.Clone(b.args), arg("zz", "")), b.dest))
				assert.True(t, x.Unbind(b.key, b.args, b.dest), i)
				assert.False(t, x.Unbind(b.key, b.args, b.dest), "gone: %d", i)
				assert.Equal(t, len(different)-i-1, x.Len())
			}
			assertEmpty(t, x)
		})
	}
}

// assertEmpty checks that nothing is left of all that was bound.
func assertEmpty(t *testing.T, x *table[string]) {
	t.Helper()
	assert.Zero(t, x.Len())
	assert.Nil(t, x.byID)
	assert.Nil(t, x.byDest)
	switch m := x.match.(type) {
	case *direct[string]:
		assert.Nil(t, m.byKey)
	case *fanout[string]:
		assert.Nil(t, m.all.head)
	case *topic[string]:
		assert.Nil(t, m.edges)
		assert.Equal(t, node[string]{}, m.root)
	case *headers[string]:
		assert.Nil(t, m.byCondition)
		assert.Nil(t, m.always.head)
	}
}

func TestRemoveDest(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			x := testTable(t, kind)
			for _, d := range []string{"q1", "q2", "q3"} {
				for _, key := range []string{"a", "a.*", "#.b", ""} {
					bind(t, x, key, nil, d)
					bind(t, x, key, amqp.Table{{Key: "h", Value: key}}, d)
					bind(t, x, key, amqp.Table{{Key: "h", Value: key}, {Key: "g", Value: nil}, {Key: "x-match", Value: "any"}}, d)
				}
			}
			require.Equal(t, 36, x.Len())
			assert.Equal(t, 12, x.RemoveDest("q2"))
			assert.Zero(t, x.RemoveDest("q2"))
			assert.Equal(t, 24, x.Len())
			for b := range x.All() {
				assert.NotEqual(t, "q2", b.Dest)
			}
			m := Message{Key: "a", Headers: rawTable(amqp.Table{{Key: "h", Value: "a"}})}
			assert.Contains(t, x.Route(nil, m), "q1")
			assert.NotContains(t, x.Route(nil, m), "q2")
			bind(t, x, "a", nil, "q2") // it may come back
			assert.Equal(t, 1, x.RemoveDest("q2"))
			assert.Equal(t, 12, x.RemoveDest("q1"))
			assert.Equal(t, 12, x.RemoveDest("q3"))
			assertEmpty(t, x)
		})
	}
}

func TestListing(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			x := testTable(t, kind)
			args := amqp.Table{{Key: "z", Value: int32(1)}, {Key: "a", Value: "v"}}
			bind(t, x, "k1", nil, "q1")
			bind(t, x, "k2", args, "q1")
			bind(t, x, "k3", nil, "q2")
			want := []Binding[string]{
				{"k1", nil, "q1"},
				{"k2", amqp.Table{{Key: "a", Value: "v"}, {Key: "z", Value: int32(1)}}, "q1"}, // by name
				{"k3", nil, "q2"},
			}
			assert.ElementsMatch(t, want, slices.Collect(x.All()))
			assert.Equal(t, []Binding[string]{want[1], want[0]}, slices.Collect(x.Of("q1")))
			assert.Empty(t, slices.Collect(x.Of("q3")))
			assert.Equal(t, "z", args[0].Key, "the caller's table stays as it was")
			for range x.All() {
				break
			}
			for b := range x.Of("q1") {
				assert.Equal(t, want[1], b)
				break
			}
			x.Unbind("k2", args, "q1")
			assert.Equal(t, []Binding[string]{want[0]}, slices.Collect(x.Of("q1")))
		})
	}
}

// TestUnbindFromTheMiddle takes bindings away in every order: the lists that
// they are in must hold together.
func TestUnbindFromTheMiddle(t *testing.T) {
	args := amqp.Table{{Key: "h", Value: "v"}}
	m := Message{Key: "k", Headers: rawTable(args)}
	for _, kind := range kinds {
		for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			x := testTable(t, kind)
			left := []string{"q0", "q1", "q2"}
			for _, d := range left {
				bind(t, x, "k", args, d)
				bind(t, x, d, args, "same")
			}
			for n, i := range order {
				d := fmt.Sprint("q", i)
				assert.True(t, x.Unbind("k", args, d))
				assert.True(t, x.Unbind(d, args, "same"))
				left = slices.DeleteFunc(left, func(s string) bool { return s == d })
				got := slices.DeleteFunc(routed(x, m), func(s string) bool { return s == "same" })
				assert.ElementsMatch(t, left, got)
				assert.Len(t, slices.Collect(x.Of("same")), 2-n)
			}
			assertEmpty(t, x)
		}
	}
}
