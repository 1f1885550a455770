package topology

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rabbetmq/rabbet/broker/internal/profile"
)

// rules are a virtual host's policies of one kind. They are found by the text with which
// a name must begin, so that a name is compared with few of very many.
type rules struct {
	list     []*rule // the one that counts first, first
	byName   map[string]*rule
	byPrefix map[string][]*rule // each in the order of list
	lengths  []int              // of the prefixes, in bytes
}

// before says which of two rules counts first (POLICY-2).
func before(a, b *rule) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Name, b.Name))
}

// change removes the rules of some names and adds others.
func (rs *rules) change(add []*rule, remove []string) {
	for _, name := range remove {
		delete(rs.byName, name)
	}
	rs.list = slices.AppendSeq(slices.Clone(add), maps.Values(rs.byName))
	rs.index()
}

// index files the rules of the list.
func (rs *rules) index() {
	slices.SortFunc(rs.list, before)
	rs.byName, rs.byPrefix, rs.lengths = make(map[string]*rule), make(map[string][]*rule), nil
	for _, r := range rs.list {
		rs.byName[r.Name] = r
		rs.byPrefix[r.prefix] = append(rs.byPrefix[r.prefix], r)
		if !slices.Contains(rs.lengths, len(r.prefix)) {
			rs.lengths = append(rs.lengths, len(r.prefix))
		}
	}
}

// match is the first rule for a name and what it names: "exchanges", or
// "queues" of a type. nil is none.
func (rs *rules) match(name, what string, t *profile.QueueType) *rule {
	var best *rule
	for _, n := range rs.lengths {
		if n > len(name) {
			continue
		}
		for _, r := range rs.byPrefix[name[:n]] {
			if best != nil && before(best, r) < 0 {
				break
			}
			if r.appliesTo(what, t) && r.pattern.MatchString(name) {
				best = r
				break
			}
		}
	}
	return best
}

// any reports whether a rule matches a name, whatever it applies to.
func (rs *rules) any(name string) bool {
	for _, n := range rs.lengths {
		if n > len(name) {
			continue
		}
		for _, r := range rs.byPrefix[name[:n]] {
			if r.pattern.MatchString(name) {
				return true
			}
		}
	}
	return false
}

// literalPrefix is the text with which all names begin that match a pattern, or "" where
// that is not plain to see.
func literalPrefix(expr string) string {
	rest, anchored := strings.CutPrefix(expr, "^")
	if !anchored || strings.Contains(expr, "|") {
		return ""
	}
	end := strings.IndexAny(rest, `\.+*?()[]{}^$`)
	if end < 0 {
		return rest
	}
	if strings.IndexByte("*?{", rest[end]) >= 0 { // the character before may be missing
		_, size := utf8.DecodeLastRuneInString(rest[:end])
		end -= size
	}
	return rest[:end]
}
