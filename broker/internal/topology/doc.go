// Package topology is what a virtual host of a broker is, without any connection:
// exchanges, queues, what binds them, the way of a message through them, policies,
// dead letters, delayed exchanges, and the records that bring them back.
//
// What it needs of the broker comes in an Env. Of connections it knows that one can
// be the Owner of an exclusive queue; of tests and tools that one can be the Observer
// of what happens to messages.
//
// Locks are taken in this order: the virtual host's for changes of policies, that
// for what goes out of a delayed exchange, that for the dead letters of a queue, the
// virtual host's own, and then a queue's or that of what waits in a delayed exchange.
package topology
