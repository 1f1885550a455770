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
}

var all = []Plugin{
	{"rabbitmq_amqp1_0", false},
	{"rabbitmq_auth_backend_cache", true},
	{"rabbitmq_auth_backend_http", true},
	{"rabbitmq_auth_mechanism_ssl", true},
	{"rabbitmq_consistent_hash_exchange", true},
	{"rabbitmq_delayed_message_exchange", true},
	{"rabbitmq_event_exchange", true},
	{"rabbitmq_federation", false},
	{"rabbitmq_federation_management", false},
	{"rabbitmq_federation_prometheus", false},
	{"rabbitmq_management", true},
	{"rabbitmq_management_agent", true},
	{"rabbitmq_message_deduplication", true},
	{"rabbitmq_peer_discovery_common", false},
	{"rabbitmq_prometheus", true},
	{"rabbitmq_random_exchange", true},
	{"rabbitmq_recent_history_exchange", true},
	{"rabbitmq_sharding", true},
	{"rabbitmq_shovel", true},
	{"rabbitmq_shovel_management", true},
	{"rabbitmq_shovel_prometheus", false},
	{"rabbitmq_stream", false},
	{"rabbitmq_stream_management", false},
	{"rabbitmq_top", false},
	{"rabbitmq_tracing", false},
	{"rabbitmq_trust_store", false},
	{"rabbitmq_web_dispatch", true},
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

// OfExchanges are the plugins that bring types of exchanges.
func OfExchanges() []string {
	var names []string
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
