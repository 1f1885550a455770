// What all exchange types share: the set of bindings, found by identity
// (destination, key, arguments: EXCH-22) and by destination. A matcher, one per
// exchange type, indexes the same entries for routing.

package exchange

import (
	"cmp"
	"iter"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
)

// matcher is the part that differs between exchange types: it finds the
// entries that a message matches.
type matcher[D comparable] interface {
	// attach indexes a new entry with the arguments it was made of; an error
	// refuses it.
	attach(e *entry[D], args amqp.Table) error
	// detach takes back what attach did.
	detach(e *entry[D])
	route(dst []D, m Message) []D
	keyOnly() bool
}

// identity tells bindings apart.
type identity[D comparable] struct {
	key  string
	args string // as canonicalArgs makes it
	dest D
}

// entry is one binding. Its links keep the lists that it is in: a table with
// 100,000 of them has no room for a slice or a map in each.
type entry[D comparable] struct {
	identity[D]
	prevOfDest, nextOfDest *entry[D] // the bindings of the same destination
	prev, next             *entry[D] // the matcher's list of those that match alike
	rule                   *rule     // of a headers exchange
}

// table is a Table around a matcher.
type table[D comparable] struct {
	match  matcher[D]
	byID   map[identity[D]]*entry[D]
	byDest map[D]*entry[D] // the latest; linked by nextOfDest
}

func newTable[D comparable](m matcher[D]) *table[D] { return &table[D]{match: m} }

func (t *table[D]) Bind(key string, args amqp.Table, d D) (bool, error) {
	id := identity[D]{key, canonicalArgs(args), d}
	if t.byID[id] != nil {
		return false, nil // EXCH-22: identical
	}
	e := &entry[D]{identity: id}
	if err := t.match.attach(e, args); err != nil {
		return false, err
	}
	if t.byID == nil {
		t.byID, t.byDest = make(map[identity[D]]*entry[D]), make(map[D]*entry[D])
	}
	t.byID[id] = e
	if head := t.byDest[d]; head != nil {
		e.nextOfDest, head.prevOfDest = head, e
	}
	t.byDest[d] = e
	return true, nil
}

func (t *table[D]) Unbind(key string, args amqp.Table, d D) bool {
	e := t.byID[identity[D]{key, canonicalArgs(args), d}]
	if e == nil {
		return false
	}
	if e.nextOfDest != nil {
		e.nextOfDest.prevOfDest = e.prevOfDest
	}
	switch {
	case e.prevOfDest != nil:
		e.prevOfDest.nextOfDest = e.nextOfDest
	case e.nextOfDest != nil:
		t.byDest[d] = e.nextOfDest
	default:
		delete(t.byDest, d)
	}
	t.drop(e)
	t.shrink()
	return true
}

func (t *table[D]) RemoveDest(d D) int {
	n := 0
	for e := t.byDest[d]; e != nil; e = e.nextOfDest {
		t.drop(e)
		n++
	}
	delete(t.byDest, d)
	t.shrink()
	return n
}

// drop forgets e, save for its place among the bindings of its destination.
func (t *table[D]) drop(e *entry[D]) {
	t.match.detach(e)
	delete(t.byID, e.identity)
}

// shrink gives the maps back when they are empty: Go's maps never shrink.
func (t *table[D]) shrink() {
	if len(t.byID) == 0 {
		t.byID, t.byDest = nil, nil
	}
}

func (t *table[D]) Route(dst []D, m Message) []D { return t.match.route(dst, m) }
func (t *table[D]) KeyOnly() bool                { return t.match.keyOnly() }
func (t *table[D]) Len() int                     { return len(t.byID) }

func (t *table[D]) All() iter.Seq[Binding[D]] {
	return func(yield func(Binding[D]) bool) {
		for _, e := range t.byID {
			if !yield(e.binding()) {
				return
			}
		}
	}
}

func (t *table[D]) Of(d D) iter.Seq[Binding[D]] {
	return func(yield func(Binding[D]) bool) {
		for e := t.byDest[d]; e != nil; e = e.nextOfDest {
			if !yield(e.binding()) {
				return
			}
		}
	}
}

func (e *entry[D]) binding() Binding[D] {
	b := Binding[D]{Key: e.key, Dest: e.dest}
	if e.args != "" {
		// What canonicalArgs encoded can be decoded.
		b.Args, _, _ = amqp.DecodeTable([]byte(e.args))
	}
	return b
}

// canonicalArgs is equal for argument tables that make the same binding:
// RabbitMQ sorts them by name and compares names, types and values. No
// arguments are the empty string.
func canonicalArgs(args amqp.Table) string {
	if len(args) == 0 {
		return ""
	}
	return string(amqp.AppendTable(nil, Sorted(args)))
}

// Sorted returns args ordered by name, as the table keeps them; the order of
// duplicates stays. Two bindings with the same destination and key are one if
// their sorted arguments are equal.
func Sorted(args amqp.Table) amqp.Table {
	byName := func(a, b amqp.Field) int { return cmp.Compare(a.Key, b.Key) }
	if slices.IsSortedFunc(args, byName) {
		return args
	}
	args = slices.Clone(args)
	slices.SortStableFunc(args, byName)
	return args
}

// list links the entries of a table that match alike.
type list[D comparable] struct {
	head *entry[D]
}

func (l *list[D]) add(e *entry[D]) {
	e.next = l.head
	if l.head != nil {
		l.head.prev = e
	}
	l.head = e
}

func (l *list[D]) remove(e *entry[D]) {
	if e.next != nil {
		e.next.prev = e.prev
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		l.head = e.next
	}
	e.prev, e.next = nil, nil
}

func (l list[D]) appendTo(dst []D) []D {
	for e := l.head; e != nil; e = e.next {
		dst = append(dst, e.dest)
	}
	return dst
}
