// Package metrics tells Prometheus of a broker, in RabbitMQ's names: what the plugin
// rabbitmq_prometheus does on port 15692. Grafana's dashboards for RabbitMQ read it.
//
// A program that embeds a broker registers New's collector with a registry of its own, or
// serves Handler.
package metrics
