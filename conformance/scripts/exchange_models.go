// Scripts: many random bindings in one exchange, against the plainest reading
// of the rules for topic and headers exchanges (EXCH-34 to EXCH-37). The seed
// is fixed, so every run sends the same.

package scripts

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var exchangeModelScripts = []Script{
	{Name: "routing/topic-against-model", Covers: []string{"EXCH-35", "EXCH-32"}, Run: routingTopicModel},
	{Name: "routing/headers-against-model", Covers: []string{"EXCH-37", "EXCH-32"}, Run: routingHeadersModel},
	{Name: "routing/direct-against-model", Covers: []string{"EXCH-34", "EXCH-32"}, Run: routingDirectModel},
}

// modelBinding is a binding, by a key or by arguments.
type modelBinding struct {
	key  string
	args amqp.Table
}

// modelMessage is a message's key or headers.
type modelMessage struct {
	key     string
	headers amqp.Table
}

// routeModel binds queues at random, publishes, compares what each queue got
// with what the model says, unbinds a part, and does it once more.
func routeModel(t *T, kind string, binding func() modelBinding, message func() modelMessage, matches func(modelBinding, modelMessage) bool) {
	const queues, bindings, messages = 8, 6, 40
	ch := t.Channel()
	x := ch.NewExchange(kind)
	bound := map[string][]modelBinding{}
	var names []string
	for range queues {
		q := ch.NewQueue()
		names = append(names, q)
		for range bindings {
			b := binding()
			t.OK(ch.QueueBind(q, b.key, x, false, b.args), "bind")
			bound[q] = append(bound[q], b)
		}
	}
	for range 2 {
		want := map[string][]string{}
		for i := range messages {
			m := message()
			body := fmt.Sprintf("%d %q %v", i, m.key, m.headers)
			ch.SendWith(x, m.key, amqp.Publishing{Headers: m.headers, Body: []byte(body)})
			for q, list := range bound {
				if slices.ContainsFunc(list, func(b modelBinding) bool { return matches(b, m) }) {
					want[q] = append(want[q], body)
				}
			}
		}
		for _, q := range names {
			t.Case(fmt.Sprint(bound[q]), func() { ch.ExpectDrain(q, want[q]...) })
			first := bound[q][0]
			t.OK(ch.QueueUnbind(q, first.key, x, first.args), "unbind")
			bound[q] = slices.DeleteFunc(bound[q], func(b modelBinding) bool {
				return fmt.Sprintf("%#v", b) == fmt.Sprintf("%#v", first)
			})
		}
	}
}

// words joins up to n random words.
func words(r *rand.Rand, n int, from ...string) string {
	var list []string
	for range r.IntN(n) + 1 {
		list = append(list, from[r.IntN(len(from))])
	}
	return strings.Join(list, ".")
}

// topicMatches is EXCH-35 word by word.
func topicMatches(pattern, key []string) bool {
	switch {
	case len(pattern) == 0:
		return len(key) == 0
	case pattern[0] == "#":
		return topicMatches(pattern[1:], key) || len(key) > 0 && topicMatches(pattern, key[1:])
	case len(key) == 0:
		return false
	}
	return (pattern[0] == "*" || pattern[0] == key[0]) && topicMatches(pattern[1:], key[1:])
}

// topicWords splits a key; the empty one has no words.
func topicWords(key string) []string {
	if key == "" {
		return nil
	}
	return strings.Split(key, ".")
}

func routingTopicModel(t *T) {
	r := rand.New(rand.NewPCG(1, 35))
	routeModel(t, "topic",
		func() modelBinding {
			for {
				if key := words(r, 5, "a", "b", "*", "#", "#", ""); !t.manyHashes(key) {
					return modelBinding{key: key}
				}
			}
		},
		func() modelMessage { return modelMessage{key: words(r, 6, "a", "b", "c", "")} },
		func(b modelBinding, m modelMessage) bool { return topicMatches(topicWords(b.key), topicWords(m.key)) },
	)
}

func routingDirectModel(t *T) {
	r := rand.New(rand.NewPCG(1, 34))
	routeModel(t, "direct",
		func() modelBinding { return modelBinding{key: words(r, 2, "a", "b", "c", "d")} },
		func() modelMessage { return modelMessage{key: words(r, 2, "a", "b", "c", "d")} },
		func(b modelBinding, m modelMessage) bool { return b.key == m.key },
	)
}

// randomHeaders gives up to n headers out of a small world.
func randomHeaders(r *rand.Rand, n int, values ...any) amqp.Table {
	table := amqp.Table{}
	for range r.IntN(n + 1) {
		table[[]string{"a", "b", "c", "x-d"}[r.IntN(4)]] = values[r.IntN(len(values))]
	}
	return table
}

// headersMatch is EXCH-37 to EXCH-39 header by header, for int32 and text.
func headersMatch(args, headers amqp.Table) bool {
	match, _ := args["x-match"].(string)
	held, asked := 0, 0
	for name, want := range args {
		if name == "x-match" || strings.HasPrefix(name, "x-") && !strings.HasSuffix(match, "-with-x") {
			continue
		}
		asked++
		if got, there := headers[name]; there && (want == nil || want == got) {
			held++
		}
	}
	if strings.HasPrefix(match, "any") {
		return held > 0
	}
	return held == asked
}

func routingHeadersModel(t *T) {
	r := rand.New(rand.NewPCG(1, 37))
	routeModel(t, "headers",
		func() modelBinding {
			args := randomHeaders(r, 3, int32(1), int32(2), "1", nil)
			if match := []string{"", "all", "any", "all-with-x", "any-with-x"}[r.IntN(5)]; match != "" {
				args["x-match"] = match
			}
			return modelBinding{args: args}
		},
		func() modelMessage { return modelMessage{headers: randomHeaders(r, 5, int32(1), int32(2), "1")} },
		func(b modelBinding, m modelMessage) bool { return headersMatch(b.args, m.headers) },
	)
}
