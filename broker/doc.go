// Package broker is an AMQP 0-9-1 message broker that lives in a Go process
// and behaves as RabbitMQ 3.13 does, to the reply code and text.
//
// New starts one; its zero Config is useful. Clients reach it over TCP (Listen,
// Serve, ServeConn) or without a network (Dial). A Broker keeps everything in
// memory, logs nothing unless it is given a logger, and leaves no goroutine
// behind when it is closed. Any number of them live side by side.
//
// Numbers such as QUEUE-12 in this package name behaviours of RabbitMQ; the
// scripts in package conformance carry the same numbers and run against
// RabbitMQ and this broker alike.
package broker
