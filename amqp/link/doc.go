// Package link is the client's side of an AMQP connection in bare frames: the handshake,
// calls that wait for their answer, heartbeats, and the end. What passes many messages on
// reads and writes frames itself, as many at a time as a read brings: a client library has
// a method, a lock and a channel for each message.
package link
