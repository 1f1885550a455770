package main

import (
	"bytes"
	"log/slog"
	"slices"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/logging"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/plugins"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

const eventPlugin = "rabbitmq_event_exchange"

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

// applyPlugins has a running broker follow the lists of plugins.
func (s *service) applyPlugins(b *broker.Broker) error {
	b.SetEventExchange(slices.Contains(s.set.Plugins, eventPlugin))
	return b.SetDisabledExchangeTypes(disabledTypes(&s.set.Settings))
}

// plugins are the names of RabbitMQ's plugins whose work this process does.
func (s *service) plugins() []string {
	var names []string
	if s.set.Management.Enabled || s.set.Management.TLSEnabled {
		names = append(names, "rabbitmq_management")
	}
	if s.set.Prometheus.Enabled || s.set.Prometheus.TLSEnabled {
		names = append(names, "rabbitmq_prometheus")
	}
	if slices.Contains(s.set.Plugins, eventPlugin) {
		names = append(names, eventPlugin)
	}
	return names
}
