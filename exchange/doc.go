// Package exchange holds the routing tables behind AMQP exchanges: which
// destinations a message reaches, by its routing key or its headers.
//
// A Table is one exchange's bindings; New makes one of the types that RabbitMQ
// has built in or gets from its plugins. Tables are generic over the destination, which they only ever
// compare and hand back: a broker binds its queues and exchanges, a test may
// bind strings.
//
// The rules are RabbitMQ's (EXCH-22, EXCH-34 to EXCH-40):
//
//   - direct: the routing key equals the binding key.
//   - fanout: every binding.
//   - topic: keys are words separated by dots; in a binding key `*` stands for
//     exactly one word and `#` for any number of words, none included.
//   - headers: the binding's arguments against the message's headers, all or
//     any of them as the argument `x-match` says.
//   - x-consistent-hash: one destination, by a hash of the routing key, a header or
//     a property, in proportion to the weights that the binding keys are (CHASH).
//   - x-modulus-hash: one binding, by the routing keys; x-random and x-local-random:
//     one by chance (MODULUS, RANDOM, LOCALRANDOM).
//   - x-recent-history, x-message-deduplication: every binding; what such an exchange
//     remembers is its user's.
//
// # Concurrency
//
// A Table is a plain data structure: Bind, Unbind and RemoveDest need exclusive
// access, everything else may run concurrently with itself.
//
// # Costs
//
// Binding, unbinding and removing a destination cost the same however many
// bindings there are, RemoveDest in proportion to the destination's own
// bindings. Routing is a map look-up (direct), a walk along the key through a
// trie (topic) or a look-up per header (headers), plus the matches found. It
// allocates nothing beyond growing the caller's slice, save that a headers
// table decodes the message's headers, and a topic table needs room where more
// than 16 beginnings of patterns fit a key at once.
package exchange
