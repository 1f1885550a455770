// The exchange types by name.

package exchange

import (
	"errors"

	"github.com/rabbetmq/rabbet/amqp"
)

// Type is an exchange type that New knows.
type Type struct {
	Name string
	// Plugin is the RabbitMQ plugin that brings the type; empty if it is built in.
	Plugin string
	// Since is the first release series of RabbitMQ, as in "4.2", whose profile knows
	// the type; empty if all do.
	Since string
}

// types are all that New knows. x-delayed-message is not among them: it routes by a
// type of these once a message is due. Nor is x-jms-topic: its selectors are terms
// that only RabbitMQ's JMS client writes (JMS-1).
var types = []Type{
	{Name: "direct"},
	{Name: "fanout"},
	{Name: "headers"},
	{Name: "topic"},
	{Name: "x-consistent-hash", Plugin: "rabbitmq_consistent_hash_exchange"},
	{Name: "x-local-random", Since: "4.2"}, // LOCALRANDOM-1: new in 4.2
	{Name: "x-message-deduplication", Plugin: "rabbitmq_message_deduplication"},
	{Name: "x-modulus-hash", Plugin: "rabbitmq_sharding"},
	{Name: "x-random", Plugin: "rabbitmq_random_exchange"},
	{Name: "x-recent-history", Plugin: "rabbitmq_recent_history_exchange"},
}

// Types returns the types that New knows, by name.
func Types() []Type { return append([]Type(nil), types...) }

// Find returns the type with this name; false if New does not know it.
func Find(name string) (Type, bool) {
	for _, t := range types {
		if t.Name == name {
			return t, true
		}
	}
	return Type{}, false
}

var (
	// ErrUnknownType says that there is no such exchange type.
	ErrUnknownType = errors.New("unknown exchange type")
	// ErrArgumentType refuses an argument of a type that makes RabbitMQ fail: it
	// closes the connection with INTERNAL_ERROR (CHASH-1).
	ErrArgumentType = errors.New("exchange argument of a wrong type")
)

// New makes an empty table for an exchange of a type of Types, declared with args.
// The error is ErrUnknownType, ErrArgumentType, or an *ArgumentError for arguments
// that the type does not take. x-recent-history and x-message-deduplication route
// like fanout: what they keep is the caller's (History; package queue/dedup).
func New[D comparable](kind string, args amqp.Table) (Table[D], error) {
	switch kind {
	case "direct":
		return newTable(&direct[D]{}), nil
	case "topic":
		return newTable(&topic[D]{}), nil
	case "headers":
		return newTable(&headers[D]{}), nil
	case "fanout", "x-message-deduplication":
		return newTable(&fanout[D]{}), nil
	case "x-recent-history":
		if _, err := HistoryLength(args); err != nil {
			return nil, err
		}
		return newTable(&fanout[D]{}), nil
	case "x-consistent-hash":
		x, err := newConsistentHash[D](args)
		if err != nil {
			return nil, err
		}
		return newTable(x), nil
	case "x-random":
		return newTable(&random[D]{}), nil
	case "x-local-random":
		return newTable(&random[D]{emptyKey: true}), nil
	case "x-modulus-hash":
		return newTable(&modulus[D]{}), nil
	}
	return nil, ErrUnknownType
}
