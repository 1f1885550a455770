// Headers exchanges: a binding's arguments against a message's headers
// (EXCH-37 to EXCH-41). Bindings are filed under the conditions that they make,
// so that a message meets only those that it fulfils one of.

package exchange

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
)

// rule is what a binding to a headers exchange asks of a message.
type rule struct {
	conditions []string // each as appendCondition makes it
	any        bool     // one condition is enough; else all must hold
	home       int      // the condition under which a rule that needs all is filed
}

// headers files rules by condition. One that needs any is filed under each of
// its conditions and matches where it is found; one that needs all under one
// of them, the rest is checked when it is found there.
type headers[D comparable] struct {
	byCondition map[string]*shelf[D]
	always      list[D] // those that need all of no conditions (EXCH-39)
}

// shelf holds the bindings filed under one condition.
type shelf[D comparable] struct {
	any map[*entry[D]]struct{}
	all list[D]
	n   int // the length of all
}

func (x *headers[D]) keyOnly() bool { return false }

func (x *headers[D]) attach(e *entry[D], args amqp.Table) error {
	r, err := parseRule(args)
	if err != nil {
		return err
	}
	e.rule = r
	if len(r.conditions) == 0 {
		if !r.any { // EXCH-39: all of nothing always holds, any of nothing never
			x.always.add(e)
		}
		return nil
	}
	if x.byCondition == nil {
		x.byCondition = make(map[string]*shelf[D])
	}
	if r.any {
		for _, c := range r.conditions {
			s := x.shelf(c)
			if s.any == nil {
				s.any = make(map[*entry[D]]struct{})
			}
			s.any[e] = struct{}{}
		}
		return nil
	}
	r.home = x.rarest(r.conditions)
	s := x.shelf(r.conditions[r.home])
	s.all.add(e)
	s.n++
	return nil
}

// rarest picks the condition with the fewest rules filed under it, so that
// those that many bindings share do not make each of them a candidate.
func (x *headers[D]) rarest(conditions []string) int {
	best, fewest := 0, -1
	for i, c := range conditions {
		n := 0
		if s := x.byCondition[c]; s != nil {
			n = 2 * s.n
		}
		if isPresence(c) { // of two equals, the value tells more
			n++
		}
		if fewest < 0 || n < fewest {
			best, fewest = i, n
		}
	}
	return best
}

func (x *headers[D]) shelf(condition string) *shelf[D] {
	s := x.byCondition[condition]
	if s == nil {
		s = &shelf[D]{}
		x.byCondition[condition] = s
	}
	return s
}

func (x *headers[D]) detach(e *entry[D]) {
	r := e.rule
	switch {
	case r.any:
		for _, c := range r.conditions {
			if s := x.byCondition[c]; s != nil { // nil if the condition is there twice
				delete(s.any, e)
				x.clear(c, s)
			}
		}
	case len(r.conditions) == 0:
		x.always.remove(e)
	default:
		c := r.conditions[r.home]
		s := x.byCondition[c]
		s.all.remove(e)
		s.n--
		x.clear(c, s)
	}
}

// clear takes away a shelf that holds nothing any more.
func (x *headers[D]) clear(condition string, s *shelf[D]) {
	if len(s.any) > 0 || s.n > 0 {
		return
	}
	delete(x.byCondition, condition)
	if len(x.byCondition) == 0 {
		x.byCondition = nil // Go's maps never shrink
	}
}

func (x *headers[D]) route(dst []D, m Message) []D {
	dst = x.always.appendTo(dst)
	if len(x.byCondition) == 0 || m.Headers == nil {
		return dst
	}
	f := readFacts(m.Headers)
	for _, s := range f.spans {
		dst = x.byCondition[string(f.buf[s.start:s.value])].appendTo(dst, &f)
		dst = x.byCondition[string(f.buf[s.start:s.end])].appendTo(dst, &f)
	}
	return dst
}

// appendTo appends the destinations of the rules that f fulfils, knowing that
// it fulfils the condition under which they are filed.
func (s *shelf[D]) appendTo(dst []D, f *facts) []D {
	if s == nil {
		return dst
	}
	for e := range s.any {
		dst = append(dst, e.dest)
	}
	for e := s.all.head; e != nil; e = e.next {
		if e.rule.heldBy(f) {
			dst = append(dst, e.dest)
		}
	}
	return dst
}

// heldBy reports whether f fulfils every condition, the home one being known.
func (r *rule) heldBy(f *facts) bool {
	for i, c := range r.conditions {
		if i != r.home && !f.fulfil(c) {
			return false
		}
	}
	return true
}

// parseRule reads a binding's arguments. The error is an *ArgumentError.
func parseRule(args amqp.Table) (*rule, error) {
	r := &rule{}
	withX := false
	if match, ok := args.Get("x-match"); ok {
		s, isString := match.(string)
		if !isString { // EXCH-40: it must be text
			return nil, &ArgumentError{fmt.Sprintf("Invalid x-match field type %s (value %s); expected longstr",
				amqp.TypeName(match), amqp.FormatTerm(match))}
		}
		switch s { // EXCH-37: all by default
		case "all":
		case "any":
			r.any = true
		case "all-with-x":
			withX = true
		case "any-with-x":
			r.any, withX = true, true
		default: // EXCH-40: refused
			return nil, &ArgumentError{fmt.Sprintf("Invalid x-match field value %s; expected all, any, all-with-x, or any-with-x",
				amqp.FormatTerm(s))}
		}
	}
	for _, f := range args {
		if f.Key == "x-match" || !withX && strings.HasPrefix(f.Key, "x-") { // EXCH-37: arguments of the broker
			continue
		}
		r.conditions = append(r.conditions, string(appendCondition(nil, f.Key, f.Value)))
	}
	r.conditions = slices.Clip(r.conditions)
	return r, nil
}
