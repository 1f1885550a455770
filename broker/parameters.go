package broker

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// A Parameter is a value that a virtual host keeps for a component, such as a shovel.
type Parameter struct {
	Component, VHost, Name string
	Value                  json.RawMessage
}

// A Component is what parameters are for.
type Component struct {
	Name string
	// Check, unless nil, returns an error for a value that makes no sense.
	Check func(vhost, name string, value json.RawMessage) error
	// Changed, unless nil, is told of a parameter that is set or, with a nil Value,
	// deleted. It is called in the order of changes, and must not set or delete one.
	Changed func(p Parameter)
}

// Components that need nobody: what RabbitMQ's plugins and clusters are told is kept and
// shown.
var storedComponents = []string{"shovel", "federation-upstream", "federation-upstream-set", "federation", "mqtt"}

const (
	limitsComponent   = "vhost-limits"
	operatorComponent = string(topology.OperatorPolicy)
	policyComponent   = string(topology.UserPolicy)
)

// globals are global parameters, and the components of the others.
type globals struct {
	mu         sync.Mutex // held while parameters change
	values     map[string]json.RawMessage
	components map[string]Component
}

// RegisterComponent tells the broker what parameters of a component are, from now on. It
// replaces what the broker knows of that component.
func (b *Broker) RegisterComponent(c Component) {
	b.globals.mu.Lock()
	defer b.globals.mu.Unlock()
	if b.globals.components == nil {
		b.globals.components = make(map[string]Component)
	}
	b.globals.components[c.Name] = c
}

// component finds what parameters are for, with RabbitMQ's refusal. Called with the lock
// of globals held.
func (b *Broker) component(name string) (Component, error) {
	if c, ok := b.globals.components[name]; ok {
		return c, nil
	}
	if slices.Contains(storedComponents, name) {
		return Component{Name: name}, nil
	}
	return Component{}, errValidation("component " + name + " not found")
}

// errValidation is RabbitMQ's refusal of a parameter.
func errValidation(text string) error {
	return amqp.Errorf(amqp.PreconditionFailed, "Validation failed\n\n%s\n", text)
}

// Parameters returns the parameters of a component, or for "" of all, by component and
// name. Limits are vhost-limits among them, and operator policies operator_policy;
// policies are not among them.
func (v *VHost) Parameters(component string) []Parameter {
	list := []Parameter{}
	for _, p := range v.vh.Parameters(component) {
		list = append(list, Parameter{p.Component, v.vh.Name, p.Name, p.Value})
	}
	if component != "" && component != operatorComponent {
		return list
	}
	for _, p := range v.OperatorPolicies() {
		list = append(list, Parameter{operatorComponent, v.vh.Name, p.Name, policyValue(p)})
	}
	slices.SortStableFunc(list, func(a, b Parameter) int { return strings.Compare(a.Component, b.Component) })
	return list
}

// Parameter returns a parameter, if it is there.
func (v *VHost) Parameter(component, name string) (Parameter, bool) {
	if component == operatorComponent {
		p, ok := v.OperatorPolicy(name)
		return Parameter{component, v.vh.Name, name, policyValue(p)}, ok
	}
	p, ok := v.vh.Parameter(component, name)
	return Parameter{component, v.vh.Name, name, p.Value}, ok
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
		return json.RawMessage("null") // a number that JSON has not got
	}
	return value
}

// SetParameter creates or replaces a parameter. The refusals are RabbitMQ's: of an
// unknown component, or of a value that makes no sense to it.
func (v *VHost) SetParameter(component, name string, value json.RawMessage) error {
	g := &v.b.globals
	g.mu.Lock()
	defer g.mu.Unlock()
	set, err := v.b.checkParameter(Parameter{component, v.vh.Name, name, slices.Clone(value)})
	if err != nil {
		return err
	}
	return set(v)
}

// checkParameter returns what sets a parameter, or what it is refused for. Called with
// the lock of globals held.
func (b *Broker) checkParameter(p Parameter) (set func(*VHost) error, err error) {
	if !json.Valid(p.Value) {
		return nil, errValidation("value is not valid JSON")
	}
	switch p.Component {
	case limitsComponent:
		return checkLimitsParameter(p)
	case operatorComponent, policyComponent:
		return b.checkPolicyParameter(p)
	}
	c, err := b.component(p.Component)
	if err != nil {
		return nil, err
	}
	if c.Check != nil {
		if err := c.Check(p.VHost, p.Name, p.Value); err != nil {
			return nil, errValidation(err.Error())
		}
	}
	return func(v *VHost) error {
		if err := v.vh.SetParameter(topology.Parameter{Component: p.Component, Name: p.Name, Value: p.Value}); err != nil {
			return err
		}
		if c.Changed != nil {
			c.Changed(p)
		}
		return nil
	}, nil
}

func checkLimitsParameter(p Parameter) (func(*VHost) error, error) {
	var l access.Limits
	if string(p.Value) != "[]" { // RabbitMQ's export of no limits
		if err := json.Unmarshal(p.Value, &l); err != nil {
			return nil, errValidation("limits should be numbers, actually were " + string(p.Value))
		}
	}
	if err := checkLimits(l, p.Name, access.MaxConnections, access.MaxQueues); err != nil {
		return nil, err
	}
	return func(v *VHost) error {
		v.vh.ChangeLimits(func(have access.Limits) { clear(have); maps.Copy(have, l) })
		return nil
	}, nil
}

func (b *Broker) checkPolicyParameter(p Parameter) (func(*VHost) error, error) {
	in := policyJSON{ApplyTo: "all"}
	if err := json.Unmarshal(p.Value, &in); err != nil {
		return nil, errValidation("policy expected, actually was " + string(p.Value))
	}
	policy := Policy{Name: p.Name, Pattern: in.Pattern, ApplyTo: in.ApplyTo, Definition: in.Definition, Priority: in.Priority}
	kind := topology.PolicyKind(p.Component)
	if err := b.env.CheckPolicy(kind, topology.Policy(policy)); err != nil {
		return nil, err
	}
	return func(v *VHost) error { return v.setPolicy(kind, policy) }, nil
}

// DeleteParameter removes a parameter and reports whether it was there.
func (v *VHost) DeleteParameter(component, name string) bool {
	switch component {
	case operatorComponent:
		return v.DeleteOperatorPolicy(name)
	case policyComponent:
		return v.DeletePolicy(name)
	}
	g := &v.b.globals
	g.mu.Lock()
	defer g.mu.Unlock()
	if !v.vh.DeleteParameter(component, name) {
		return false
	}
	if c, err := v.b.component(component); err == nil && c.Changed != nil {
		c.Changed(Parameter{component, v.vh.Name, name, nil})
	}
	return true
}

// A GlobalParameter is a value that belongs to no virtual host.
type GlobalParameter struct {
	Name  string
	Value json.RawMessage
}

// clusterIDParameter is the global parameter that is always there.
const clusterIDParameter = "internal_cluster_id"

// GlobalParameters returns the global parameters, by name.
func (b *Broker) GlobalParameters() []GlobalParameter {
	b.globals.mu.Lock()
	defer b.globals.mu.Unlock()
	list := []GlobalParameter{}
	for _, name := range slices.Sorted(maps.Keys(b.globals.values)) {
		list = append(list, GlobalParameter{name, b.globals.values[name]})
	}
	return list
}

// SetGlobalParameter creates or replaces a global parameter. It fails for a value that is
// not JSON.
func (b *Broker) SetGlobalParameter(name string, value json.RawMessage) error {
	if !json.Valid(value) {
		return errValidation("value is not valid JSON")
	}
	b.globals.mu.Lock()
	defer b.globals.mu.Unlock()
	value = slices.Clone(value)
	b.globals.values[name] = value
	topology.Journal{Env: b.env}.PutGlobalParameter(name, value)
	return nil
}

// DeleteGlobalParameter removes a global parameter and reports whether it was there.
func (b *Broker) DeleteGlobalParameter(name string) bool {
	b.globals.mu.Lock()
	defer b.globals.mu.Unlock()
	if _, ok := b.globals.values[name]; !ok {
		return false
	}
	delete(b.globals.values, name)
	topology.Journal{Env: b.env}.DeleteGlobalParameter(name)
	return true
}

// nameCluster gives the cluster its ID at the first start.
func (b *Broker) nameCluster() {
	if _, ok := b.globals.values[clusterIDParameter]; ok {
		return
	}
	id, err := json.Marshal(topology.GeneratedName("rabbitmq-cluster-id-"))
	if err == nil { // a text always can be
		_ = b.SetGlobalParameter(clusterIDParameter, id)
	}
}
