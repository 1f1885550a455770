// Package erlterm reads Erlang terms as RabbitMQ's configuration files have them:
// advanced.config, rabbitmq.config and enabled_plugins. It reads terms, not
// programs: atoms, strings, binaries, numbers, tuples, lists and maps.
package erlterm

import (
	"fmt"
	"strings"
)

// A Term is an Atom, a string (of double quotes), a Binary, an int64, a float64, a
// Tuple, a List or a Map.
type Term any

// An Atom is a name such as rabbit, or one in single quotes.
type Atom string

// A Binary is the text of <<"…">>.
type Binary string

// A Tuple is {…}, a List […].
type (
	Tuple []Term
	List  []Term
)

// A Map is #{…}, its pairs in the order of the file.
type Map []Pair

// A Pair is a key of a Map with its value.
type Pair struct{ Key, Value Term }

// An Error is where a text ceases to be a term. Lines count from 1.
type Error struct {
	Line int
	Text string
}

// Error begins with the line.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// maxDepth bounds how deep lists and tuples lie in each other.
const maxDepth = 100

// Parse reads a file of one term, which ends with a dot. The error is an *Error.
func Parse(text string) (term Term, err error) {
	p := parser{text: text}
	defer func() {
		if problem := recover(); problem != nil {
			bad, ok := problem.(*Error)
			if !ok {
				panic(problem)
			}
			term, err = nil, bad
		}
	}()
	term = p.term(0)
	p.expect(".")
	p.space()
	if p.rest() != "" {
		p.fail("a second term, and one is expected")
	}
	return term, nil
}

// A parser is somewhere in a text. Its methods panic with an *Error, which Parse
// recovers.
type parser struct {
	text string
	at   int
}

func (p *parser) rest() string { return p.text[p.at:] }

func (p *parser) fail(format string, args ...any) {
	panic(&Error{1 + strings.Count(p.text[:p.at], "\n"), fmt.Sprintf(format, args...)})
}

// space passes over white space and comments.
func (p *parser) space() {
	for p.rest() != "" {
		switch c := p.text[p.at]; {
		case c <= ' ':
			p.at++
		case c == '%':
			if end := strings.IndexByte(p.rest(), '\n'); end >= 0 {
				p.at += end
			} else {
				p.at = len(p.text)
			}
		default:
			return
		}
	}
}

// next reports whether a token comes next, and passes over it.
func (p *parser) next(token string) bool {
	p.space()
	if !strings.HasPrefix(p.rest(), token) {
		return false
	}
	p.at += len(token)
	return true
}

func (p *parser) expect(token string) {
	if !p.next(token) {
		p.fail("%s, and %q is expected", p.seen(), token)
	}
}

// seen names what comes next.
func (p *parser) seen() string {
	p.space()
	if p.rest() == "" {
		return "the text ends"
	}
	word, _, _ := strings.Cut(p.rest(), "\n")
	return fmt.Sprintf("%q", word[:min(len(word), 20)])
}

func (p *parser) term(depth int) Term {
	if depth > maxDepth {
		p.fail("lists and tuples lie more than %d deep", maxDepth)
	}
	switch {
	case p.next("<<"):
		text := ""
		if !p.next(">>") {
			p.expect(`"`)
			text = p.quoted('"')
			p.next("/utf8")
			p.expect(">>")
		}
		return Binary(text)
	case p.next("#{"):
		m := Map{}
		p.list("}", func() {
			key := p.term(depth + 1)
			p.expect("=>")
			m = append(m, Pair{key, p.term(depth + 1)})
		})
		return m
	case p.next("{"):
		t := Tuple{}
		p.list("}", func() { t = append(t, p.term(depth+1)) })
		return t
	case p.next("["):
		l := List{}
		p.list("]", func() { l = append(l, p.term(depth+1)) })
		return l
	case p.next(`"`):
		text := p.quoted('"')
		for p.next(`"`) { // "a" "b" is "ab"
			text += p.quoted('"')
		}
		return text
	case p.next("'"):
		return Atom(p.quoted('\''))
	}
	return p.word()
}

// list reads items with commas between them, up to the closing bracket.
func (p *parser) list(closing string, item func()) {
	if p.next(closing) {
		return
	}
	for {
		item()
		if p.next(closing) {
			return
		}
		p.expect(",")
	}
}
