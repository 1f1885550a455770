package exchange

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTopicMatching(t *testing.T) {
	for _, tc := range []struct {
		key   string
		match []string
		not   []string
	}{
		// EXCH-35: the empty key has no words at all.
		{"", []string{"", "#", "#.#", "#.#.#"}, []string{"*", "*.*", "#.*", "*.#", "a", ".", "a.#"}},
		// EXCH-35: words may be empty.
		{".", []string{"*.*", ".", "#", "#.#", "*.#", "#.*", "*.", ".*", "*.*.#"}, []string{"", "*", "*.*.*", "a.*", ".."}},
		{"a.", []string{"a.#", "a.*", "*.*", "a.", "#."}, []string{"a", "*", ".a"}},
		{".a", []string{".a", "*.a", "#.a", ".*", ".#"}, []string{"a", "*", "a.#"}},
		{"..", []string{"*.*.*", "..", "#", "*.#.*", "#.*.#"}, []string{"*.*", "*.*.*.*", "."}},
		// EXCH-35: as observed.
		{"a", []string{"a", "*", "#", "a.#", "#.a", "a.#.#", "#.a.#"}, []string{"", "a.*", "*.a", "b", "A", "a.", ".a"}},
		{"a.b", []string{"a.b", "a.*", "*.b", "*.*", "a.#", "#.b", "a.#.b", "a.b.#", "#.a.b", "#.*.#", "*.#.*"},
			[]string{"a", "b", "*", "a.#.c", "a.b.*", "*.*.*", "b.a", "ab"}},
		{"a..b", []string{"a.#.b", "a.*.b", "a..b", "*.*.*"}, []string{"a.b", "*.*"}},
		{"a.b.c.d", []string{"#", "a.#", "#.d", "a.#.d", "#.b.#", "a.*.*.d", "*.#.d", "#.c.*", "#.b.#.d", "a.#.#.d", "#.b.c.#"},
			[]string{"#.c", "a.*.d", "#.d.#.c", "*.*.*", "#.*.*.*.*.*"}},
		{"a.a.a", []string{"#.a", "a.#.a", "#.a.#.a.#", "a.a.#", "#.a.a.a", "#.a.#.a.#.a.#", "*.a.#"}, []string{"a.a", "#.a.a.a.a", "#.b"}},
		// EXCH-36: in a message's key they are plain words.
		{"a.#", []string{"a.#", "*.*", "a.*", "#"}, []string{"a", "*"}},
		{"a.*", []string{"a.*", "*.*", "a.#"}, []string{"a.b", "a"}},
		{"*", []string{"*", "#"}, []string{"a", "*.*"}},
		{"#", []string{"*", "#", "#.#", "#.*"}, []string{"a", "", "*.*"}},
		// Part of a word is no wildcard.
		{"ab", []string{"ab", "*"}, []string{"a*", "*b", "a#", "#b", "**", "##"}},
		{"a*", []string{"a*", "*"}, []string{"ab", "a"}},
	} {
		for _, patterns := range []struct {
			list []string
			want bool
		}{{tc.match, true}, {tc.not, false}} {
			for _, p := range patterns.list {
				x := testTable(t, "topic")
				bind(t, x, p, nil, "q")
				got := x.Route(nil, Message{Key: tc.key})
				assert.Equal(t, patterns.want, len(got) == 1, "key %q pattern %q routed %d times", tc.key, p, len(got))
				assert.Equal(t, patterns.want, naiveTopic(p, tc.key), "the model: key %q pattern %q", tc.key, p)
			}
		}
	}
}

// naiveTopic says the rule straight away.
func naiveTopic(pattern, key string) bool {
	split := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, ".")
	}
	return naiveWords(split(pattern), split(key))
}

func naiveWords(pattern, key []string) bool {
	switch {
	case len(pattern) == 0:
		return len(key) == 0
	case pattern[0] == "#":
		return naiveWords(pattern[1:], key) || len(key) > 0 && naiveWords(pattern, key[1:])
	}
	return len(key) > 0 && (pattern[0] == "*" || pattern[0] == key[0]) && naiveWords(pattern[1:], key[1:])
}

// randomKey makes keys of few different words, so that many match.
func randomKey(rnd *rand.Rand, pattern bool) string {
	alphabet := []string{"a", "b", "", "*", "#"}
	if pattern && rnd.IntN(2) == 0 {
		alphabet = []string{"a", "*", "#"}
	}
	w := make([]string, rnd.IntN(7))
	for i := range w {
		w[i] = alphabet[rnd.IntN(len(alphabet))]
	}
	return strings.Join(w, ".")
}

// A binding is found once, however many ways lead to it.
func TestTopicFindsABindingOnce(t *testing.T) {
	x := testTable(t, "topic")
	for _, p := range []string{"#", "#.#", "#.#.#", "#.a.#", "#.a.#.a.#", "#.*.#", "*.#.*", "#.a"} {
		bind(t, x, p, nil, p)
	}
	assert.Equal(t, []string{"#", "#.#", "#.#.#", "#.*.#", "#.a", "#.a.#", "#.a.#.a.#", "*.#.*"},
		routed(x, Message{Key: "a.a.a.a"}))
}

// Patterns that send a backtracking matcher, or one that forgets where it has
// been, off for longer than a test may run.
func TestTopicStaysPolynomial(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat("a.", 128), ".")
	x := testTable(t, "topic")
	bind(t, x, strings.Repeat("#.", 100)+"b", nil, "none")
	bind(t, x, strings.Repeat("#.a.", 60)+"b", nil, "none")
	bind(t, x, strings.Repeat("#.*.", 60)+"b", nil, "none")
	bind(t, x, strings.Repeat("*.#.", 60)+"#", nil, "all")
	for i := range 1 << 10 { // all ways to write ten words as a or *, before a tail of more ways
		p := strings.Builder{}
		for bit := range 10 {
			p.WriteString([]string{"a.", "*.#."}[i>>bit&1])
		}
		bind(t, x, p.String()+"#.a.#.b", nil, "none")
	}
	for range 5 {
		assert.Equal(t, []string{"all"}, routed(x, Message{Key: long}))
	}
}

func TestUnbindFreesNodes(t *testing.T) {
	x := testTable(t, "topic")
	trie := x.match.(*topic[string])
	bind(t, x, "a.b.c", nil, "q")
	bind(t, x, "a", nil, "q")
	bind(t, x, "a.*.#", nil, "q")
	require.Len(t, trie.edges, 3)
	require.True(t, x.Unbind("a.b.c", nil, "q"))
	assert.Len(t, trie.edges, 1, "b and c are gone, a still leads somewhere")
	require.True(t, x.Unbind("a", nil, "q"))
	assert.Len(t, trie.edges, 1)
	assert.Equal(t, []string{"q"}, routed(x, Message{Key: "a.z"}))
	require.True(t, x.Unbind("a.*.#", nil, "q"))
	assertEmpty(t, x)

	for i := range 1000 {
		bind(t, x, fmt.Sprintf("#.w%d.*.x", i), nil, "q")
	}
	assert.Equal(t, 1000, x.RemoveDest("q"))
	assertEmpty(t, x)
}

// FuzzTopic compares the trie with the rule as naiveTopic says it. The patterns
// come on a line each.
func FuzzTopic(f *testing.F) {
	f.Add("a.*.#\n#.b\n#.#", "a.b")
	f.Add("\n.\n*.*\n#", ".")
	f.Add("a.#.b\n#.a.#.a.#\n*", "a.#")
	f.Fuzz(func(t *testing.T, patterns, key string) {
		if strings.Count(patterns, "#") > 10 || len(key) > 40 {
			t.Skip("the naive matcher takes too long")
		}
		x := testTable(t, "topic")
		var want []string
		for p := range strings.SplitSeq(patterns, "\n") {
			if added, err := x.Bind(p, nil, p); err == nil && added && naiveTopic(p, key) {
				want = append(want, p)
			}
		}
		assert.ElementsMatch(t, want, x.Route(nil, Message{Key: key}))
		for p := range strings.SplitSeq(patterns, "\n") {
			x.Unbind(p, nil, p)
		}
		assertEmpty(t, x)
	})
}
