// Package exchange holds the routing tables behind AMQP exchanges: which
// destinations a message reaches, by its routing key or its headers.
//
// A Table is one exchange's bindings. New makes a Table of any type that RabbitMQ
// has built in or gets from its plugins. Tables are generic over the destination, which they
// only compare and return: a broker binds its queues and exchanges, a test may
// bind strings.
//
// The rules are RabbitMQ's (EXCH-22, EXCH-34 to EXCH-40):
//
//   - direct: the routing key equals the binding key.
//   - fanout: every binding.
//   - topic: keys are words separated by dots; in a binding key `*` stands for
//     exactly one word and `#` for any number of words, none included.
//   - headers: the binding's arguments are compared with the message's headers; all or
//     any of them must be equal, as the argument `x-match` says.
//   - x-consistent-hash: one destination, by a hash of the routing key, a header or
//     a property, in proportion to the weights that the binding keys are (CHASH).
//   - x-modulus-hash: one binding, by a hash of the routing key and those in CC; x-random and x-local-random:
//     one binding at random (MODULUS, RANDOM, LOCALRANDOM).
//   - x-recent-history, x-message-deduplication: every binding. The caller keeps what such
//     an exchange remembers.
//
// # Concurrency
//
// A Table is a plain data structure: Bind, Unbind and RemoveDest need exclusive
// access, everything else may run concurrently with itself.
//
// # Costs
//
// The cost of Bind and Unbind does not depend on the number of bindings. RemoveDest costs
// in proportion to the destination's own bindings. Routing is a map look-up (direct), a walk along the key through a
// trie (topic) or a look-up per header (headers), plus the matches found. It
// allocates nothing but to grow the caller's slice, with two exceptions: a headers
// table decodes the message's headers, and a topic table allocates when more
// than 16 beginnings of patterns match a key at once.
package exchange
