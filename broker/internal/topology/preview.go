package topology

import (
	"cmp"
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
)

// A Hop is an exchange on the way of a message, and what has led to it: publish, binding
// or alternate.
type Hop struct {
	Exchange *Exchange
	Via      string
}

// A Preview is where a message would go.
type Preview struct {
	Queues []*Queue
	Delays []Delay
	Hops   []Hop
}

// PreviewRoute finds where a publish to an exchange would go, and sends nothing.
func (vh *VHost) PreviewRoute(name, key string, headers amqp.Table) (Preview, error) {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	x := vh.exchanges[name]
	if x == nil {
		return Preview{}, NoExchange(name, vh.Name)
	}
	properties := amqp.Properties{Flags: amqp.HasHeaders, Headers: headers}
	props := amqp.RawProperties(properties.Append(nil))
	var r router
	var p Preview
	r.vh, r.visited, r.probe = vh, []*Exchange{x}, true
	via := map[*Exchange]string{x: "publish"}
	for i := 0; i < len(r.visited); i++ {
		before := len(r.visited)
		r.dests = nil
		p.Queues = r.visit(p.Queues, r.visited[i], []string{key}, props.Headers(), props)
		for _, next := range r.visited[before:] {
			via[next] = "binding"
			if !slices.ContainsFunc(r.dests, func(d destination) bool { return d.exchange == next }) {
				via[next] = "alternate"
			}
		}
	}
	for _, x := range r.visited {
		p.Hops = append(p.Hops, Hop{x, via[x]})
	}
	p.Delays = r.delays
	return p, nil
}

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
func (vh *VHost) PreviewPolicy(kind PolicyKind, p Policy, remove bool) (changes []PolicyChange, matched int, err error) {
	var fresh *rule
	if !remove {
		p.ApplyTo = cmp.Or(p.ApplyTo, "all")
		p.Definition = maps.Clone(p.Definition)
		if fresh, err = newRule(p); err != nil {
			return nil, 0, err
		}
		if err := vh.profile.CheckDefinition(kind, p.Definition); err != nil {
			return nil, 0, err
		}
	}
	vh.mu.RLock() // what is indexed anew belongs to nobody else
	user, operator := vh.policies.copy(), vh.operatorPolicies.copy()
	vh.mu.RUnlock()
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
		before := vh.applied(user.match(name, what, t), operator.match(name, what, t), kind)
		after := vh.applied(newUser.match(name, what, t), newOperator.match(name, what, t), kind)
		if before.Name != after.Name || !sameDefinition(before.Definition, after.Definition) {
			changes = append(changes, PolicyChange{Name: name, Exchange: t == nil, Before: before, After: after})
		}
	}
	for _, q := range vh.Queues() {
		look(q.Name, "queues", profile.QueueTypeOf(q.Args))
	}
	for _, x := range vh.Exchanges() {
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
func (vh *VHost) applied(user, operator *rule, kind PolicyKind) Applied {
	named := user
	if kind == OperatorPolicy {
		named = operator
	}
	a := Applied{Definition: vh.profile.Merge(user.definition(), operator.definition())}
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

// ExchangeName is the name of the exchange that keeps the message.
func (d Delay) ExchangeName() string { return d.in.name }
