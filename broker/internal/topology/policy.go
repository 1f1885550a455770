package topology

import (
	"cmp"
	"maps"
	"runtime"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/pattern"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/queue"
)

// Policies and operator policies are settings by name pattern, which apply to what
// exists and to what comes (POLICY-1 to POLICY-13).

// A Policy gives settings to all queues or exchanges whose names match Pattern, a regular
// expression that is not anchored, and that ApplyTo names: one of policyTargets, "" is
// all. Of policies that match, the one of the highest Priority alone applies (POLICY-2).
type Policy = records.PolicyFields

// A PolicyKind tells a user's policies from an operator's.
type PolicyKind = records.Kind

// The kinds of policies.
const (
	UserPolicy     = records.KindPolicy
	OperatorPolicy = records.KindOperatorPolicy
)

// A rule is a policy ready to be applied.
type rule struct {
	Policy
	pattern *pattern.Pattern
	prefix  string // with which a name must begin to match, as far as the pattern says so plainly
}

// Policies returns the policies of a kind, by name.
func (vh *VHost) Policies(kind PolicyKind) []Policy {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	list := []Policy{}
	for _, r := range vh.rules(kind).list {
		p := r.Policy
		p.Definition = maps.Clone(p.Definition)
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Policy) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Policy returns a policy, if it is there.
func (vh *VHost) Policy(kind PolicyKind, name string) (Policy, bool) {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	r := vh.rules(kind).byName[name]
	if r == nil {
		return Policy{}, false
	}
	p := r.Policy
	p.Definition = maps.Clone(p.Definition)
	return p, true
}

// rules are those of a kind.
func (vh *VHost) rules(kind PolicyKind) *rules {
	if kind == OperatorPolicy {
		return &vh.operatorPolicies
	}
	return &vh.policies
}

// CheckPolicy returns what a policy would be refused for.
func (e *Env) CheckPolicy(kind PolicyKind, policy Policy) error {
	_, err := e.newRule(kind, policy)
	return err
}

func (e *Env) newRule(kind PolicyKind, policy Policy) (*rule, error) {
	policy.ApplyTo = cmp.Or(policy.ApplyTo, "all")
	policy.Definition = maps.Clone(policy.Definition)
	r, err := newRule(policy)
	if err != nil {
		return nil, err
	}
	return r, e.Profile.CheckDefinition(kind, policy.Definition)
}

// SetPolicy creates or replaces a policy.
func (vh *VHost) SetPolicy(kind PolicyKind, p Policy) error { return vh.SetPolicies(kind, []Policy{p}) }

// SetPolicies creates or replaces policies, all or none, and applies them at once.
func (vh *VHost) SetPolicies(kind PolicyKind, policies []Policy) error {
	fresh := make([]*rule, len(policies))
	for i, p := range policies {
		r, err := vh.env.newRule(kind, p)
		if err != nil {
			return err
		}
		fresh[i] = r
	}
	vh.policyMu.Lock()
	defer vh.policyMu.Unlock()
	vh.mu.RLock()
	err := vh.checkSealed()
	vh.mu.RUnlock()
	if err != nil {
		return err
	}
	vh.changePolicies(kind, fresh, nil)
	for _, r := range fresh {
		vh.put(records.NewPolicy(kind, vh.Name, r.Policy))
	}
	return nil
}

// DeletePolicy removes a policy and reports whether it was there.
func (vh *VHost) DeletePolicy(kind PolicyKind, name string) bool {
	vh.policyMu.Lock()
	defer vh.policyMu.Unlock()
	if vh.rules(kind).byName[name] == nil {
		return false
	}
	vh.changePolicies(kind, nil, []string{name})
	vh.unput(records.NewPolicy(kind, vh.Name, Policy{Name: name}))
	return true
}

// changePolicies puts rules in the place of those of their names, removes others, and
// applies what follows from it to what any of them matches. Called with policyMu held,
// so that the store has the changes in their order.
func (vh *VHost) changePolicies(kind PolicyKind, fresh []*rule, remove []string) {
	vh.mu.Lock()
	rs := vh.rules(kind)
	touched := slices.Clone(fresh)
	for _, r := range fresh {
		remove = append(remove, r.Name)
	}
	for _, name := range remove {
		if old := rs.byName[name]; old != nil {
			touched = append(touched, old)
		}
	}
	rs.change(fresh, remove)
	var changed rules
	changed.list = touched
	changed.index()
	n := 0
	for _, x := range vh.exchanges {
		if changed.any(x.Name) {
			vh.applyToExchange(x)
		}
		if n++; n%applyAtOnce == 0 { // the map may change meanwhile: what comes has looked by itself
			vh.mu.Unlock()
			vh.mu.Lock()
		}
	}
	vh.changed()
	vh.mu.Unlock()
	vh.applyToQueues(changed.any)
}

// applyAtOnce is how many queues or exchanges a policy is applied to before
// others get a turn: with the locks, and with the processor.
const applyAtOnce = 128

// applyToExchange finds the alternate exchange; the argument wins (POLICY-5).
// Called with the lock held.
func (vh *VHost) applyToExchange(x *Exchange) {
	if alt, ok := x.Args.Get("alternate-exchange"); ok {
		x.alternate, x.hasAlternate = alt.(string)
		return
	}
	x.alternate, x.hasAlternate = "", false
	if r := vh.policies.match(x.Name, "exchanges", nil); r != nil {
		x.alternate, x.hasAlternate = r.Definition["alternate-exchange"].(string)
	}
}

// applyToQueues gives affected queues the settings that follow from the policies as they
// are now. Publishers go on meanwhile. A queue that is declared in between has
// looked by itself. Called with policyMu held.
func (vh *VHost) applyToQueues(affected func(name string) bool) {
	var fx queue.Effects
	var last *queue.Settings
	queues := make([]*Queue, 0, applyAtOnce)
	sets := make([]*queue.Settings, 0, applyAtOnce)
	configure := func() {
		vh.mu.RUnlock()
		defer vh.mu.RLock()
		for i, q := range queues {
			q.Configure(sets[i], &fx)
			vh.Perform(&fx)
		}
		queues, sets = queues[:0], sets[:0]
		runtime.Gosched()
	}
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	seen := 0
	for _, q := range vh.queues {
		if seen++; affected(q.Name) {
			set := vh.settings(q.Name, q.Args)
			if set != nil && last != nil && *set == *last { // very many queues share one
				set = last
			}
			last = set
			queues, sets = append(queues, q), append(sets, set)
		}
		if len(queues) == applyAtOnce || seen%lookAtOnce == 0 {
			configure()
		}
	}
	configure()
}

// lookAtOnce is how many names are compared with a policy before others get a turn.
const lookAtOnce = 4096

// settings are a queue's by its arguments and the policies that match it.
// Called with the lock held.
func (vh *VHost) settings(name string, args amqp.Table) *queue.Settings {
	if len(vh.policies.list) == 0 && len(vh.operatorPolicies.list) == 0 {
		return vh.profile.Settings(args, nil)
	}
	t := profile.QueueTypeOf(args)
	def := vh.profile.Merge(vh.policies.match(name, "queues", t).definition(), vh.operatorPolicies.match(name, "queues", t).definition())
	return vh.profile.Settings(args, def)
}

// definition is the rule's, nil for none.
func (r *rule) definition() map[string]any {
	if r == nil {
		return nil
	}
	return r.Definition
}

func (r *rule) appliesTo(what string, t *profile.QueueType) bool {
	if t != nil {
		for key := range r.Definition { // POLICY-10
			if slices.Contains(t.WithoutPolicy, key) {
				return false
			}
		}
	}
	return r.ApplyTo == "all" || r.ApplyTo == what || t != nil && r.ApplyTo == t.PolicyTarget
}

// policyTargets are what a policy can apply to.
var policyTargets = []string{"queues", "exchanges", "all", "classic_queues", "quorum_queues", "streams"}

// newRule checks a policy but for what its keys mean, and brings the numbers of
// its definition into one form.
func newRule(p Policy) (*rule, error) {
	compiled, err := pattern.Compile(p.Pattern)
	switch {
	case err != nil:
		return nil, profile.ErrPolicy("pattern should be regular expression but is invalid: %v", err)
	case !slices.Contains(policyTargets, p.ApplyTo):
		return nil, profile.ErrPolicy("apply-to '%s' unrecognised; should be one of: 'queues', 'exchanges', 'all', "+
			"'classic_queues', 'quorum_queues', 'streams'", p.ApplyTo)
	case len(p.Definition) == 0:
		return nil, profile.ErrPolicy("no policy provided")
	}
	for key, v := range p.Definition {
		p.Definition[key] = policyValue(v)
	}
	return &rule{p, compiled, literalPrefix(p.Pattern)}, nil
}

// policyValue makes an int64 of any whole number.
func policyValue(v any) any {
	switch n := v.(type) {
	case int:
		return int64(n)
	case float64:
		if n == float64(int64(n)) {
			return int64(n)
		}
	}
	if n, ok := amqp.AsInt(v); ok {
		return n
	}
	return v
}
