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
	// Description is what RabbitMQ's management API says of the type.
	Description string
}

// types are all that New knows. x-delayed-message is not among them: it routes by a
// type of these once a message is due. Nor is x-jms-topic: its selectors are terms
// that only RabbitMQ's JMS client writes (JMS-1).
var types = []Type{
	{Name: "direct", Description: "AMQP direct exchange, as per the AMQP specification"},
	{Name: "fanout", Description: "AMQP fanout exchange, as per the AMQP specification"},
	{Name: "headers", Description: "AMQP headers exchange, as per the AMQP specification"},
	{Name: "topic", Description: "AMQP topic exchange, as per the AMQP specification"},
	{Name: "x-consistent-hash", Plugin: "rabbitmq_consistent_hash_exchange", Description: "Consistent Hashing Exchange"},
	{Name: "x-local-random", Since: "4.2", Description: "Picks one random local binding (queue) to route via (to)."}, // LOCALRANDOM-1: new in 4.2
	{Name: "x-message-deduplication", Plugin: "rabbitmq_message_deduplication", Description: "Message Deduplication Exchange."},
	{Name: "x-modulus-hash", Plugin: "rabbitmq_sharding", Description: "Modulus Hashing Exchange"},
	{Name: "x-random", Plugin: "rabbitmq_random_exchange", Description: "Randomly picks a binding (queue) to route via (to)."},
	{Name: "x-recent-history", Plugin: "rabbitmq_recent_history_exchange", Description: "Recent History Exchange."},
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
