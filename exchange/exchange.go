// The seam: Table is what every exchange type offers.

package exchange

import (
	"iter"

	"github.com/rabbetmq/rabbet/amqp"
)

// Message is what routing looks at.
type Message struct {
	// Key is the routing key.
	Key string
	// More are the routing keys that CC and BCC add (EXCH-45): types that compare
	// the key compare these as well.
	More []string
	// Headers is the headers property, nil if there is none. It must be valid;
	// what cannot be decoded counts as no headers.
	Headers amqp.RawTable
	// Props are the properties as published, for types that look at others than
	// the headers.
	Props amqp.RawProperties
}

// Binding leads from the exchange that a table belongs to, to Dest.
type Binding[D comparable] struct {
	Key  string
	Args amqp.Table // sorted by name, nil if there are none
	Dest D
}

// Table holds one exchange's bindings and routes by them.
type Table[D comparable] interface {
	// Bind adds the binding and reports whether it is new: one with the same
	// destination, key and arguments is left as it is (EXCH-22). The order of
	// arguments does not count, their types do. An *ArgumentError says that
	// the exchange type does not take these arguments.
	Bind(key string, args amqp.Table, d D) (added bool, err error)
	// Unbind removes the binding and reports whether there was one.
	Unbind(key string, args amqp.Table, d D) bool
	// RemoveDest removes every binding that leads to d and reports how many
	// there were.
	RemoveDest(d D) int
	// Route appends to dst the destinations that m reaches. One that several
	// bindings lead to may be appended more than once.
	Route(dst []D, m Message) []D
	// KeyOnly reports whether the routing keys alone decide, so that the
	// caller may cache the result until the bindings change.
	KeyOnly() bool
	// Len is the number of bindings.
	Len() int
	// All yields every binding, in no particular order. The table must not
	// change meanwhile.
	All() iter.Seq[Binding[D]]
	// Of yields the bindings that lead to d, latest first. The table must not
	// change meanwhile.
	Of(d D) iter.Seq[Binding[D]]
}

// ArgumentError refuses a binding for its arguments. RabbitMQ closes the
// channel with PRECONDITION_FAILED and this text (EXCH-40).
type ArgumentError struct {
	Text string // without the reply code's name
}

func (e *ArgumentError) Error() string { return e.Text }
