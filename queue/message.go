package queue

import "github.com/rabbetmq/rabbet/amqp"

// A message, and its place in a queue.

// Message is one published message. It is immutable from the moment it is
// handed to a queue and shared by every queue that it reaches.
type Message struct {
	// Exchange and Key are those of the publish, as a delivery repeats them.
	Exchange, Key string
	// Props are the property flags and values as on the wire.
	Props amqp.RawProperties
	// Body is the content; nil and empty are the same.
	Body []byte
	// TTL is the message's own expiration.
	TTL TTL
	// Priority is the priority property; 0 if absent (QUEUE-86).
	Priority uint8
	// Persistent says that the delivery mode is 2 (BASIC-8).
	Persistent bool
	// Extra holds what few messages have; usually nil.
	Extra *Extra
}

// Publication is the number that an observer of the broker has given to the publish
// of the message; 0 if there is none.
func (m *Message) Publication() uint64 {
	if m.Extra == nil {
		return 0
	}
	return m.Extra.ID
}

// Extra is the rarer part of a message.
type Extra struct {
	// BCC are the routing keys of the BCC header, which is removed before the
	// message is seen by anybody (EXCH-45). Each has at most 255 bytes.
	BCC []string
	// KeyAlone says that the message goes by its key alone, whatever its header
	// CC has: a queue's dead-letter key has taken their place (QUEUE-75).
	KeyAlone bool
	// ID is what tells the publication apart for those who watch it; 0 if nobody
	// does.
	ID uint64
	// ForeignDeaths says that the header x-death is the publisher's and no history
	// of the message's own (QUEUE-82).
	ForeignDeaths bool
}

// itemNotes are what a queue notes of an item, in one byte: an item has forty.
type itemNotes uint8

const (
	isFromGet    itemNotes = 1 << iota // it is out by Get, in a quorum queue
	isPersistent                       // the message is; noted when the item goes out
)

// Item is a message's place in one queue.
type Item struct {
	Msg *Message
	// Seq is the position: it orders the queue, and a returned item goes back
	// to where it was (BASIC-58).
	Seq uint64
	// Deadline is when the item expires, in microseconds since 1970; 0 is
	// never.
	Deadline int64
	// Returns is how often a quorum queue has got the item back, as its delivery
	// limit and x-delivery-count count it (QUEUE-94).
	Returns uint32
	// Acquired is how often it was out before, where that is counted on its own:
	// where Env.CountFailures. It is x-acquired-count.
	Acquired uint32
	// size is the body's, noted when the item goes out.
	size uint32
	// Redelivered says that the item was out with a client before (BASIC-59).
	Redelivered bool
	// Stored says that the store has the item.
	Stored bool
	notes  itemNotes
	// level is the priority level of whose log it is, while the message is not in memory.
	level uint8
}
