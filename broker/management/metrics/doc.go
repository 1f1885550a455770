// Package metrics serves a broker's figures to Prometheus under RabbitMQ's names, as the plugin
// rabbitmq_prometheus does on port 15692. Grafana's dashboards for RabbitMQ work with it.
//
// A program that embeds a broker registers New's collector with a registry of its own, or
// serves Handler.
package metrics
