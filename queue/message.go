package queue

import "github.com/rabbetmq/rabbet/amqp"

// Message is one published message. It is immutable from the moment it is
// handed to a queue and shared by every queue that it reaches.
type Message struct {
	// Exchange and Key are those of the publish, as a delivery repeats them.
	Exchange, Key string
	// Props are the property flags and values as on the wire.
	Props amqp.RawProperties
	// Body is the content; nil and empty are the same.
	Body []byte
}

// Item is a message's place in one queue.
type Item struct {
	Msg *Message
	// Seq is the position: it orders the queue, and a returned item goes back
	// to where it was (BASIC-58).
	Seq uint64
	// Redelivered says that the item was out with a client before (BASIC-59).
	Redelivered bool
}
