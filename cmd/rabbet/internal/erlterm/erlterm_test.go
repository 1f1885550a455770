package erlterm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTerms(t *testing.T) {
	for text, want := range map[string]Term{
		"[].":                          List{},
		"rabbit.":                      Atom("rabbit"),
		"'a-b c'.":                     Atom("a-b c"),
		"-17.":                         int64(-17),
		"16#ff.":                       int64(255),
		"1_000_000.":                   int64(1_000_000),
		"0.4.":                         0.4,
		"1.0e3.":                       1000.0,
		`"a\"b\n\101\x{fc}".`:          "a\"b\nAü",
		`"a" "b".`:                     "ab",
		`<<"x">>.`:                     Binary("x"),
		`<<"ü"/utf8>>.`:                Binary("ü"),
		"<<>>.":                        Binary(""),
		"#{a => 1, \"b\" => []}.":      Map{{Atom("a"), int64(1)}, {"b", List{}}},
		"{a,{b}}.":                     Tuple{Atom("a"), Tuple{Atom("b")}},
		"% none\n[a, % one\n b\n].\n%": List{Atom("a"), Atom("b")},
		"[{rabbit, [{tcp_listeners, [5672, {\"127.0.0.1\", 5673}]}]}].": List{Tuple{Atom("rabbit"), List{
			Tuple{Atom("tcp_listeners"), List{int64(5672), Tuple{"127.0.0.1", int64(5673)}}},
		}}},
		"[rabbitmq_management,\n rabbitmq_shovel].": List{Atom("rabbitmq_management"), Atom("rabbitmq_shovel")},
	} {
		term, err := Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, term, text)
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                        `line 1: the text ends, and a term is expected`,
		"[a":                      `line 1: the text ends, and "," is expected`,
		"[a,\nb":                  `line 2: the text ends, and "," is expected`,
		"[a]":                     `line 1: the text ends, and "." is expected`,
		"[rabbitmq-delayed].":     `line 1: "-delayed].", and "," is expected`,
		"[a]. [b].":               `line 1: a second term, and one is expected`,
		`"a`:                      `line 1: a quote " is never closed`,
		`"a\`:                     `line 1: the text ends in a backslash`,
		"Variable.":               `line 1: "Variable.", and a term is expected`,
		"37#1.":                   `line 1: "37#1" is no number`,
		"99999999999999999999.":   `line 1: "99999999999999999999" is no number`,
		strings.Repeat("[", 1000): `line 1: lists and tuples lie more than 100 deep`,
		"\"\xff\".":               `line 1: text that is not UTF-8`,
	} {
		_, err := Parse(text)
		assert.EqualError(t, err, want, text)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"[a,'b'].", `{"x",<<"y">>,#{a=>1.5}}.`, "16#ff. % x", `"\x{41}\101\n".`, "[{a,[1,-2]}]."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse(text)
		if err != nil {
			assert.IsType(t, &Error{}, err)
		}
	})
}
