package broker

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// A Policy gives settings to all queues or exchanges whose names match.
type Policy struct {
	Name string
	// Pattern is a regular expression as RabbitMQ has them, PCRE, not anchored.
	Pattern string
	// ApplyTo is all (the default), queues, classic_queues, quorum_queues,
	// streams or exchanges.
	ApplyTo string
	// Priority decides between policies that match; the highest alone applies
	// (POLICY-2).
	Priority int
	// Definition holds the settings by RabbitMQ's keys, such as message-ttl.
	// Numbers may be of any integer type, or floats without a fraction as JSON
	// has them.
	Definition map[string]any
}

// VHostPolicies are the policies and operator policies of a virtual host. Its methods are
// those of a VHost.
type VHostPolicies struct{ of *topology.VHost }

// Policies returns the policies, by name.
func (v VHostPolicies) Policies() []Policy { return policies(v.of.Policies(topology.UserPolicy)) }

// OperatorPolicies returns the operator policies, by name.
func (v VHostPolicies) OperatorPolicies() []Policy {
	return policies(v.of.Policies(topology.OperatorPolicy))
}

func policies(list []topology.Policy) []Policy {
	out := make([]Policy, len(list))
	for i, p := range list {
		out[i] = Policy(p)
	}
	return out
}

// Policy returns a policy, if it is there.
func (v VHostPolicies) Policy(name string) (Policy, bool) {
	p, ok := v.of.Policy(topology.UserPolicy, name)
	return Policy(p), ok
}

// OperatorPolicy returns an operator policy, if it is there.
func (v VHostPolicies) OperatorPolicy(name string) (Policy, bool) {
	p, ok := v.of.Policy(topology.OperatorPolicy, name)
	return Policy(p), ok
}

// SetPolicy creates or replaces a policy. The error has RabbitMQ's text. Text that is not
// UTF-8 is refused with another error.
func (v VHostPolicies) SetPolicy(p Policy) error { return v.set(topology.UserPolicy, p) }

// DeletePolicy removes a policy and reports whether it was there.
func (v VHostPolicies) DeletePolicy(name string) bool {
	return v.of.DeletePolicy(topology.UserPolicy, name)
}

// SetOperatorPolicy creates or replaces an operator policy: a limit that users'
// policies and arguments can undercut but not exceed (POLICY-3, POLICY-4).
func (v VHostPolicies) SetOperatorPolicy(p Policy) error { return v.set(topology.OperatorPolicy, p) }

// DeleteOperatorPolicy removes an operator policy and reports whether it was
// there.
func (v VHostPolicies) DeleteOperatorPolicy(name string) bool {
	return v.of.DeletePolicy(topology.OperatorPolicy, name)
}

func (v VHostPolicies) set(kind topology.PolicyKind, p Policy) error {
	if err := v.of.Closed(); err != nil {
		return err
	}
	if !isText(p.Name) || !isText(p.Pattern) || !isText(p.Definition) {
		return fmt.Errorf("broker: policy %q has text that is not UTF-8", p.Name)
	}
	return v.of.SetPolicy(kind, topology.Policy(p))
}

// isText reports whether all strings in a value of a policy are UTF-8, as JSON has them.
func isText(v any) bool {
	switch v := v.(type) {
	case string:
		return utf8.ValidString(v)
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { return !isText(item) })
	case map[string]any:
		for key, item := range v {
			if !isText(key) || !isText(item) {
				return false
			}
		}
	}
	return true
}

// AppliedPolicy is what policies make of a queue or an exchange: the name of the one that
// applies, "" for none, and the definition in effect.
type AppliedPolicy struct {
	Name       string
	Definition map[string]any
}

// A PolicyChange is what a policy would change of one queue or exchange.
type PolicyChange struct {
	Name          string
	Exchange      bool
	Before, After AppliedPolicy
}

// A PolicyPreview is what a policy would do.
type PolicyPreview struct {
	// Matched is how many queues and exchanges the policy is for, whether it changes
	// anything for them or not.
	Matched int
	Changes []PolicyChange
}

// PreviewPolicy finds what would change if a policy, or an operator policy, were set or
// with remove deleted, and changes nothing. It fails as SetPolicy does.
func (v VHostPolicies) PreviewPolicy(p Policy, operator, remove bool) (PolicyPreview, error) {
	if err := v.of.Closed(); err != nil {
		return PolicyPreview{}, err
	}
	kind := topology.UserPolicy
	if operator {
		kind = topology.OperatorPolicy
	}
	changes, matched, err := v.of.PreviewPolicy(kind, topology.Policy(p), remove)
	if err != nil {
		return PolicyPreview{}, err
	}
	preview := PolicyPreview{Matched: matched}
	for _, c := range changes {
		preview.Changes = append(preview.Changes, PolicyChange{
			Name: c.Name, Exchange: c.Exchange, Before: AppliedPolicy(c.Before), After: AppliedPolicy(c.After),
		})
	}
	return preview, nil
}
