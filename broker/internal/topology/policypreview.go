package topology

import (
	"cmp"
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/profile"
)

// An Applied is what policies make of a queue or an exchange: the name of the one that
// applies, and the definition in effect.
type Applied struct {
	Name       string
	Definition map[string]any
}

// A PolicyChange is what a change of policies would do to one queue or exchange.
type PolicyChange struct {
	Name          string
	Exchange      bool
	Before, After Applied
}

// PreviewPolicy returns what would change if a policy were set, or removed, and how many
// queues and exchanges it matches. It fails as SetPolicy does.
func (pl *policies) PreviewPolicy(kind PolicyKind, p Policy, remove bool) (changes []PolicyChange, matched int, err error) {
	var fresh *rule
	if !remove {
		p.ApplyTo = cmp.Or(p.ApplyTo, "all")
		p.Definition = maps.Clone(p.Definition)
		if fresh, err = newRule(p); err != nil {
			return nil, 0, err
		}
		if err := pl.profile.CheckDefinition(kind, p.Definition); err != nil {
			return nil, 0, err
		}
	}
	pl.mu.RLock() // what is indexed anew belongs to nobody else
	user, operator := pl.user.copy(), pl.operator.copy()
	pl.mu.RUnlock()
	newUser, newOperator := user, operator
	if kind == OperatorPolicy {
		newOperator = operator.with(p.Name, fresh)
	} else {
		newUser = user.with(p.Name, fresh)
	}
	look := func(name, what string, t *profile.QueueType) {
		if fresh != nil && fresh.appliesTo(what, t) && fresh.pattern.MatchString(name) {
			matched++
		}
		before := pl.applied(user.match(name, what, t), operator.match(name, what, t), kind)
		after := pl.applied(newUser.match(name, what, t), newOperator.match(name, what, t), kind)
		if before.Name != after.Name || !sameDefinition(before.Definition, after.Definition) {
			changes = append(changes, PolicyChange{Name: name, Exchange: t == nil, Before: before, After: after})
		}
	}
	for _, q := range pl.Queues() {
		look(q.Name, "queues", profile.QueueTypeOf(q.Args))
	}
	for _, x := range pl.Exchanges() {
		look(x.Name, "exchanges", nil)
	}
	slices.SortFunc(changes, func(a, b PolicyChange) int { return cmp.Compare(a.Name, b.Name) })
	return changes, matched, nil
}

func (rs *rules) copy() rules {
	same := rules{list: slices.Clone(rs.list)}
	same.index()
	return same
}

// with is a copy of the rules with one of them replaced, or removed.
func (rs *rules) with(name string, fresh *rule) rules {
	next := rules{list: slices.DeleteFunc(slices.Clone(rs.list), func(r *rule) bool { return r.Name == name })}
	if fresh != nil {
		next.list = append(next.list, fresh)
	}
	next.index()
	return next
}

// applied is what rules make of something. The name is that of the policy of a kind.
func (pl *policies) applied(user, operator *rule, kind PolicyKind) Applied {
	named := user
	if kind == OperatorPolicy {
		named = operator
	}
	a := Applied{Definition: pl.profile.Merge(user.definition(), operator.definition())}
	if named != nil {
		a.Name = named.Name
	}
	return a
}

func sameDefinition(a, b map[string]any) bool {
	return maps.EqualFunc(a, b, func(x, y any) bool { return equalValue(x, y) })
}

// equalValue compares values of definitions, which are numbers, texts or lists.
func equalValue(x, y any) bool {
	a, ok1 := x.([]any)
	b, ok2 := y.([]any)
	if ok1 || ok2 {
		return ok1 && ok2 && slices.EqualFunc(a, b, equalValue)
	}
	return x == y
}
