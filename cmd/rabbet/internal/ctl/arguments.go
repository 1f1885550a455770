package ctl

import (
	"fmt"
	"strings"
)

// arguments are those of a queue, an exchange, a binding, a consumer or a client, with the
// types that they had on the wire. RabbitMQ prints them in another form in each format.
type arguments []argument

type argument struct {
	name string
	element
}

// elements are an array's.
type elements []element

// An element's value is arguments if it is a table, and elements if it is an array.
type element struct {
	kind  string
	value any
}

// argumentsOf reads what the node sends if it is asked for types: triples, and in an array
// pairs.
func argumentsOf(v any) arguments {
	list, _ := v.([]any)
	all := make(arguments, 0, len(list))
	for _, item := range list {
		if triple, _ := item.([]any); len(triple) == 3 {
			all = append(all, argument{text(triple[0]), elementOf(triple[1:])})
		}
	}
	return all
}

func elementOf(pair []any) element {
	e := element{text(pair[0]), pair[1]}
	switch e.kind {
	case "table":
		e.value = argumentsOf(e.value)
	case "array":
		list, _ := e.value.([]any)
		all := make(elements, 0, len(list))
		for _, item := range list {
			if pair, _ := item.([]any); len(pair) == 2 {
				all = append(all, elementOf(pair))
			}
		}
		e.value = all
	case "void":
		e.value = atom("undefined")
	}
	return e
}

// MarshalJSON writes triples.
func (all arguments) MarshalJSON() ([]byte, error) {
	list := make([]any, len(all))
	for i, a := range all {
		list[i] = []any{a.name, a.kind, a.value}
	}
	return []byte(jsonText(list)), nil
}

// MarshalJSON writes an object, which RabbitMQ's tool makes of any list of pairs: the keys
// are the types, and of two elements of a type the last is left.
func (all elements) MarshalJSON() ([]byte, error) {
	values := map[string]any{}
	for _, e := range all {
		values[e.kind] = e.value
	}
	return []byte(jsonText(values)), nil
}

func (all arguments) term() erlTerm {
	parts := make([]erlTerm, len(all))
	for i, a := range all {
		parts[i] = tupleTerm(binaryTerm(a.name), atom(a.kind).term(), a.term())
	}
	return listTerm(parts...)
}

func (all elements) term() erlTerm {
	parts := make([]erlTerm, len(all))
	for i, e := range all {
		parts[i] = tupleTerm(atom(e.kind).term(), e.term())
	}
	return listTerm(parts...)
}

func (e element) term() erlTerm {
	t := termOf(e.value)
	if e.kind == "decimal" { // the scale and the number
		return tupleTerm(t.parts...)
	}
	return t
}

// String is the arguments in a table: names and values, without types.
func (all arguments) String() string {
	parts := make([]string, len(all))
	for i, a := range all {
		parts[i] = fmt.Sprintf("{%q,%s}", a.name, a.text())
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func (all elements) String() string {
	parts := make([]string, len(all))
	for i, e := range all {
		parts[i] = e.text()
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func (e element) text() string {
	switch v := e.value.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []any:
		return "{" + strings.Join(texts(v), ",") + "}"
	}
	return text(e.value)
}

// boxed is the arguments in a table with lines.
func (all arguments) boxed() string {
	var b strings.Builder
	for _, part := range all.term().parts {
		b.WriteString(part.text)
	}
	return b.String()
}
