package brokertest

import (
	"slices"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/ledger"
	"github.com/rabbetmq/rabbet/broker/tap"
)

func anyCall(string) bool { return true }

func only(methods ...string) func(string) bool {
	return func(m string) bool { return slices.Contains(methods, m) }
}

// onChannel are the calls that are made on a channel.
func onChannel(method string) bool {
	return method != tap.CallConnect && method != tap.CallLogin && !strings.HasPrefix(method, "connection.")
}

func action(act tap.Act, allowed func(string) bool) Action {
	return Action{name: ledger.ActName(act), verdict: tap.Verdict{Act: act}, allowed: allowed}
}

// Delay makes a call wait, and what comes after it on the connection, then handles
// it as usual. The wait is on the broker's clock. Of "deliver" and "confirm" it
// holds up all that the connection is sent, heartbeats too: a client that waits
// for too long will close it.
func Delay(d time.Duration) Action { return Action{name: "delay", allowed: anyCall}.After(d) }

// Swallow makes nothing of a call and answers nothing. A publish is gone, and
// never confirmed. A delivery does not reach the client, which holds it
// nevertheless; a confirm is never sent.
func Swallow() Action { return action(tap.ActSwallow, anyCall) }

// Nack nacks a publish, which reaches no queue; without publisher confirms it is
// just lost, and a transaction that it is in fails when it is committed. On
// "confirm" it nacks a publish that has reached its queues.
func Nack() Action {
	return action(tap.ActNack, only(tap.CallPublish, tap.CallConfirm))
}

// ReturnUnroutable treats a publish as one that finds no queue: it is returned
// with 312 NO_ROUTE if it is mandatory, otherwise gone, and confirmed in any case.
func ReturnUnroutable() Action {
	return action(tap.ActUnroutable, only(tap.CallPublish))
}

// DropConfirm handles a publish and never sends its confirm. Later confirms on
// the channel cover one message each, so that none of them covers this one.
func DropConfirm() Action {
	return action(tap.ActUnconfirmed, only(tap.CallPublish, tap.CallConfirm))
}

// CloseChannel closes the channel with a code and a text instead of handling the
// call, whatever RabbitMQ would use the code for. The text is what the client
// reads, to the letter, such as "NOT_FOUND - no queue 'q' in vhost '/'".
func CloseChannel(code uint16, text string) Action {
	a := action(tap.ActCloseChannel, onChannel)
	a.verdict.Code, a.verdict.Text = code, text
	return a
}

// CloseConnection is CloseChannel for the connection.
func CloseConnection(code uint16, text string) Action {
	a := action(tap.ActCloseConnection, anyCall)
	a.verdict.Code, a.verdict.Text = code, text
	return a
}

// ResetTCP handles the call, then sends half of a frame, of the answer if there
// is one, and resets the connection (ECONNRESET, in memory too). A publish on a
// channel with confirms is reset amidst its confirm, a delivery amidst itself.
func ResetTCP() Action { return action(tap.ActReset, anyCall) }

// Corrupt handles the call and damages the end of a frame that the client gets, of
// the answer, the confirm, or the delivery: the client takes it for a framing
// error. A call without an answer is handled as usual.
func Corrupt() Action { return action(tap.ActDamage, anyCall) }

// CorruptBody changes the first byte of a message's body: of a publish for
// everybody, of a delivery for who gets it.
func CorruptBody() Action {
	return action(tap.ActDamageBody, only(tap.CallPublish, tap.CallDeliver))
}

// DeliverTwice delivers a message a second time at once, as a redelivery with a
// delivery tag of its own. What the client says of the second changes nothing.
func DeliverTwice() Action { return action(tap.ActTwice, only(tap.CallDeliver)) }

// BlockConnection handles the call, tells the client connection.blocked with the
// reason (CONN-78), "low on memory" if it is "", and reads nothing more from the
// connection until the fault is removed.
func BlockConnection(reason string) Action {
	a := action(tap.ActBlock, func(m string) bool { return onChannel(m) && m != tap.CallDeliver })
	if a.verdict.Text = reason; reason == "" {
		a.verdict.Text = broker.MemoryAlarm.String()
	}
	return a
}

// RefuseLogin refuses a login as if the password were wrong (403 ACCESS_REFUSED).
func RefuseLogin() Action {
	a := action(tap.ActRefuse, only(tap.CallLogin))
	a.verdict.Text = "a fault refuses it"
	return a
}
