// Package patterns has the patterns of reliable messaging as small programs. Each is one
// function that needs RabbitMQ's Go client alone, so that it can be copied whole, and
// prints what it does. The tests run each beside its naive form, which loses messages,
// repeats them, blocks or is overloaded:
//
//	go test -v -run WorkQueue ./conformance/patterns
//
// The broker is Rabbet, or the one that RABBITMQ_URL names. docs/patterns.md explains each
// pattern.
package patterns
