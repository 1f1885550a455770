// Exchange types that pick one of the bindings: x-random, x-local-random and
// x-modulus-hash.

package exchange

import (
	"fmt"
	"math/rand/v2"

	"github.com/rabbetmq/rabbet/amqp"
)

// random routes each message to a binding chosen by chance; two bindings of one
// destination count twice (RANDOM-1).
type random[D comparable] struct {
	ring     ring[*entry[D]]
	emptyKey bool // binding keys must be empty (LOCALRANDOM-1)
}

func (x *random[D]) attach(e *entry[D], _ amqp.Table) error {
	if x.emptyKey && e.key != "" {
		return &ArgumentError{fmt.Sprintf("Non empty binding '%s' key not permitted", e.key)}
	}
	x.ring.join(e, 1)
	return nil
}

func (x *random[D]) detach(e *entry[D]) { x.ring.leave(e) }
func (x *random[D]) keyOnly() bool      { return false }

func (x *random[D]) route(dst []D, _ Message) []D {
	if x.ring.buckets == 0 {
		return dst
	}
	return append(dst, x.ring.at(rand.Int64N(x.ring.buckets)).dest)
}

// modulus routes each message to a binding by a hash of its routing keys modulo the
// number of bindings (MODULUS-1). Which key goes where differs from RabbitMQ, which
// promises nothing there.
type modulus[D comparable] struct {
	ring ring[*entry[D]]
}

func (x *modulus[D]) attach(e *entry[D], _ amqp.Table) error {
	x.ring.join(e, 1)
	return nil
}

func (x *modulus[D]) detach(e *entry[D]) { x.ring.leave(e) }
func (x *modulus[D]) keyOnly() bool      { return true }

func (x *modulus[D]) route(dst []D, m Message) []D {
	if x.ring.buckets == 0 {
		return dst
	}
	hash := jenkins(m.Key, goldenRatio)
	for _, key := range m.More {
		hash = jenkins(key, hash)
	}
	return append(dst, x.ring.at(int64(hash)%x.ring.buckets).dest)
}
