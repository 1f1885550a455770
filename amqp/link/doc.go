// Package link is the client's side of an AMQP connection in bare frames: the handshake,
// calls that wait for their answer, heartbeats, and the end. A program that passes many
// messages on reads and writes the frames itself, all that one read brings at a time. A client
// library would cost it a method call, a lock and a channel for each message.
package link
