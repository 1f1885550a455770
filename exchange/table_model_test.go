package exchange

// All types of tables against a list of bindings.

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
)

// TestAgainstASimpleModel binds and unbinds at random, and checks every route
// against a scan of a plain list of bindings.
func TestAgainstASimpleModel(t *testing.T) {
	matches := map[string]func(b Binding[string], m Message, headers amqp.Table) bool{
		"direct":  func(b Binding[string], m Message, _ amqp.Table) bool { return b.Key == m.Key },
		"fanout":  func(Binding[string], Message, amqp.Table) bool { return true },
		"topic":   func(b Binding[string], m Message, _ amqp.Table) bool { return naiveTopic(b.Key, m.Key) },
		"headers": func(b Binding[string], _ Message, h amqp.Table) bool { return naiveHeaders(b.Args, h) },
	}
	for _, kind := range kinds {
		for seed := range uint64(30) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			x, model := testTable(t, kind), map[string]Binding[string]{}
			for range 400 {
				b := Binding[string]{randomKey(rnd, true), randomTable(rnd, true), fmt.Sprint("q", rnd.IntN(6))}
				id := fmt.Sprintf("%q %q %x", b.Key, b.Dest, canonicalArgs(b.Args))
				_, known := model[id]
				switch rnd.IntN(8) {
				case 0, 1:
					require.Equal(t, known, x.Unbind(b.Key, b.Args, b.Dest), "seed %d", seed)
					delete(model, id)
				case 2:
					if rnd.IntN(8) == 0 {
						x.RemoveDest(b.Dest)
						for id, m := range model {
							if m.Dest == b.Dest {
								delete(model, id)
							}
						}
					}
				default:
					added, err := x.Bind(b.Key, b.Args, b.Dest)
					require.NoError(t, err)
					require.Equal(t, !known, added, "seed %d", seed)
					model[id] = b
				}
				require.Equal(t, len(model), x.Len())

				headers := randomTable(rnd, false)
				m := Message{Key: randomKey(rnd, false), Headers: rawTable(headers)}
				want := map[string]bool{}
				for _, b := range model {
					if matches[kind](b, m, headers) {
						want[b.Dest] = true
					}
				}
				got := map[string]bool{}
				for _, d := range x.Route(nil, m) {
					got[d] = true
				}
				require.Equal(t, want, got, "seed %d: key %q headers %v", seed, m.Key, headers)
			}
		}
	}
}
