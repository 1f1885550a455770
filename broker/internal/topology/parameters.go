package topology

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/records"
)

// A Parameter is a value that belongs to a component and a virtual host: limits, or what
// shovels and federation are told.
type Parameter struct {
	Component, Name string
	Value           json.RawMessage
}

type parameterKey struct{ component, name string }

// Parameters returns the parameters of a component, or for "" all, by component and name.
func (vh *VHost) Parameters(component string) []Parameter {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	list := []Parameter{}
	for key, value := range vh.parameters {
		if component == "" || component == key.component {
			list = append(list, Parameter{key.component, key.name, value})
		}
	}
	slices.SortFunc(list, func(a, b Parameter) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Parameter returns a parameter, if it is there.
func (vh *VHost) Parameter(component, name string) (Parameter, bool) {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	value, ok := vh.parameters[parameterKey{component, name}]
	return Parameter{component, name, value}, ok
}

// SetParameter creates or replaces a parameter. What it means was checked before.
func (vh *VHost) SetParameter(p Parameter) error {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	if err := vh.checkSealed(); err != nil {
		return err
	}
	vh.putParameter(p)
	return nil
}

// DeleteParameter removes a parameter and reports whether it was there.
func (vh *VHost) DeleteParameter(component, name string) bool {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	return vh.dropParameter(component, name)
}

// putParameter keeps a parameter. Called with the lock held.
func (vh *VHost) putParameter(p Parameter) {
	vh.loadParameter(p)
	vh.put(vh.parameterRecord(p))
}

func (vh *VHost) parameterRecord(p Parameter) *records.Parameter {
	return &records.Parameter{
		VHost: records.Text(vh.Name), Component: records.Text(p.Component), Name: records.Text(p.Name), Value: p.Value,
	}
}

func (vh *VHost) loadParameter(p Parameter) {
	if vh.parameters == nil {
		vh.parameters = make(map[parameterKey]json.RawMessage)
	}
	vh.parameters[parameterKey{p.Component, p.Name}] = p.Value
	if p.Component == limitsComponent && p.Name == limitsName {
		vh.limits = access.Limits{}
		// What is no number is no limit, as in RabbitMQ.
		_ = json.Unmarshal(p.Value, &vh.limits)
	}
}

// dropParameter forgets a parameter. Called with the lock held.
func (vh *VHost) dropParameter(component, name string) bool {
	key := parameterKey{component, name}
	if _, ok := vh.parameters[key]; !ok {
		return false
	}
	delete(vh.parameters, key)
	if component == limitsComponent && name == limitsName {
		vh.limits = nil
	}
	vh.unput(vh.parameterRecord(Parameter{Component: component, Name: name}))
	return true
}
