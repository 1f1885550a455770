package topology

import (
	"cmp"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/pattern"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
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

// policies are the policies of a virtual host, of both kinds, which the lock of its names
// guards.
type policies struct {
	*names
	*keeper
	perform  func(*queue.Effects)
	changing sync.Mutex // held while policies change, before the lock

	user, operator rules
}

// Policies returns the policies of a kind, by name.
func (pl *policies) Policies(kind PolicyKind) []Policy {
	pl.mu.RLock()
	defer pl.mu.RUnlock()
	list := []Policy{}
	for _, r := range pl.rules(kind).list {
		p := r.Policy
		p.Definition = maps.Clone(p.Definition)
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Policy) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Policy returns a policy, if it is there.
func (pl *policies) Policy(kind PolicyKind, name string) (Policy, bool) {
	pl.mu.RLock()
	defer pl.mu.RUnlock()
	r := pl.rules(kind).byName[name]
	if r == nil {
		return Policy{}, false
	}
	p := r.Policy
	p.Definition = maps.Clone(p.Definition)
	return p, true
}

// rules are those of a kind.
func (pl *policies) rules(kind PolicyKind) *rules {
	if kind == OperatorPolicy {
		return &pl.operator
	}
	return &pl.user
}

// SetPolicy creates or replaces a policy.
func (pl *policies) SetPolicy(kind PolicyKind, p Policy) error {
	return pl.SetPolicies(kind, []Policy{p})
}

// SetPolicies creates or replaces policies, all or none, and applies them at once.
func (pl *policies) SetPolicies(kind PolicyKind, policies []Policy) error {
	fresh := make([]*rule, len(policies))
	for i, p := range policies {
		r, err := pl.env.newRule(kind, p)
		if err != nil {
			return err
		}
		fresh[i] = r
	}
	pl.changing.Lock()
	defer pl.changing.Unlock()
	pl.mu.RLock()
	err := pl.checkSealed()
	pl.mu.RUnlock()
	if err != nil {
		return err
	}
	pl.changePolicies(kind, fresh, nil)
	for _, r := range fresh {
		pl.tellPolicySet(r.Policy)
		pl.put(records.NewPolicy(kind, pl.Name, r.Policy))
	}
	return nil
}

// DeletePolicy removes a policy and reports whether it was there.
func (pl *policies) DeletePolicy(kind PolicyKind, name string) bool {
	pl.changing.Lock()
	defer pl.changing.Unlock()
	if pl.rules(kind).byName[name] == nil {
		return false
	}
	pl.changePolicies(kind, nil, []string{name})
	pl.tellPolicyCleared(kind, name)
	pl.unput(records.NewPolicy(kind, pl.Name, Policy{Name: name}))
	return true
}

// changePolicies puts rules in the place of those of their names, removes others, and
// applies what follows from it to what any of them matches. Called with policyMu held,
// so that the store has the changes in their order.
func (pl *policies) changePolicies(kind PolicyKind, fresh []*rule, remove []string) {
	pl.mu.Lock()
	rs := pl.rules(kind)
	touched := slices.Clone(fresh)
	for _, r := range fresh {
		remove = append(remove, r.Name)
	}
	for _, name := range remove {
		if old := rs.byName[name]; old != nil {
			touched = append(touched, old)
		}
	}
	var changed rules
	changed.list = touched
	changed.index()
	watch := pl.watchPolicies(kind, &changed)
	rs.change(fresh, remove)
	pl.tellOperatorParameters(kind, fresh, remove)
	watch.tell(pl, kind)
	n := 0
	for _, x := range pl.exchanges {
		if changed.any(x.Name) {
			pl.applyToExchange(x)
		}
		if n++; n%applyAtOnce == 0 { // the map may change meanwhile: what comes has looked by itself
			pl.mu.Unlock()
			pl.mu.Lock()
		}
	}
	pl.changed()
	pl.mu.Unlock()
	pl.applyToQueues(changed.any)
}

// applyToExchange finds the alternate exchange, where the argument wins (POLICY-5), and
// the limits of a cache, where the policy does (DEDUP-7).
// Called with the lock held.
func (pl *policies) applyToExchange(x *Exchange) {
	var def map[string]any
	if r := pl.user.match(x.Name, "exchanges", nil); r != nil {
		def = r.Definition
	}
	if alt, ok := x.Args.Get("alternate-exchange"); ok {
		x.alternate, x.hasAlternate = alt.(string)
	} else {
		x.alternate, x.hasAlternate = def["alternate-exchange"].(string)
	}
	x.limitCache(def)
}

// applyToQueues gives affected queues the settings that follow from the policies as they
// are now. Publishers go on meanwhile. A queue that is declared in between has
// looked by itself. Called with policyMu held.
func (pl *policies) applyToQueues(affected func(name string) bool) {
	var fx queue.Effects
	var last *queue.Settings
	queues := make([]*Queue, 0, applyAtOnce)
	sets := make([]*queue.Settings, 0, applyAtOnce)
	configure := func() {
		pl.mu.RUnlock()
		defer pl.mu.RLock()
		for i, q := range queues {
			q.Configure(sets[i], &fx)
			pl.perform(&fx)
			pl.warnOfStrategy(q)
		}
		queues, sets = queues[:0], sets[:0]
		runtime.Gosched()
	}
	pl.mu.RLock()
	defer pl.mu.RUnlock()
	seen := 0
	for _, q := range pl.queues {
		if seen++; affected(q.Name) {
			set := pl.settings(q.Name, q.Args)
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

// settings are a queue's by its arguments and the policies that match it.
// Called with the lock held.
func (pl *policies) settings(name string, args amqp.Table) *queue.Settings {
	if len(pl.user.list) == 0 && len(pl.operator.list) == 0 {
		return pl.profile.Settings(args, nil)
	}
	t := profile.QueueTypeOf(args)
	def := pl.profile.Merge(pl.user.match(name, "queues", t).definition(), pl.operator.match(name, "queues", t).definition())
	return pl.profile.Settings(args, def)
}

// PoliciesOfQueue are the names of the policies that apply to a queue, "" for none, and
// the definition that follows from both.
func (pl *policies) PoliciesOfQueue(q *Queue) (user, operator string, definition map[string]any) {
	pl.mu.RLock()
	defer pl.mu.RUnlock()
	if len(pl.user.list) == 0 && len(pl.operator.list) == 0 {
		return "", "", nil
	}
	t := profile.QueueTypeOf(q.Args)
	a, b := pl.user.match(q.Name, "queues", t), pl.operator.match(q.Name, "queues", t)
	if a != nil {
		user = a.Name
	}
	if b != nil {
		operator = b.Name
	}
	return user, operator, pl.profile.Merge(a.definition(), b.definition())
}

// PolicyOfExchange is the name of the policy that applies to an exchange, "" for none.
func (pl *policies) PolicyOfExchange(x *Exchange) string {
	pl.mu.RLock()
	defer pl.mu.RUnlock()
	if r := pl.user.match(x.Name, "exchanges", nil); r != nil {
		return r.Name
	}
	return ""
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

// applyAtOnce is how many queues or exchanges a policy is applied to before
// others get a turn: with the locks, and with the processor.
const applyAtOnce = 128

// lookAtOnce is how many names are compared with a policy before others get a turn.
const lookAtOnce = 4096

// definition is the rule's, nil for none.
func (r *rule) definition() map[string]any {
	if r == nil {
		return nil
	}
	return r.Definition
}

func (r *rule) appliesTo(what string, t *profile.QueueType) bool {
	if t != nil {
		for key := range r.Definition { // POLICY-10: a key of another type: no match
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
		return nil, profile.ErrPolicy("apply-to '%s' unrecognised; should be one of: 'queues', 'classic_queues', "+
			" 'quorum_queues', 'streams', 'exchanges', or 'all'", p.ApplyTo)
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

// warnOfStrategy says that a queue does not dead-letter at least once though it was asked to
// (DLXALO-2, DLXALO-3). No lock is held.
func (pl *policies) warnOfStrategy(q *Queue) {
	if profile.QueueTypeOf(q.Args) != &profile.QuorumQueue {
		return
	}
	_, _, definition := pl.PoliciesOfQueue(q)
	switch resource := refusal.QueueText(q.Name, pl.Name); profile.FallbackOf(q.Args, definition, pl.profile.Settings(q.Args, definition)) {
	case profile.NoDeadLetterExchange:
		pl.env.Log.Warn("Disabling dead-lettering for " + resource + " despite configured dead-letter-strategy 'at-least-once' " +
			"because dead-letter-exchange is not configured.")
	case profile.DropsHead:
		pl.env.Log.Warn("Falling back to dead-letter-strategy at-most-once for " + resource + " because configured " +
			"dead-letter-strategy at-least-once is incompatible with effective overflow strategy drop-head. To enable " +
			"dead-letter-strategy at-least-once, set overflow strategy to reject-publish.")
	}
}
