package broker

import (
	"encoding/json"
	"slices"
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
	// Check, unless nil, returns an error for a value that makes no sense, or that its user
	// may not set; by is nil for a Go program and for definitions. The error is what
	// the refusal says, a line for each fault.
	Check func(p Parameter, by *access.Identity) error
	// Changed, unless nil, is told of a parameter that is set or, with a nil Value,
	// deleted, with its virtual host or alone. It is called in the order of changes, and
	// must not set or delete one.
	Changed func(p Parameter)
}

// Components that need nobody: what RabbitMQ's plugins and clusters are told is kept and
// shown.
var storedComponents = []string{"shovel", "federation-upstream", "federation-upstream-set", "federation", "mqtt"}

// components are what parameters are for.
type components struct {
	rules    *topology.Env // that policies are checked by
	changing sync.Mutex    // held while parameters change
	byName   map[string]Component
}

// RegisterComponent tells the broker what parameters of a component are, from now on. It
// replaces what the broker knows of that component.
func (cs *components) RegisterComponent(c Component) {
	cs.changing.Lock()
	defer cs.changing.Unlock()
	if cs.byName == nil {
		cs.byName = make(map[string]Component)
	}
	cs.byName[c.Name] = c
}

// TellEvent publishes an event of a component to amq.rabbitmq.event (EVENT-1), if anybody
// listens. It may be called under any lock.
func (cs *components) TellEvent(key string, headers amqp.Table) {
	if cs.rules.Events.Wanted() {
		cs.rules.Events.Tell(key, headers)
	}
}

// component finds what parameters are for, with RabbitMQ's refusal. Called with the lock
// held.
func (cs *components) component(name string) (Component, error) {
	if c, ok := cs.byName[name]; ok {
		return c, nil
	}
	if slices.Contains(storedComponents, name) {
		return Component{Name: name}, nil
	}
	return Component{}, errValidation("component " + name + " not found")
}

// VHostParameters are the parameters of a virtual host. Its methods are those of a VHost.
type VHostParameters struct {
	of         *topology.VHost
	components *components
}

func (v *VHostParameters) policies() VHostPolicies { return VHostPolicies{v.of} }

// forget tells components that a virtual host is gone, with its parameters.
func (cs *components) forget(vhost string, parameters []topology.Parameter) {
	cs.changing.Lock()
	defer cs.changing.Unlock()
	for _, p := range parameters {
		if c, err := cs.component(p.Component); err == nil && c.Changed != nil {
			c.Changed(Parameter{p.Component, vhost, p.Name, nil})
		}
	}
}
