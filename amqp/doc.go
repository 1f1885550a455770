// Package amqp is the wire format of AMQP 0-9-1 as RabbitMQ speaks it: frames,
// methods, content headers, field tables and reply codes, for brokers and
// clients alike.
//
// Everything is encoded by appending to a slice and decoded from one. Nothing
// here does input or output, keeps state or starts a goroutine. What is decoded
// does not refer to the input afterwards, except where a type is called raw:
// [RawProperties] and [RawTable] are views that read single values in place.
//
// No input makes a decoder panic, recurse, or allocate more than a small
// multiple of the input's length.
package amqp

//go:generate go run ./internal/gen
