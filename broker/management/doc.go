// Package management is RabbitMQ's management HTTP API over a broker: the listener on port
// 15672 that health checks, provisioning, dashboards and test libraries talk to.
//
//	s, err := management.New(b, management.Config{})
//	addr, err := s.Listen("127.0.0.1:15672")
//	defer s.Close()
//
// Paths, status codes, texts and fields are those of RabbitMQ 3.13's plugin; what is the
// broker's own is below /api/rabbet. The package uses nothing of a broker but its public
// API.
//
// Lengths are exact at the moment of the request. Rates come from samples. The package samples
// what somebody looks at every five seconds, and keeps samples as long as RabbitMQ does.
package management
