package topology

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
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

// About is what describes a virtual host.
type About struct {
	Description      string
	Tags             []string
	DefaultQueueType string // "" is classic
	Protected        bool   // from deletion
}

// LimitsComponent and limitsName are the parameter that RabbitMQ keeps limits as.
const (
	LimitsComponent = "vhost-limits"
	limitsName      = "limits"
)

// parameters are what a virtual host is told: parameters, the limits that one of them holds,
// and what describes it. The lock of its names guards them.
type parameters struct {
	*names
	*keeper
	values map[parameterKey]json.RawMessage
	limits access.Limits // what the parameter of limits says
	about  About
}

// Parameters returns the parameters of a component, or for "" all, by component and name.
func (pr *parameters) Parameters(component string) []Parameter {
	pr.mu.RLock()
	defer pr.mu.RUnlock()
	list := []Parameter{}
	for key, value := range pr.values {
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
func (pr *parameters) Parameter(component, name string) (Parameter, bool) {
	pr.mu.RLock()
	defer pr.mu.RUnlock()
	value, ok := pr.values[parameterKey{component, name}]
	return Parameter{component, name, value}, ok
}

// SetParameter creates or replaces a parameter. What it means was checked before.
func (pr *parameters) SetParameter(p Parameter) error {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if err := pr.checkSealed(); err != nil {
		return err
	}
	pr.putParameter(p)
	return nil
}

// DeleteParameter removes a parameter and reports whether it was there.
func (pr *parameters) DeleteParameter(component, name string) bool {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return pr.dropParameter(component, name)
}

// putParameter keeps a parameter. Called with the lock held.
func (pr *parameters) putParameter(p Parameter) {
	pr.loadParameter(p)
	pr.put(pr.parameterRecord(p))
	pr.tellParameter("parameter.set", p.Component, p.Name, JSONHeader(p.Value), InternalUser)
}

func (pr *parameters) parameterRecord(p Parameter) *records.Parameter {
	return &records.Parameter{
		VHost: records.Text(pr.Name), Component: records.Text(p.Component), Name: records.Text(p.Name), Value: p.Value,
	}
}

func (pr *parameters) loadParameter(p Parameter) {
	if pr.values == nil {
		pr.values = make(map[parameterKey]json.RawMessage)
	}
	pr.values[parameterKey{p.Component, p.Name}] = p.Value
	if p.Component == LimitsComponent && p.Name == limitsName {
		pr.limits = access.Limits{}
		// What is no number is no limit, as in RabbitMQ.
		_ = json.Unmarshal(p.Value, &pr.limits)
	}
}

// dropParameter forgets a parameter. Called with the lock held.
func (pr *parameters) dropParameter(component, name string) bool {
	key := parameterKey{component, name}
	if _, ok := pr.values[key]; !ok {
		return false
	}
	delete(pr.values, key)
	if component == LimitsComponent && name == limitsName {
		pr.limits = nil
	}
	pr.unput(pr.parameterRecord(Parameter{Component: component, Name: name}))
	pr.tellParameter("parameter.cleared", component, name, nil, InternalUser)
	return true
}

// Limits returns the limits that are set.
func (pr *parameters) Limits() access.Limits {
	pr.mu.RLock()
	defer pr.mu.RUnlock()
	return maps.Clone(pr.limits)
}

// Limit returns a limit; false is no bound.
func (pr *parameters) Limit(name string) (int, bool) {
	pr.mu.RLock()
	defer pr.mu.RUnlock()
	n, ok := pr.limits[name]
	return n, ok && n >= 0
}

// ChangeLimits calls change with a copy of the limits and keeps what it makes of them.
func (pr *parameters) ChangeLimits(change func(access.Limits)) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	limits := access.Limits{}
	maps.Copy(limits, pr.limits)
	change(limits)
	if maps.Equal(limits, pr.limits) {
		return
	}
	if len(limits) == 0 {
		pr.limits = nil
		pr.dropParameter(LimitsComponent, limitsName)
		pr.tellLimits(nil, InternalUser)
		return
	}
	value, err := json.Marshal(limits)
	if err != nil {
		panic(err) // a map of strings and numbers
	}
	pr.putParameter(Parameter{LimitsComponent, limitsName, value})
	pr.tellLimits(value, InternalUser)
}

// checkQueueLimit refuses a queue more than the virtual host may have (LIMIT-2). Called
// with the lock held.
func (pr *parameters) checkQueueLimit(name string) error {
	limit, limited := pr.limits[access.MaxQueues]
	if !limited || limit < 0 || len(pr.queues) < limit {
		return nil
	}
	return amqp.Errorf(amqp.PreconditionFailed, "cannot declare queue '%s': queue limit in vhost '%s' (%d) is reached",
		name, pr.Name, limit)
}

// checkAllQueues refuses a queue more than all virtual hosts may have together (LIMIT-5).
func (pr *parameters) checkAllQueues(name string) error {
	if limit := pr.env.MaxQueues; reached(limit, pr.env.queues.Load()) {
		return amqp.Errorf(amqp.PreconditionFailed, "cannot declare queue '%s': queue limit in cluster (%d) is reached", name, max(0, limit))
	}
	return nil
}

// checkExchangeLimit refuses an exchange more than the broker may have (EXCH-15, LIMIT-7).
func (pr *parameters) checkExchangeLimit(name string) error {
	if limit := pr.env.MaxExchanges; reached(limit, pr.env.exchanges.Load()) {
		return amqp.Errorf(amqp.PreconditionFailed, "cannot declare exchange '%s' in vhost '%s': exchange limit of %d is reached",
			name, pr.Name, max(0, limit))
	}
	return nil
}

// CheckRoom refuses so many queues and exchanges more than all virtual hosts may have
// together (LIMIT-5, LIMIT-7).
func (env *Env) CheckRoom(queues, exchanges int) error {
	switch {
	case queues > 0 && reached(env.MaxQueues, env.queues.Load()+int64(queues)-1):
		return fmt.Errorf("adding %d queue(s) would exceed the limit of %d queue(s) in the cluster", queues, max(0, env.MaxQueues))
	case exchanges > 0 && reached(env.MaxExchanges, env.exchanges.Load()+int64(exchanges)-1):
		return fmt.Errorf("adding %d exchange(s) would exceed the limit of %d exchange(s) in the cluster", exchanges, max(0, env.MaxExchanges))
	}
	return nil
}

// reached reports whether one more than n is above a limit, of which 0 is none and negative
// ones are 0.
func reached(limit int, n int64) bool { return limit != 0 && n >= int64(max(0, limit)) }

// About returns what describes the virtual host.
func (pr *parameters) About() About {
	pr.mu.RLock()
	defer pr.mu.RUnlock()
	return pr.about
}

// SetAbout replaces it.
func (pr *parameters) SetAbout(about About) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if pr.sealed {
		return
	}
	pr.about = about
	pr.persistVHost()
}

func (pr *parameters) persistVHost() {
	tags := make([]records.Text, len(pr.about.Tags))
	for i, tag := range pr.about.Tags {
		tags[i] = records.Text(tag)
	}
	pr.put(&records.VHost{
		Name: records.Text(pr.Name), Description: records.Text(pr.about.Description), Tags: tags,
		DefaultQueueType: pr.about.DefaultQueueType, Protected: pr.about.Protected,
	})
}

// tellLimits tells what the virtual host's limits are now.
func (ns *names) tellLimits(value json.RawMessage, user string) {
	e := &ns.env.Events
	if !e.Wanted() {
		return
	}
	name := amqp.Field{Key: "name", Value: limitsName}
	of := amqp.Field{Key: "vhost", Value: ns.Name}
	if value == nil {
		e.Tell("vhost.limits.cleared", amqp.Table{name, of, performer(user)})
		return
	}
	t, _ := JSONHeader(value).(amqp.Table)
	e.Tell("vhost.limits.set", append(t, name, of, performer(user)))
}
