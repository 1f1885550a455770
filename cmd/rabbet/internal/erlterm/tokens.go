package erlterm

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// quoted reads up to the closing quote, which is passed over.
func (p *parser) quoted(quote byte) string {
	var b strings.Builder
	for {
		if p.rest() == "" {
			p.fail("a quote %c is never closed", quote)
		}
		c := p.text[p.at]
		p.at++
		switch {
		case c == quote:
			if !utf8.ValidString(b.String()) {
				p.fail("text that is not UTF-8")
			}
			return b.String()
		case c == '\\':
			p.escape(&b)
		default:
			b.WriteByte(c)
		}
	}
}

// escapes are the letters behind a backslash.
var escapes = map[byte]byte{
	'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', 'b': '\b', 'f': '\f', 'e': 0x1b, 's': ' ', 'd': 0x7f,
}

// escape reads what follows a backslash.
func (p *parser) escape(b *strings.Builder) {
	if p.rest() == "" {
		p.fail("the text ends in a backslash")
	}
	c := p.text[p.at]
	switch {
	case c == 'x' && strings.HasPrefix(p.rest(), "x{"):
		digits, _, found := strings.Cut(p.rest()[2:], "}")
		n, err := strconv.ParseUint(digits, 16, 32)
		if !found || err != nil || n > utf8.MaxRune {
			p.fail(`a bad \x{…}`)
		}
		p.at += len(digits) + 3
		b.WriteRune(rune(n))
		return
	case c >= '0' && c <= '7':
		n, digits := 0, 0
		for digits < 3 && p.at+digits < len(p.text) && p.text[p.at+digits] >= '0' && p.text[p.at+digits] <= '7' {
			n = n*8 + int(p.text[p.at+digits]-'0')
			digits++
		}
		p.at += digits
		b.WriteRune(rune(n))
		return
	}
	p.at++
	if to, ok := escapes[c]; ok {
		c = to
	}
	b.WriteByte(c)
}

// word reads a number or a bare atom.
func (p *parser) word() Term {
	p.space()
	end := strings.IndexFunc(p.rest(), func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '@' || c == '-' || c == '+' || c == '.' || c == '#')
	})
	word := p.rest()
	if end >= 0 {
		word = word[:end]
	}
	first := byte(0)
	if word != "" {
		first = word[0]
	}
	switch {
	case first >= 'a' && first <= 'z':
		// An atom ends where its letters end: rabbit. is the atom and the final dot.
		if i := strings.IndexAny(word, "-+.#"); i >= 0 {
			word = word[:i]
		}
		p.at += len(word)
		return Atom(word)
	case first >= '0' && first <= '9', first == '-', first == '+':
		word = strings.TrimRight(word, ".") // the dot that ends the term
		p.at += len(word)
		if n, ok := integer(word); ok {
			return n
		}
		if f, err := strconv.ParseFloat(word, 64); err == nil && strings.Contains(word, ".") {
			return f
		}
		p.fail("%q is no number", word)
	}
	p.fail("%s, and a term is expected", p.seen())
	return nil
}

// integer reads 10, -10, 16#ff and 1_000.
func integer(word string) (int64, bool) {
	base, digits := 10, word
	if b, rest, ok := strings.Cut(word, "#"); ok {
		n, err := strconv.Atoi(b)
		if err != nil || n < 2 || n > 36 {
			return 0, false
		}
		base, digits = n, rest
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(digits, "_", ""), base, 64)
	return n, err == nil
}
