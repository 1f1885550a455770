package ctl

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// termWidth is the longest line of terms before Erlang begins another.
const termWidth = 80

// An atom is a text that is an atom in Erlang. "" is RabbitMQ's word for what is not known.
type atom string

var plainAtom = regexp.MustCompile(`^[a-z][A-Za-z0-9_@]*$`)

// term is the atom as Erlang prints it.
func (a atom) term() erlTerm {
	text := string(a)
	if !plainAtom.MatchString(text) {
		text = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
	}
	return erlTerm{text: text, tag: true}
}

// asAtoms is a value whose texts are atoms in Erlang.
func asAtoms(v any) any {
	switch v := v.(type) {
	case string:
		return atom(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = asAtoms(item)
		}
		return list
	case map[string]any:
		m := make(map[atom]any, len(v))
		for key, item := range v {
			m[atom(key)] = asAtoms(item)
		}
		return m
	}
	return v
}

// An erlTerm is a value as Erlang prints it: text is that on one line. A list or a tuple has
// parts, and is on several lines if one is too short.
type erlTerm struct {
	text  string
	parts []erlTerm
	tag   bool // an atom: what comes behind it in a tuple is indented by its length
}

func compound(open string, parts []erlTerm, end string) erlTerm {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.text
	}
	return erlTerm{text: open + strings.Join(texts, ",") + end, parts: parts}
}

func listTerm(parts ...erlTerm) erlTerm  { return compound("[", parts, "]") }
func tupleTerm(parts ...erlTerm) erlTerm { return compound("{", parts, "}") }

// termOf is a value as a term.
func termOf(v any) erlTerm {
	switch v := v.(type) {
	case nil:
		return erlTerm{text: "undefined"}
	case atom:
		return v.term()
	case arguments:
		return v.term()
	case elements:
		return v.term()
	case string:
		return binaryTerm(v)
	case []any:
		parts := make([]erlTerm, len(v))
		for i, item := range v {
			parts[i] = termOf(item)
		}
		return listTerm(parts...)
	case map[string]any:
		var parts []erlTerm
		for _, key := range sortedKeys(v) {
			parts = append(parts, tupleTerm(binaryTerm(key), termOf(v[key])))
		}
		return listTerm(parts...)
	case map[atom]any:
		var parts []erlTerm
		for _, key := range sortedKeys(v) {
			parts = append(parts, tupleTerm(key.term(), termOf(v[key])))
		}
		return listTerm(parts...)
	}
	return erlTerm{text: text(v)}
}

func binaryTerm(s string) erlTerm {
	if s == "" {
		return erlTerm{text: "<<>>"}
	}
	return erlTerm{text: fmt.Sprintf("<<%q>>", s)}
}

// lay is the term with its first character in a column, which count from 1; closers are the
// brackets that follow it on its last line.
func (t *erlTerm) lay(column, closers int) string {
	n := len(t.parts)
	if n == 0 || utf8.RuneCountInString(t.text) < termWidth-column-closers {
		return t.text
	}
	var b strings.Builder
	b.WriteString(t.text[:1])
	at, parts := column+1, t.parts
	if tagged := t.text[0] == '{' && parts[0].tag && n > 1; tagged {
		b.WriteString(parts[0].text + ",")
		at, parts = at+utf8.RuneCountInString(parts[0].text)+1, parts[1:]
	}
	for i := range parts {
		p, behind := &parts[i], 0
		if i == len(parts)-1 {
			behind = closers + 1
		}
		if i > 0 {
			b.WriteByte(',')
			if len(p.parts) > 0 || len(parts[i-1].parts) > 0 {
				b.WriteString("\n" + strings.Repeat(" ", at-1))
			}
		}
		b.WriteString(p.lay(at, behind))
	}
	b.WriteString(t.text[len(t.text)-1:])
	return b.String()
}

// showTerms prints a table as a list of Erlang's property lists.
func (c *call) showTerms(t *table) {
	rows := make([]erlTerm, len(t.rows))
	for i, row := range t.rows {
		pairs := make([]erlTerm, len(row))
		for k, value := range row {
			pairs[k] = tupleTerm(atom(t.columns[k]).term(), termOf(value))
		}
		rows[i] = listTerm(pairs...)
	}
	all := listTerm(rows...)
	c.print("%s", all.lay(1, 0))
}
