// Package queue is one queue's state machine: what is ready, what is out with
// consumers, who is next in turn. It knows no sockets, no virtual host and no
// AMQP frames; a connection takes part as a Receiver.
//
// A broker holds queues of all types as a Queue. Classic is both classic queues and
// quorum queues.
//
// A Classic is safe for concurrent use. Its lock is held for bounded work only
// and nothing blocks under it, save that a delivery is handed to a receiver
// under that receiver's own lock (lock order: queue, then connection). What a
// call wants done elsewhere it leaves in an Effects, which the caller performs
// after the call has returned, holding no lock.
package queue
