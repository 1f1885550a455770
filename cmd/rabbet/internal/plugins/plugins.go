// Package plugins knows RabbitMQ's plugins by name: those whose work this broker does
// itself, and those that it takes note of.
package plugins

import (
	"slices"
	"strings"
)

// A Plugin is one of RabbitMQ's.
type Plugin struct {
	Name string
	// BuiltIn says that this broker does its work. Others can be enabled, so that a
	// script goes on, and do nothing.
	BuiltIn bool
	// Requires are the plugins that are enabled with it.
	Requires []string
}

var all = []Plugin{
	{"rabbitmq_amqp1_0", false, nil},
	{"rabbitmq_auth_backend_cache", true, nil},
	{"rabbitmq_auth_backend_http", true, nil},
	{"rabbitmq_auth_mechanism_ssl", true, nil},
	{"rabbitmq_consistent_hash_exchange", true, nil},
	{"rabbitmq_delayed_message_exchange", true, nil},
	{"rabbitmq_event_exchange", true, nil},
	{"rabbitmq_federation", false, nil},
	{"rabbitmq_federation_management", false, []string{"rabbitmq_management", "rabbitmq_federation"}},
	{"rabbitmq_federation_prometheus", false, []string{"rabbitmq_federation", "rabbitmq_prometheus"}},
	{"rabbitmq_management", true, []string{"rabbitmq_management_agent", "rabbitmq_web_dispatch"}},
	{"rabbitmq_management_agent", true, nil},
	{"rabbitmq_message_deduplication", true, nil},
	{"rabbitmq_peer_discovery_common", false, nil},
	{"rabbitmq_prometheus", true, []string{"rabbitmq_management_agent", "rabbitmq_web_dispatch"}},
	{"rabbitmq_random_exchange", true, nil},
	{"rabbitmq_recent_history_exchange", true, nil},
	{"rabbitmq_sharding", true, nil},
	{"rabbitmq_shovel", true, nil},
	{"rabbitmq_shovel_management", true, []string{"rabbitmq_management", "rabbitmq_shovel"}},
	{"rabbitmq_shovel_prometheus", false, []string{"rabbitmq_prometheus", "rabbitmq_shovel"}},
	{"rabbitmq_stream", false, nil},
	{"rabbitmq_stream_management", false, []string{"rabbitmq_management", "rabbitmq_stream"}},
	{"rabbitmq_top", false, []string{"rabbitmq_management"}},
	{"rabbitmq_tracing", false, []string{"rabbitmq_management"}},
	{"rabbitmq_trust_store", false, nil},
	{"rabbitmq_web_dispatch", true, nil},
}

// All returns the plugins by name.
func All() []Plugin { return slices.Clone(all) }

// Names returns the names of all plugins.
func Names() []string {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	return names
}

// WithRequired returns names and those of all plugins that they require, sorted.
func WithRequired(names []string) []string {
	found := slices.Clone(names)
	for i := 0; i < len(found); i++ {
		for _, p := range all {
			if p.Name == found[i] {
				found = append(found, p.Requires...)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Without returns the names whose plugins do without those that go.
func Without(names, gone []string) []string {
	var left []string
	for _, name := range names {
		if !slices.ContainsFunc(WithRequired([]string{name}), func(r string) bool { return slices.Contains(gone, r) }) {
			left = append(left, name)
		}
	}
	return left
}

// BuiltIn reports whether this broker does the work of a plugin.
func BuiltIn(name string) bool {
	return slices.ContainsFunc(all, func(p Plugin) bool { return p.Name == name && p.BuiltIn })
}

// Known reports whether there is a plugin of the name.
func Known(name string) bool { return slices.Contains(Names(), name) }

// Canonical is the name of a plugin as RabbitMQ spells it. People type hyphens for
// underscores, which RabbitMQ refuses (PLUGIN-7); here both are the plugin.
func Canonical(name string) string {
	if spelled := strings.ReplaceAll(name, "-", "_"); Known(spelled) {
		return spelled
	}
	return name
}

// exchangeTypes are the types of exchanges that plugins bring. They are on unless their
// plugin is switched off.
var exchangeTypes = []struct{ plugin, kind string }{
	{"rabbitmq_consistent_hash_exchange", "x-consistent-hash"},
	{"rabbitmq_delayed_message_exchange", "x-delayed-message"},
	{"rabbitmq_message_deduplication", "x-message-deduplication"},
	{"rabbitmq_random_exchange", "x-random"},
	{"rabbitmq_recent_history_exchange", "x-recent-history"},
	{"rabbitmq_sharding", "x-modulus-hash"},
}

// OnByThemselves are the plugins that run unless they are switched off: those that bring
// types of exchanges, and shovels.
func OnByThemselves() []string {
	names := []string{"rabbitmq_shovel"}
	for _, t := range exchangeTypes {
		names = append(names, t.plugin)
	}
	return names
}

// ExchangeTypes are the types of exchanges that the named plugins bring.
func ExchangeTypes(names []string) []string {
	var kinds []string
	for _, t := range exchangeTypes {
		if slices.Contains(names, t.plugin) {
			kinds = append(kinds, t.kind)
		}
	}
	return kinds
}
