package broker

import (
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// A RoutePreview is where a publish would go.
type RoutePreview struct {
	// Queues and Delayed are the queues, and the delayed exchanges that would keep it.
	Queues, Delayed []string
	// Alternate says that an alternate exchange is on the way.
	Alternate bool
	// Steps are the exchanges that it meets.
	Steps []RouteStep
}

// A RouteStep is one exchange on the way, with what has led to it: publish, binding or
// alternate.
type RouteStep struct{ Exchange, Type, Via string }

// Route finds where a publish would go, and sends nothing. It fails with NOT_FOUND if
// there is no such exchange, and for headers that are no table.
func (v *VHost) Route(exchange, key string, headers map[string]any) (RoutePreview, error) {
	table, err := tableOf(headers)
	if err != nil {
		return RoutePreview{}, err
	}
	p, err := v.vh.PreviewRoute(exchange, key, table)
	if err != nil {
		return RoutePreview{}, err
	}
	var r RoutePreview
	for _, q := range p.Queues {
		r.Queues = append(r.Queues, q.Name)
	}
	for _, d := range p.Delays {
		r.Delayed = append(r.Delayed, d.ExchangeName())
	}
	for _, h := range p.Hops {
		r.Steps = append(r.Steps, RouteStep{h.Exchange.Name, h.Exchange.Kind, h.Via})
		r.Alternate = r.Alternate || h.Via == "alternate"
	}
	return r, nil
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
func (v *VHost) PreviewPolicy(p Policy, operator, remove bool) (PolicyPreview, error) {
	kind := topology.UserPolicy
	if operator {
		kind = topology.OperatorPolicy
	}
	changes, matched, err := v.vh.PreviewPolicy(kind, topology.Policy(p), remove)
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
