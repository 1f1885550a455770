package tap

import (
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// A Tap is told of everything that happens to messages, and asked about
// everything that clients do. It is for tests and tools. Its functions are called
// from many goroutines at once. They must not call the broker, nor block; a
// Verdict can make the broker wait instead.
type Tap struct {
	// Decide, unless nil, returns the verdict on a call. It is asked by the
	// connection's reader before the call is handled, save that of "deliver" it is
	// asked with the queue locked. The Call is valid until Decide returns.
	Decide func(*Call) Verdict
	// Record, unless nil, is told of events. For EventPublished it returns the
	// number that later events know the publication by, which stays with the
	// message wherever it goes, the store included; 0 asks for none of them. For
	// other events what it returns does not matter.
	Record func(Event) uint64
}

// What a Call is called that is no method of a client's.
const (
	// CallConnect is a connection's first bytes, before it is greeted.
	CallConnect = "connect"
	// CallLogin is a user's attempt to log in: connection.start-ok with
	// credentials that make sense, right or wrong.
	CallLogin = "login"
	// CallDeliver is a delivery to a consumer, direct replies included. It has been
	// taken off the queue; the verdict is about what the client sees of it.
	CallDeliver = "deliver"
	// CallConfirm is the confirm that a publish is going to have: it has been
	// handed to its queues.
	CallConfirm = "confirm"
)

// CallPublish is a publish, asked about once its content is there.
const CallPublish = "basic.publish"

// A Call is something that a client asks for, or that is about to be sent to it.
type Call struct {
	// Method is the method's name, such as basic.publish, or one of the names
	// above.
	Method string
	// Peer is the connection, and Channel the number of the channel on it.
	Peer    *Peer
	Channel uint16
	// Args are the method's arguments; nil for what is no method of a client's.
	Args amqp.Method
	// Exchange, Key, Queue and ConsumerTag are what the call names, "" where it
	// names none. A binding between exchanges names its source.
	Exchange, Key, Queue, ConsumerTag string
	// Msg is the message of a publish, a confirm or a delivery.
	Msg *queue.Message

	// Find, unless nil, finds the queues that the call is about. It is valid as long as
	// the Call is.
	Find func() []string
}

// Queues are the queues that the call is about: of a publish those that it is
// going to reach, of an acknowledgement the delivery's, of a cancellation the
// consumer's.
func (c *Call) Queues() []string {
	switch {
	case c.Find != nil:
		return c.Find()
	case c.Queue != "":
		return []string{c.Queue}
	}
	return nil
}

// A Peer is a connection as a Tap knows it. It is not changed once it is made.
type Peer struct {
	// ID is unique in the broker's life, and from 1.
	ID uint64
	// Addr is the client's address.
	Addr string
	// Name is what the client calls itself (CONN-11). It and User are "" before
	// "login", VHost before connection.open is done.
	Name, User, VHost string
}

// An Act is what a verdict does with a call.
type Act uint8

// The acts. A call that an act makes no sense for is handled as usual.
const (
	// ActPass handles the call as usual.
	ActPass Act = iota
	// ActSwallow makes nothing of the call, and answers nothing. A publish that is
	// to be confirmed keeps its number, a delivery stays unacked.
	ActSwallow
	// ActNack nacks a publish that is not handed to any queue, and fails the
	// transaction that it is in. Of a "confirm" it nacks what the queues have.
	ActNack
	// ActUnroutable treats a publish as one that reaches no queue.
	ActUnroutable
	// ActUnconfirmed handles a publish and never confirms it.
	ActUnconfirmed
	// ActCloseChannel closes the channel with the verdict's code and text.
	ActCloseChannel
	// ActCloseConnection does the same with the connection.
	ActCloseConnection
	// ActRefuse refuses a login (CONN-15, CONN-16).
	ActRefuse
	// ActReset handles the call, sends half of the first frame of its answer, and
	// resets the connection. Half of a heartbeat stands in for an answer that a call
	// does not have.
	ActReset
	// ActDamage handles the call and ends the first frame of its answer with
	// another octet than a frame ends with.
	ActDamage
	// ActDamageBody changes the first byte of a message's body.
	ActDamageBody
	// ActTwice delivers a second time, as a redelivery with a tag of its own.
	ActTwice
	// ActBlock handles the call and blocks the connection from there on, as an
	// alarm does (CONN-79), until the function that Blocked gets is called.
	ActBlock
)

// A Verdict is the decision on a call.
type Verdict struct {
	// Delay makes the connection wait on the broker's clock before anything else of
	// the verdict: its reader or, if the call goes to the client, its writer. The
	// connection's end, and the broker's, cut it short.
	Delay time.Duration
	// Waiting, unless nil, is called when the delay has begun: from then on a clock
	// that is moved counts for it.
	Waiting func()
	Act     Act
	// Code and Text are those that a channel or connection is closed with, the text
	// as the client reads it, or is refused or blocked for.
	Code uint16
	Text string
	// Blocked is called by ActBlock with what lets the connection go on, which may
	// be called at any time, and again.
	Blocked func(release func())
}

// Refusal is the error that ActCloseChannel and ActCloseConnection close with.
func (v *Verdict) Refusal() *amqp.Error {
	e := &amqp.Error{Code: amqp.ReplyCode(v.Code), Text: v.Text, Bare: true, Closes: amqp.ClosesConnection}
	if v.Act == ActCloseChannel {
		e.Closes = amqp.ClosesChannel
	}
	return e
}
