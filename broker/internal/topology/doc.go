// Package topology is what a virtual host of a broker is, without any connection:
// exchanges, queues, bindings, the route of a message through them, policies,
// dead letters, delayed exchanges, and the records that restore them.
//
// An Env gives it what it needs from the broker. It knows a connection only as the Owner
// of an exclusive queue, and tests and tools only as the Observer
// of what happens to messages.
//
// Locks are taken in this order: the virtual host's lock for changes of policies, the lock
// for what leaves a delayed exchange, the lock for the dead letters of a queue, the
// virtual host's own, and then a queue's or the one for what waits in a delayed exchange.
package topology
