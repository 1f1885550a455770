package main

import (
	"bytes"
	"log/slog"
	"slices"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/shovel"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/logging"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/plugins"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

const (
	eventPlugin  = "rabbitmq_event_exchange"
	shovelPlugin = "rabbitmq_shovel"
)

// plugIn says to the broker what plugins and the log bring to it.
func (s *service) plugIn(cfg *broker.Config) {
	set := s.set
	cfg.EventExchange = slices.Contains(set.Plugins, eventPlugin)
	cfg.EventExchangeVHost = set.EventVHost
	cfg.DisabledExchangeTypes = disabledTypes(&set.Settings)
	if set.Log.Exchange {
		format, contentType := set.Log.ExchangeFormat, "text/plain"
		if format == "json" {
			contentType = "application/json"
		}
		cfg.LogExchange = &broker.LogExchange{
			Level: s.log.ExchangeLevel, ContentType: contentType, KeyOf: logging.LevelName,
			NewHandler: func(w *bytes.Buffer) slog.Handler { return logging.NewHandler(w, format, false) },
		}
	}
}

// disabledTypes are the types of exchanges that are switched off, by configuration or by
// rabbitmq-plugins disable.
func disabledTypes(set *settings.Settings) []string {
	return append(slices.Clone(set.DisabledExchangeTypes), plugins.ExchangeTypes(set.DisabledPlugins)...)
}

// isOff reports whether a plugin that is on by itself is switched off.
func (s *service) isOff(plugin string) bool { return slices.Contains(s.set.DisabledPlugins, plugin) }

// applyPlugins has a running broker follow the lists of plugins.
func (s *service) applyPlugins(b *broker.Broker, shovels *shovel.Manager) error {
	b.SetEventExchange(slices.Contains(s.set.Plugins, eventPlugin))
	shovels.SetEnabled(!s.isOff(shovelPlugin))
	return b.SetDisabledExchangeTypes(disabledTypes(&s.set.Settings))
}

// plugins are the names of RabbitMQ's plugins whose work this process does.
func (s *service) plugins() []string {
	s.pluginsMu.Lock()
	defer s.pluginsMu.Unlock()
	var names []string
	if s.set.Management.Enabled || s.set.Management.TLSEnabled {
		names = append(names, "rabbitmq_management")
	}
	if s.set.Prometheus.Enabled || s.set.Prometheus.TLSEnabled {
		names = append(names, "rabbitmq_prometheus")
	}
	for _, name := range plugins.WithRequired(s.set.Plugins) {
		if isDoor := name == "rabbitmq_management" || name == "rabbitmq_prometheus"; plugins.BuiltIn(name) && !isDoor {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// setPlugins takes over lists of plugins. It reports whether doors have to be opened or
// closed.
func (s *service) setPlugins(enabled, disabled []string) (doors bool) {
	s.pluginsMu.Lock()
	defer s.pluginsMu.Unlock()
	s.set.Plugins, s.set.DisabledPlugins = enabled, disabled
	all := plugins.WithRequired(enabled)
	for _, door := range []struct {
		name string
		open *bool
	}{{"rabbitmq_management", &s.set.Management.Enabled}, {"rabbitmq_prometheus", &s.set.Prometheus.Enabled}} {
		wanted := slices.Contains(all, door.name)
		doors = doors || wanted != *door.open
		*door.open = wanted
	}
	return doors
}
