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

// Policies returns the policies, by name.
func (v *VHost) Policies() []Policy { return policies(v.vh.Policies(topology.UserPolicy)) }

// OperatorPolicies returns the operator policies, by name.
func (v *VHost) OperatorPolicies() []Policy { return policies(v.vh.Policies(topology.OperatorPolicy)) }

func policies(list []topology.Policy) []Policy {
	out := make([]Policy, len(list))
	for i, p := range list {
		out[i] = Policy(p)
	}
	return out
}

// Policy returns a policy, if it is there.
func (v *VHost) Policy(name string) (Policy, bool) {
	p, ok := v.vh.Policy(topology.UserPolicy, name)
	return Policy(p), ok
}

// OperatorPolicy returns an operator policy, if it is there.
func (v *VHost) OperatorPolicy(name string) (Policy, bool) {
	p, ok := v.vh.Policy(topology.OperatorPolicy, name)
	return Policy(p), ok
}

// SetPolicy creates or replaces a policy. The error has RabbitMQ's text. Text that is not
// UTF-8 is refused with another error.
func (v *VHost) SetPolicy(p Policy) error { return v.setPolicy(topology.UserPolicy, p) }

// DeletePolicy removes a policy and reports whether it was there.
func (v *VHost) DeletePolicy(name string) bool { return v.vh.DeletePolicy(topology.UserPolicy, name) }

// SetOperatorPolicy creates or replaces an operator policy: a limit that users'
// policies and arguments can undercut but not exceed (POLICY-3, POLICY-4).
func (v *VHost) SetOperatorPolicy(p Policy) error { return v.setPolicy(topology.OperatorPolicy, p) }

// DeleteOperatorPolicy removes an operator policy and reports whether it was
// there.
func (v *VHost) DeleteOperatorPolicy(name string) bool {
	return v.vh.DeletePolicy(topology.OperatorPolicy, name)
}

func (v *VHost) setPolicy(kind topology.PolicyKind, p Policy) error {
	if !isText(p.Name) || !isText(p.Pattern) || !isText(p.Definition) {
		return fmt.Errorf("broker: policy %q has text that is not UTF-8", p.Name)
	}
	return v.vh.SetPolicy(kind, topology.Policy(p))
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
