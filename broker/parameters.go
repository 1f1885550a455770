package broker

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

const (
	limitsComponent   = "vhost-limits"
	operatorComponent = string(topology.OperatorPolicy)
	policyComponent   = string(topology.UserPolicy)
)

// Parameters returns the parameters of a component, or for "" of all, by component and
// name. Limits are vhost-limits among them, and operator policies operator_policy;
// policies are not among them.
func (v *VHostParameters) Parameters(component string) []Parameter {
	list := []Parameter{}
	for _, p := range v.of.Parameters(component) {
		list = append(list, Parameter{p.Component, v.of.Name, p.Name, p.Value})
	}
	if component != "" && component != operatorComponent {
		return list
	}
	for _, p := range v.policies().OperatorPolicies() {
		list = append(list, Parameter{operatorComponent, v.of.Name, p.Name, policyValue(p)})
	}
	slices.SortStableFunc(list, func(a, b Parameter) int { return strings.Compare(a.Component, b.Component) })
	return list
}

// Parameter returns a parameter, if it is there.
func (v *VHostParameters) Parameter(component, name string) (Parameter, bool) {
	if component == operatorComponent {
		p, ok := v.policies().OperatorPolicy(name)
		return Parameter{component, v.of.Name, name, policyValue(p)}, ok
	}
	p, ok := v.of.Parameter(component, name)
	return Parameter{component, v.of.Name, name, p.Value}, ok
}

// A policyJSON is a policy as a parameter has it.
type policyJSON struct {
	Pattern    string         `json:"pattern"`
	ApplyTo    string         `json:"apply-to"`
	Definition map[string]any `json:"definition"`
	Priority   int            `json:"priority"`
}

func policyValue(p Policy) json.RawMessage {
	value, err := json.Marshal(policyJSON{p.Pattern, p.ApplyTo, p.Definition, p.Priority})
	if err != nil {
		return json.RawMessage("null") // a number that JSON lacks
	}
	return value
}

// SetParameter creates or replaces a parameter. The refusals are RabbitMQ's: of an
// unknown component, or of a value that makes no sense to it.
func (v *VHostParameters) SetParameter(component, name string, value json.RawMessage) error {
	return v.setParameter(nil, Parameter{component, v.of.Name, name, value})
}

// SetParameterBy is SetParameter for a user, who may be refused what a component gives
// access to (SHOVEL-3).
func (v *VHostParameters) SetParameterBy(by access.Identity, component, name string, value json.RawMessage) error {
	return v.setParameter(&by, Parameter{component, v.of.Name, name, value})
}

func (v *VHostParameters) setParameter(by *access.Identity, p Parameter) error {
	if err := v.of.Closed(); err != nil {
		return err
	}
	cs := v.components
	cs.changing.Lock()
	defer cs.changing.Unlock()
	p.Value = slices.Clone(p.Value)
	set, err := cs.check(p, by)
	if err != nil {
		return err
	}
	return set(v.of)
}

// check returns what sets a parameter, or what it is refused for. Called with
// the lock of components held.
func (cs *components) check(p Parameter, by *access.Identity) (set func(*topology.VHost) error, err error) {
	if !json.Valid(p.Value) {
		return nil, errValidation("value is not valid JSON")
	}
	switch p.Component {
	case limitsComponent:
		return checkLimitsParameter(p)
	case operatorComponent, policyComponent:
		return cs.checkPolicy(p)
	}
	c, err := cs.component(p.Component)
	if err != nil {
		return nil, err
	}
	if c.Check != nil {
		if err := c.Check(p, by); err != nil {
			return nil, errValidation(err.Error())
		}
	}
	return func(vh *topology.VHost) error {
		if err := vh.SetParameter(topology.Parameter{Component: p.Component, Name: p.Name, Value: p.Value}); err != nil {
			return err
		}
		if c.Changed != nil {
			c.Changed(p)
		}
		return nil
	}, nil
}

func checkLimitsParameter(p Parameter) (func(*topology.VHost) error, error) {
	var l access.Limits
	if string(p.Value) != "[]" { // RabbitMQ's export of no limits
		if err := json.Unmarshal(p.Value, &l); err != nil {
			return nil, errValidation("limits should be numbers, actually were " + string(p.Value))
		}
	}
	if err := checkLimits(l, p.Name, access.MaxConnections, access.MaxQueues); err != nil {
		return nil, err
	}
	return func(vh *topology.VHost) error {
		vh.ChangeLimits(func(have access.Limits) { clear(have); maps.Copy(have, l) })
		return nil
	}, nil
}

func (cs *components) checkPolicy(p Parameter) (func(*topology.VHost) error, error) {
	in := policyJSON{ApplyTo: "all"}
	if err := json.Unmarshal(p.Value, &in); err != nil {
		return nil, errValidation("policy expected, actually was " + string(p.Value))
	}
	policy := Policy{Name: p.Name, Pattern: in.Pattern, ApplyTo: in.ApplyTo, Definition: in.Definition, Priority: in.Priority}
	kind := topology.PolicyKind(p.Component)
	if err := cs.rules.CheckPolicy(kind, topology.Policy(policy)); err != nil {
		return nil, err
	}
	return func(vh *topology.VHost) error { return VHostPolicies{vh}.set(kind, policy) }, nil
}

// DeleteParameter removes a parameter and reports whether it was there.
func (v *VHostParameters) DeleteParameter(component, name string) bool {
	return v.DeleteParameterIf(component, name, func(json.RawMessage) bool { return true })
}

// DeleteParameterIf is DeleteParameter unless the condition, asked while no parameter
// changes, says no to its value. Policies and operator policies are deleted in any case.
func (v *VHostParameters) DeleteParameterIf(component, name string, condition func(value json.RawMessage) bool) bool {
	switch component {
	case operatorComponent:
		return v.policies().DeleteOperatorPolicy(name)
	case policyComponent:
		return v.policies().DeletePolicy(name)
	}
	cs := v.components
	cs.changing.Lock()
	defer cs.changing.Unlock()
	if p, ok := v.of.Parameter(component, name); !ok || !condition(p.Value) || !v.of.DeleteParameter(component, name) {
		return false
	}
	if c, err := cs.component(component); err == nil && c.Changed != nil {
		c.Changed(Parameter{component, v.of.Name, name, nil})
	}
	return true
}

// Limits returns the virtual host's limits on MaxConnections and MaxQueues, those that
// are set.
func (v *VHostParameters) Limits() access.Limits { return v.of.Limits() }

// SetLimits sets limits, and leaves those that are not in l as they are. It fails for a
// limit that virtual hosts have not got.
func (v *VHostParameters) SetLimits(l access.Limits) error {
	if err := v.of.Closed(); err != nil {
		return err
	}
	if err := checkLimits(l, "limits", access.MaxConnections, access.MaxQueues); err != nil {
		return err
	}
	v.of.ChangeLimits(func(have access.Limits) { maps.Copy(have, l) })
	return nil
}

// ClearLimit removes a limit, or with "all" all of them.
func (v *VHostParameters) ClearLimit(limit string) {
	v.of.ChangeLimits(func(have access.Limits) {
		if limit == "all" {
			clear(have)
		}
		delete(have, limit)
	})
}
