package broker

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/announce"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// A GlobalParameter is a value that belongs to no virtual host.
type GlobalParameter struct {
	Name  string
	Value json.RawMessage
}

// globals are the global parameters.
type globals struct {
	name    string // of the cluster, by the configuration
	journal topology.Journal
	told    *announce.Announcer

	mu     sync.Mutex
	values map[string]json.RawMessage
}

// clusterIDParameter is the global parameter that is always there.
const clusterIDParameter = "internal_cluster_id"

// GlobalParameters returns the global parameters, by name.
func (g *globals) GlobalParameters() []GlobalParameter {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := []GlobalParameter{}
	for _, name := range slices.Sorted(maps.Keys(g.values)) {
		list = append(list, GlobalParameter{name, g.values[name]})
	}
	return list
}

// SetGlobalParameter creates or replaces a global parameter. It fails for a value that is
// not JSON.
func (g *globals) SetGlobalParameter(name string, value json.RawMessage) error {
	if err := g.journal.Env.Closed(); err != nil {
		return err
	}
	if !json.Valid(value) {
		return errValidation("value is not valid JSON")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	value = slices.Clone(value)
	g.values[name] = value
	g.journal.PutGlobalParameter(name, value)
	g.told.TellOf("parameter.set", "component", "global", "name", name, "value", topology.JSONHeader(value))
	return nil
}

// DeleteGlobalParameter removes a global parameter and reports whether it was there.
func (g *globals) DeleteGlobalParameter(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.values[name]; !ok {
		return false
	}
	delete(g.values, name)
	g.journal.DeleteGlobalParameter(name)
	g.told.TellOf("parameter.set", "component", "global", "name", name) // RabbitMQ's word for it
	return true
}

// nameCluster gives the cluster its ID at the first start.
func (g *globals) nameCluster() {
	if _, ok := g.values[clusterIDParameter]; ok {
		return
	}
	id, err := json.Marshal(topology.GeneratedName("rabbitmq-cluster-id-"))
	if err == nil { // a text always can be
		_ = g.SetGlobalParameter(clusterIDParameter, id)
	}
}

// ClusterName is what the broker calls itself: the global parameter cluster_name or,
// without it, what the configuration says.
func (g *globals) ClusterName() string {
	g.mu.Lock()
	value := g.values["cluster_name"]
	g.mu.Unlock()
	var name string
	if json.Unmarshal(value, &name) != nil || name == "" {
		return g.name
	}
	return name
}

// errValidation is RabbitMQ's refusal of a parameter.
func errValidation(text string) error {
	return amqp.Errorf(amqp.PreconditionFailed, "Validation failed\n\n%s\n", text)
}
