// Scripts: how each built-in type of exchange chooses the queues of a message
// (EXCH-33 to EXCH-40).

package scripts

import (
	"fmt"
	"slices"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var exchangeTypeScripts = []Script{
	{Name: "routing/default", Covers: []string{"EXCH-33", "BASIC-12"}, Run: routingDefault},
	{Name: "routing/direct", Covers: []string{"EXCH-34"}, Run: routingDirect},
	{Name: "routing/fanout", Covers: []string{"EXCH-34"}, Run: routingFanout},
	{Name: "routing/topic", Covers: []string{"EXCH-35"}, Run: routingTopic},
	{Name: "routing/topic-many-hashes", Covers: []string{"EXCH-35", "EXCH-32"}, Run: routingTopicHashes},
	{Name: "routing/topic-many-patterns", Covers: []string{"EXCH-35", "EXCH-32"}, Run: routingTopicMany},
	{Name: "routing/topic-wildcards-in-keys", Covers: []string{"EXCH-36"}, Run: routingTopicWildcardKeys},
	{Name: "routing/topic-unbind", Covers: []string{"EXCH-35", "EXCH-24"}, Run: routingTopicUnbind},
	{Name: "routing/headers-match", Covers: []string{"EXCH-37", "EXCH-39"}, Run: routingHeadersMatch},
	{Name: "routing/headers-values", Covers: []string{"EXCH-38", "TYPES-11"}, Run: routingHeadersValues},
	{Name: "routing/headers-bad-match", Covers: []string{"EXCH-40"}, Run: routingHeadersBadMatch},
}

func routingDefault(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.Send("", q, "by name")
	ch.Send("", q+"x", "to no one")
	d := ch.Fetch(q)
	t.Equal("by name", string(d.Body), "body")
	t.Equal("", d.Exchange, "exchange of the delivery")
	t.Equal(q, d.RoutingKey, "routing key of the delivery")
	ch.ExpectDrain(q)
}

func routingDirect(t *T) {
	ch := t.Channel()
	x := ch.NewExchange("direct")
	keys := []string{"", "a", "A", "a.b", "*", "#", "é", "a\x00"}
	queues := map[string]string{}
	for _, key := range keys {
		queues[key] = ch.NewQueue()
		ch.Bind(queues[key], x, key)
	}
	second := ch.NewQueue()
	ch.Bind(second, x, "a")
	for _, key := range append(keys, "b", "aa") {
		ch.Send(x, key, key)
	}
	for _, key := range keys {
		t.Case(fmt.Sprintf("bound by %q", key), func() { ch.ExpectDrain(queues[key], key) })
	}
	ch.ExpectDrain(second, "a")
}

func routingFanout(t *T) {
	ch := t.Channel()
	x := ch.NewExchange("fanout")
	for _, q := range []string{ch.NewQueue(), ch.NewQueue()} {
		ch.Bind(q, x, "a")
		t.OK(ch.QueueBind(q, "b", x, false, amqp.Table{"x-match": "all", "h": "1"}), "bind with arguments")
		for _, key := range []string{"", "a", "other"} {
			ch.Send(x, key, key)
		}
		ch.ExpectDrain(q, "", "a", "other")
		t.OK(ch.QueueUnbind(q, "a", x, nil), "unbind")
		ch.Send(x, "c", "the other binding")
		ch.ExpectDrain(q, "the other binding")
		_, err := ch.QueueDelete(q, false, false, false)
		t.OK(err, "delete the queue")
	}
}

// topicCases are patterns with keys that they match and keys that they do not.
var topicCases = map[string]struct{ match, miss []string }{
	"":        {[]string{""}, []string{"a", ".", "a.b"}},
	"#":       {[]string{"", ".", "a", "a.b", "a..b", "a.b.c.d"}, nil},
	"#.#":     {[]string{"", "a", "a.b", "a.b.c"}, nil},
	"*":       {[]string{"a", "ab"}, []string{"", ".", "a.", "a.b"}},
	"*.*":     {[]string{".", "a.b", "a.", ".b"}, []string{"", "a", "a.b.c"}},
	"*.#":     {[]string{"a", "a.b", ".", "a.b.c"}, []string{""}},
	"#.*":     {[]string{"a", "a.b", ".", "a.b.c"}, []string{""}},
	"a":       {[]string{"a"}, []string{"", "A", "a.", "a.b", "b"}},
	"a.b":     {[]string{"a.b"}, []string{"a", "b", "a.b.c", "a..b", "ab"}},
	"a.#":     {[]string{"a", "a.", "a.b", "a.b.c"}, []string{"", "b.a", "ab"}},
	"a.*":     {[]string{"a.b", "a."}, []string{"a", "a.b.c", "b.a"}},
	"a.#.b":   {[]string{"a.b", "a..b", "a.c.b", "a.c.d.b", "a.b.b"}, []string{"a", "b", "a.b.c", ""}},
	"a.*.b":   {[]string{"a..b", "a.c.b"}, []string{"a.b", "a.c.d.b"}},
	"#.b":     {[]string{"b", "a.b", "a.c.b", ".b", "b.b"}, []string{"", "b.a", "ab"}},
	"#.b.#":   {[]string{"b", "a.b", "b.c", "a.b.c", "b.b.b"}, []string{"", "a", "a.c"}},
	"*.b.#":   {[]string{"a.b", "a.b.c", ".b"}, []string{"b", "b.c", "a.c.b"}},
	"#.a.#.b": {[]string{"a.b", "x.a.b", "a.x.b", "a.a.b.b"}, []string{"b.a", "a", "b", "a.b.x"}},
	"#.#.#":   {[]string{"", "a", "a.b.c.d"}, nil},
	"#.*.#":   {[]string{"a", ".", "a.b.c"}, []string{""}},
	"*.#.*":   {[]string{"a.b", ".", "a.b.c.d"}, []string{"", "a"}},
	"#.a.#.b.#.c.#": {
		[]string{"a.b.c", "x.a.y.b.z.c.w", "a.a.b.b.c.c", "c.b.a.b.c"},
		[]string{"", "a.b", "c.b.a", "a.c.b", "ab.c"},
	},
	"#.a.#.a.#.a": {[]string{"a.a.a", "a.b.a.b.a", "a.a.a.a.a.a.a.a"}, []string{"a.a", "a.a.a.b", "b.a.a"}},
	"#a":          {[]string{"#a"}, []string{"a", "ba", "b.a"}},
	"a*":          {[]string{"a*"}, []string{"ab", "a"}},
}

// manyHashes reports whether a pattern has more than the two hashes that are allowed
// from 4.3 on.
func (t *T) manyHashes(pattern string) bool {
	hashes := 0
	for word := range strings.SplitSeq(pattern, ".") {
		if word == "#" {
			hashes++
		}
	}
	return hashes > 2 && t.Version().AtLeast(4, 3, 0)
}

func routingTopic(t *T) {
	ch := t.Channel()
	for pattern, tc := range topicCases {
		if t.manyHashes(pattern) {
			continue
		}
		q, x := ch.NewQueue(), ch.NewExchange("topic")
		ch.Bind(q, x, pattern)
		for _, key := range slices.Concat(tc.match, tc.miss) {
			ch.Send(x, key, key)
		}
		t.Case(fmt.Sprintf("pattern %q", pattern), func() { ch.ExpectDrain(q, tc.match...) })
	}
}

// routingTopicMany has all the patterns of topicCases in one exchange, each
// with a queue of its own, and one queue that they all lead to.
func routingTopicMany(t *T) {
	ch := t.Channel()
	x, all := ch.NewExchange("topic"), ch.NewQueue()
	queues, keys := map[string]string{}, map[string]bool{}
	for pattern, tc := range topicCases {
		if t.manyHashes(pattern) {
			continue
		}
		queues[pattern] = ch.NewQueue()
		ch.Bind(queues[pattern], x, pattern)
		ch.Bind(all, x, pattern)
		for _, key := range slices.Concat(tc.match, tc.miss) {
			keys[key] = true
		}
	}
	for key := range keys {
		ch.Send(x, key, key)
	}
	for pattern, q := range queues {
		tc, got := topicCases[pattern], ch.Drain(q)
		for _, key := range tc.match {
			t.Equal(true, slices.Contains(got, key), fmt.Sprintf("%q matches %q", pattern, key))
		}
		for _, key := range tc.miss {
			t.Equal(false, slices.Contains(got, key), fmt.Sprintf("%q matches %q", pattern, key))
		}
	}
	t.Equal(len(keys), len(ch.Drain(all)), "messages of the queue that # leads to")
}

func routingTopicWildcardKeys(t *T) {
	ch := t.Channel()
	x := ch.NewExchange("topic")
	hash, star, plain := ch.NewQueue(), ch.NewQueue(), ch.NewQueue()
	ch.Bind(hash, x, "a.#")
	ch.Bind(star, x, "*.*")
	ch.Bind(plain, x, "a.b")
	ch.Send(x, "a.#", "hash")
	ch.Send(x, "a.*", "star")
	ch.Send(x, "#", "only a hash")
	ch.ExpectDrain(hash, "hash", "star")
	ch.ExpectDrain(star, "hash", "star")
	ch.ExpectDrain(plain)
}

func routingTopicUnbind(t *T) {
	ch := t.Channel()
	q, x := ch.NewQueue(), ch.NewExchange("topic")
	patterns := []string{"a.b", "a.*", "a.#", "#.b", "#"}
	ch.Bind(q, x, patterns...)
	for _, pattern := range patterns {
		ch.Send(x, "a.b", "bound")
		t.OK(ch.QueueUnbind(q, pattern, x, nil), "unbind "+pattern)
	}
	ch.Send(x, "a.b", "unbound")
	ch.ExpectDrain(q, slices.Repeat([]string{"bound"}, len(patterns))...)
}

// headersCase is a binding and a message, and whether they match.
type headersCase struct {
	binding, message amqp.Table
	match            bool
}

// routeHeaders tries each case on an exchange of its own.
func routeHeaders(t *T, cases []headersCase) {
	ch := t.Channel()
	for _, tc := range cases {
		q, x := ch.NewQueue(), ch.NewExchange("headers")
		ch.BindWith(q, x, tc.binding)
		ch.SendWith(x, "ignored", amqp.Publishing{Headers: tc.message, Body: []byte("m")})
		t.Equal(tc.match, len(ch.Drain(q)) == 1, fmt.Sprintf("binding %v takes a message with %v", tc.binding, tc.message))
	}
}

func routingHeadersMatch(t *T) {
	one, both, none := amqp.Table{"a": "1"}, amqp.Table{"a": "1", "b": "2"}, amqp.Table(nil)
	wrong := amqp.Table{"a": "1", "b": "3"}
	with := func(match string, args amqp.Table) amqp.Table {
		table := amqp.Table{"x-match": match}
		for k, v := range args {
			table[k] = v
		}
		return table
	}
	ex := amqp.Table{"a": "1", "x-b": "2"}
	routeHeaders(t, []headersCase{
		{both, both, true}, {both, one, false}, {both, wrong, false}, {one, both, true}, {both, none, false},
		{with("all", both), both, true}, {with("all", both), one, false},
		{with("any", both), one, true}, {with("any", both), wrong, true}, {with("any", both), amqp.Table{"c": "1"}, false},
		{with("any", both), none, false},
		{with("all", ex), one, true}, {with("any", ex), amqp.Table{"x-b": "2"}, false},
		{with("all-with-x", ex), one, false}, {with("all-with-x", ex), ex, true},
		{with("any-with-x", ex), amqp.Table{"x-b": "2"}, true}, {with("any-with-x", ex), amqp.Table{"x-b": "3"}, false},
		{with("all-with-x", ex), with("other", ex), true},
		{nil, none, true}, {nil, both, true}, {with("all", nil), none, true}, {with("all-with-x", nil), none, true},
		{with("any", nil), both, false}, {with("any-with-x", nil), both, false}, {with("any", nil), none, false},
		{amqp.Table{"x-a": "1"}, none, true},
	})
}

func routingHeadersValues(t *T) {
	h := func(v any) amqp.Table { return amqp.Table{"h": v} }
	byNumber := !t.Version().AtLeast(3, 13, 0) // an integer and a float
	routeHeaders(t, []headersCase{
		{h(int32(5)), h(int64(5)), true}, {h(int8(5)), h(uint16(5)), true}, {h(int32(5)), h(int32(6)), false},
		{h("5"), h(int32(5)), false}, {h(int32(5)), h("5"), false},
		{h(nil), h("anything"), true}, {h(nil), h(nil), true}, {h(nil), amqp.Table{"other": "1"}, false},
		{h("1"), h(nil), false}, {h(true), h(true), true}, {h(true), h(false), false}, {h(true), h("true"), false},
		{h([]byte("b")), h("b"), true},
		{h([]any{int32(1), "a"}), h([]any{int32(1), "a"}), true}, {h([]any{int32(1)}), h([]any{int32(2)}), false},
		{h(amqp.Table{"n": "1"}), h(amqp.Table{"n": "1"}), true}, {h(amqp.Table{"n": "1"}), h(amqp.Table{"n": "2"}), false},
		{h([]any{}), h([]any{}), true}, {h([]any{}), h([]any{nil}), false}, {h(amqp.Table{}), h(amqp.Table{}), true},
		{h(amqp.Table{"a": "1", "b": "2"}), h(amqp.Table{"a": "1"}), false}, {h(int64(1) << 60), h(int64(1)<<60 + 1), false},
		{h(int32(1)), h(float64(1)), byNumber}, {h(true), h(int32(1)), false}, {h(""), h(nil), false}, {h(""), h(""), true},
		{h(float64(1.5)), h(float64(1.5)), true}, {h(float64(1.5)), h(float32(1.5)), true},
	})
}

func routingHeadersBadMatch(t *T) {
	x := t.Channel().NewExchange("headers")
	q := t.Channel().NewQueue()
	for _, tc := range []struct {
		value any
		text  string
	}{
		{"one", `Invalid x-match field value <<"one">>; expected all, any, all-with-x, or any-with-x`},
		{"ALL", `Invalid x-match field value <<"ALL">>; expected all, any, all-with-x, or any-with-x`},
		{"", `Invalid x-match field value <<>>; expected all, any, all-with-x, or any-with-x`},
		{int32(1), "Invalid x-match field type signedint (value 1); expected longstr"},
		{true, "Invalid x-match field type bool (value true); expected longstr"},
		{nil, "Invalid x-match field type void (value undefined); expected longstr"},
	} {
		text := tc.text
		if !t.Version().AtLeast(3, 10, 0) {
			text = strings.Replace(text, "; expected all, any, all-with-x, or any-with-x", "; expected all or any", 1)
		}
		t.ExpectError(406, text, func(ch *Channel) error {
			return ch.QueueBind(q, "", x, false, amqp.Table{"x-match": tc.value})
		})
	}
}

// A key may be in the reach of many patterns at once, and of some in many ways.
func routingTopicHashes(t *T) {
	const words = 24
	ch := t.Channel()
	x := ch.NewExchange("topic")
	q, ends, never := ch.NewQueue(), ch.NewQueue(), ch.NewQueue()
	for i := range words {
		prefix := strings.Repeat("a.", i)
		for _, pattern := range []string{prefix + "#", "#.a.#." + strings.Repeat("*.", i) + "#"} {
			if !t.manyHashes(pattern) {
				ch.Bind(q, x, pattern)
			}
		}
		ch.Bind(ends, x, prefix+"#.z", "#."+prefix+"#.z")
		ch.Bind(never, x, prefix+"#.y", "#."+prefix+"y.#")
	}
	key := strings.TrimSuffix(strings.Repeat("a.", words), ".")
	for _, k := range []string{key, key + ".z", "z." + key, "b.b"} {
		ch.Send(x, k, k)
	}
	ch.ExpectDrain(q, key, key+".z", "z."+key, "b.b")
	ch.ExpectDrain(ends, key+".z")
	ch.ExpectDrain(never)
}
