package tap

import (
	"time"

	"github.com/rabbetmq/rabbet/queue"
)

// An EventKind is what an Event tells.
type EventKind uint8

// The kinds of events. ID names the publication in all but EventConfirmed and
// EventNacked.
const (
	// EventPublished is a publish: a client's, a Go program's (without a Peer), or
	// that of a dead letter (with Of). Msg, VHost, Channel, Queues, Later,
	// Requester, Mandatory, Returned, Tx, Seq, Act and Err tell of it.
	EventPublished EventKind = iota
	// EventConfirmed and EventNacked are the confirms of the publishes Seq to To of
	// the Channel of the Peer.
	EventConfirmed
	EventNacked
	// EventCommitted and EventRolledBack end a publish with Tx. Rolled back, it does
	// not get to the delayed exchanges Later; what it was given to at once has it.
	EventCommitted
	EventRolledBack
	// EventRefused is a publish that the full Queue has rejected (QUEUE-65).
	EventRefused
	// EventDelivered is a delivery from the Queue to the consumer ConsumerTag, with
	// NoAck, Redelivered and Act. basic.get has no ConsumerTag.
	EventDelivered
	// EventAcked, EventRequeued and EventRejected end a delivery from the Queue.
	EventAcked
	EventRequeued
	EventRejected
	// EventGone is the end of a message in the Queue for a Reason other than a
	// rejection.
	EventGone
	// EventDue is the end of a delay: the delayed exchange Exchange has routed the
	// message to Queues.
	EventDue
	// EventCancelled is the end of a delay in Exchange that comes to nothing, for a
	// Reason: cancelled, purged, or deleted with the exchange.
	EventCancelled
)

// An Event is something that has happened to a message.
type Event struct {
	Kind EventKind
	ID   uint64
	Time time.Time
	// Peer is the connection that did it, nil if none did, and Channel the number
	// of the channel on it.
	Peer    *Peer
	Channel uint16

	// Msg is the message as its queues get it. It must not be changed.
	Msg   *queue.Message
	VHost string
	// Queues are those that the message was routed to. Requester is the
	// pseudo-queue that a direct reply goes to; Later are the delayed exchanges that
	// keep it.
	Queues, Later []string
	Requester     string
	Mandatory     bool
	// Returned says that the message goes back to the publisher, with the commit if
	// it is part of a transaction (BASIC-3).
	Returned bool
	// Tx says that the publish waits for a commit.
	Tx bool
	// Seq is the publish's number on a channel that confirms, or 0.
	Seq, To uint64
	// Of is the publication that a dead letter is of.
	Of uint64
	// Act is what the verdict was.
	Act Act
	// Err is why a publish was refused, which Msg was not handed on for.
	Err error

	Queue, Exchange, ConsumerTag string
	NoAck, Redelivered           bool
	// Reason is why the message has left the queue or, of a dead letter, died.
	Reason queue.Reason
}
