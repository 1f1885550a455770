package ledger

import (
	"time"

	"github.com/rabbetmq/rabbet/amqp"
)

// A Publication is one publish: a client's, the test's, or that of a dead letter.
type Publication struct {
	// ID numbers the publications of a broker from 1, in their order.
	ID   uint64
	Time time.Time
	// Connection is what the client's connection calls itself, Peer its address;
	// both are "" where no client has published. Channel is the channel on it.
	Connection, Peer, User string
	Channel                uint16

	VHost, Exchange, Key string
	Properties           amqp.Properties
	Body                 []byte
	Mandatory            bool

	// Routes are the queues that it was routed to, the pseudo-queue of a direct
	// reply included, and its state in each.
	Routes []Route
	// Delays are the delayed exchanges that it has come to.
	Delays []Postponement
	// BodySize is how long the body is, of which a ledger may keep less.
	BodySize int
	// Returned says that it went back to the publisher (BASIC-3).
	Returned bool
	// Confirm is what the publisher was told of it, Tx the transaction's outcome.
	Confirm ConfirmState
	// Told is when, and zero before.
	Told time.Time
	Tx   TxState
	// Err is what the broker refused the publish for; nil if it did not.
	Err error
	// Fault is what a fault did to it, such as "nack"; usually "".
	Fault string
	// Change orders the publications of a ledger by what has happened to them last.
	Change uint64

	// Of is the publication that a dead letter is of, 0 for what is none. It left
	// the queue DeadFrom for the reason Reason: rejected, expired, maxlen or
	// delivery_limit. That of a strict delayed exchange has left none, and its
	// reason is unroutable.
	Of               uint64
	DeadFrom, Reason string
}

// ConfirmState is what a publisher was told.
type ConfirmState string

// The states. A publish on a channel without confirms has none.
const (
	NotConfirmed ConfirmState = ""
	Awaited      ConfirmState = "awaited"
	Confirmed    ConfirmState = "confirmed"
	Nacked       ConfirmState = "nacked"
)

// TxState is the outcome of the transaction that a publish was made in.
type TxState string

// The states. A publish outside of transactions has none.
const (
	NoTx       TxState = ""
	TxOpen     TxState = "open"
	Committed  TxState = "committed"
	RolledBack TxState = "rolled back"
)

// A Route is the history of a publication in one queue.
type Route struct {
	Queue string
	State RouteState
	// Changed is when it came to that state.
	Changed time.Time
	// Deliveries are those that were made, redeliveries included; Earlier is how many
	// came before them that the ledger has not kept.
	Deliveries []Attempt
	Earlier    int
	// DeadLetter is the publication as which it went on from here, or 0.
	DeadLetter uint64
}

// A Postponement is the history of a publication in one delayed exchange.
type Postponement struct {
	Exchange string
	// State is Waiting until it is due, and then Due; or else Cancelled, Purged,
	// GoneWithIt, Undone or Lost. Ended is when it came to be other than Waiting.
	State RouteState
	Ended time.Time
	// DeadLetter is the publication as which it went on when it was due and found
	// no queue, or 0.
	DeadLetter uint64
}

// RouteState is where a publication is in a queue or a delayed exchange, or how
// it left.
type RouteState string

// The states.
const (
	Waiting    RouteState = "waiting"       // ready, or not in the queue yet
	Out        RouteState = "out"           // delivered, not acknowledged
	Acked      RouteState = "acked"         // or delivered without acknowledgement
	Rejected   RouteState = "rejected"      // for good
	Expired    RouteState = "expired"       // its time to live has passed
	Dropped    RouteState = "dropped"       // for the queue's limit (QUEUE-62)
	Refused    RouteState = "refused"       // for the queue's limit (QUEUE-65)
	GivenUp    RouteState = "given up"      // for the queue's delivery limit (QUEUE-92)
	Repeated   RouteState = "repeated"      // the queue had its like and did not take it (DEDUP-9)
	Due        RouteState = "due"           // its delay has passed: the routes are where it went
	Cancelled  RouteState = "cancelled"     // its delay was
	Purged     RouteState = "purged"        // by queue.purge, or from Go
	GoneWithIt RouteState = "gone with it"  // the queue or exchange was deleted
	Lost       RouteState = "lost"          // the broker was restarted
	Undone     RouteState = "not committed" // its transaction was rolled back
)

// An Attempt is one delivery.
type Attempt struct {
	Time time.Time
	// Connection, Peer and Channel are those of the client, and zero for a consumer
	// of the test's. Consumer is the consumer tag, "" for basic.get.
	Connection, Peer, Consumer string
	Channel                    uint16
	Redelivered                bool
	// State is Out, Acked, Rejected, or Waiting for one that was given back.
	// Settled is when it came to be other than Out, and zero before.
	State   RouteState
	Settled time.Time
	// Fault is what a fault did to it; usually "".
	Fault string
}
