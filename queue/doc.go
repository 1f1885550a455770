// Package queue is one queue's state machine: which messages are ready, which are unacknowledged,
// and which consumer is next in turn. It knows no sockets, no virtual host and no
// AMQP frames; a connection takes part as a Receiver.
//
// A broker holds queues of all types as a Queue. Classic implements classic queues and
// quorum queues.
//
// A Classic is safe for concurrent use. Its lock is held for bounded work only
// and nothing blocks under it. One thing is called under it: a Receiver is offered a delivery
// and takes its own lock (lock order: queue, then connection). A call leaves work for
// others in an Effects, which the caller performs after the call has returned, with no
// lock held.
package queue
