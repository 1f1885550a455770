// Consistent hash exchanges: x-consistent-hash, of RabbitMQ's plugin
// rabbitmq_consistent_hash_exchange (CHASH-1 to CHASH-9).

package exchange

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/rabbetmq/rabbet/amqp"
)

// maxWeight is the largest weight of a binding. RabbitMQ has no limit and keeps an
// entry for each bucket; the sum of the weights must be exact in floating point.
const maxWeight = 1_000_000_000

// consistentHash routes each message to one destination, by a hash of its routing
// key, a header or a property.
type consistentHash[D comparable] struct {
	ring     ring[D]
	header   string
	property amqp.PropertyFlags // 0 without hash-property
	byHeader bool
}

// newConsistentHash checks an exchange's arguments (CHASH-1).
func newConsistentHash[D comparable](args amqp.Table) (*consistentHash[D], error) {
	x := &consistentHash[D]{}
	header, byHeader := args.Get("hash-header")
	property, byProperty := args.Get("hash-property")
	if byHeader {
		if x.header, x.byHeader = header.(string); !x.byHeader {
			return nil, ErrArgumentType
		}
	}
	if byProperty {
		name, ok := property.(string)
		if !ok {
			return nil, ErrArgumentType
		}
		if byHeader {
			return nil, &ArgumentError{"hash-header and hash-property are mutually exclusive"}
		}
		switch name {
		case "correlation_id":
			x.property = amqp.HasCorrelationID
		case "message_id":
			x.property = amqp.HasMessageID
		case "timestamp":
			x.property = amqp.HasTimestamp
		default:
			return nil, &ArgumentError{"Unsupported property: " + name}
		}
	}
	return x, nil
}

// attach gives a destination that has no buckets as many as the binding key says
// (CHASH-2, CHASH-5: a second binding changes nothing).
func (x *consistentHash[D]) attach(e *entry[D], _ amqp.Table) error {
	weight, err := strconv.ParseInt(e.key, 10, 64)
	switch tooLarge := errors.Is(err, strconv.ErrRange); {
	case err != nil && !tooLarge:
		return &ArgumentError{"The binding key must be an integer: " + amqp.FormatTerm(e.key)}
	case weight < 1:
		return &ArgumentError{"The binding key must be greater than 0"}
	case weight > maxWeight:
		return &ArgumentError{fmt.Sprintf("The binding key must not be greater than %d", maxWeight)}
	}
	if !x.ring.has(e.dest) {
		x.ring.join(e.dest, weight)
	}
	return nil
}

// detach takes the destination's buckets away, whichever of its bindings goes
// (CHASH-6).
func (x *consistentHash[D]) detach(e *entry[D]) { x.ring.leave(e.dest) }

func (x *consistentHash[D]) keyOnly() bool { return !x.byHeader && x.property == 0 }

func (x *consistentHash[D]) route(dst []D, m Message) []D {
	switch x.ring.buckets {
	case 0:
		return dst
	case 1:
		return append(dst, x.ring.at(0))
	}
	return append(dst, x.ring.at(jumpHash(x.hash(m), x.ring.buckets)))
}

// hash is what the bucket of a message depends on (CHASH-7, CHASH-8). CC and BCC
// play no part (CHASH-9).
func (x *consistentHash[D]) hash(m Message) uint64 {
	switch {
	case x.byHeader:
		return hashOfHeader(m.Headers, x.header)
	case x.property == 0:
		return uint64(phash2(m.Key))
	case x.property == amqp.HasTimestamp:
		if ts, ok := m.Props.Timestamp(); ok {
			var digits [20]byte
			return uint64(phash2(strconv.AppendUint(digits[:0], ts, 10)))
		}
	case x.property == amqp.HasMessageID:
		if id, ok := m.Props.MessageID(); ok {
			return uint64(phash2(id))
		}
	default:
		if id, ok := m.Props.CorrelationID(); ok {
			return uint64(phash2(id))
		}
	}
	return hashUndefined
}

// hashOfHeader takes an integer as it is and hashes text. What RabbitMQ hashes as
// an Erlang term of another kind (floats, decimals, arrays, tables) is hashed by its
// bytes: such a key is stable, but not in RabbitMQ's bucket.
func hashOfHeader(headers amqp.RawTable, name string) (hash uint64) {
	hash = hashUndefined
	headers.Each(func(key []byte, tag byte, value []byte) bool {
		if string(key) != name {
			return true
		}
		if tag == 'S' || tag == 'x' { // without a copy
			hash = uint64(phash2(value))
		} else if v, ok := headers.Lookup(name); ok {
			hash = hashOfValue(v)
		}
		return false
	})
	return hash
}

func hashOfValue(v any) uint64 {
	if n, ok := amqp.AsInt(v); ok {
		return uint64(n)
	}
	switch v := v.(type) {
	case nil:
		return hashUndefined
	case bool:
		if v {
			return hashTrue
		}
		return hashFalse
	case amqp.Timestamp: // EXCH-41: in milliseconds
		if hi, ms := bits.Mul64(uint64(v), 1000); hi == 0 {
			return ms
		}
		return uint64(v)
	}
	return uint64(phash2(amqp.AppendTable(nil, amqp.Table{{Value: v}})))
}
