package broker

import (
	"errors"
	"fmt"

	"github.com/rabbetmq/rabbet/amqp"
)

// This file is the error model: what a failure breaks, and the reply code and
// text that a client reads.

// An Error is a refusal as AMQP tells it: a reply code and RabbitMQ's text.
type Error struct {
	// Code decides what closes: the channel or the connection (ERR-1).
	Code amqp.ReplyCode
	// Text is the reply text without the code's name in front.
	Text string
	// blame is the method at fault where that is not the one at hand.
	blame amqp.MethodID
	// blameless clears class and method in the close (ERR-2).
	blameless bool
	// bare leaves the text as it is: no code name in front (ERR-4).
	bare bool
	// fatal says that nothing more is read, soon that the socket is dropped
	// after dropDelay if the client does not answer.
	fatal, soon bool
	// breaks is what closes, where that is not the code's to say.
	breaks extent
}

// An extent is what an error breaks.
type extent uint8

const (
	breaksByCode extent = iota // ERR-1
	breaksChannel
	breaksConnection
)

// hard tells whether the connection closes.
func (e *Error) hard() bool {
	return e.breaks == breaksConnection || e.breaks == breaksByCode && e.Code.Hard()
}

// Error is the reply text as a client reads it, at most 255 bytes (ERR-3).
func (e *Error) Error() string {
	text := e.Text
	if !e.bare {
		text = e.Code.String() + " - " + e.Text
	}
	if len(text) > 255 {
		text = text[:252] + "..."
	}
	return text
}

func refuse(code amqp.ReplyCode, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// refuseFrame is a refusal for which no method is to blame (ERR-2).
func refuseFrame(code amqp.ReplyCode, format string, args ...any) *Error {
	e := refuse(code, format, args...)
	e.blameless = true
	return e
}

// errInternal is what RabbitMQ shows of a crash (ERR-4).
func errInternal() *Error {
	return &Error{Code: amqp.InternalError, Text: "INTERNAL_ERROR", blameless: true, bare: true}
}

// A silentError ends a connection without connection.close: the reason is
// logged, the socket dropped after some seconds, or now.
type silentError struct {
	reason string
	now    bool
}

func (e *silentError) Error() string { return e.reason }

func silently(format string, args ...any) error {
	return &silentError{reason: fmt.Sprintf(format, args...)}
}

func dropNow(format string, args ...any) error {
	return &silentError{reason: fmt.Sprintf(format, args...), now: true}
}

// Resource texts (ERR-5).

func queueText(name, vhost string) string {
	return "queue '" + name + "' in vhost '" + vhost + "'"
}

func exchangeText(name, vhost string) string {
	return "exchange '" + name + "' in vhost '" + vhost + "'"
}

func errNoQueue(name, vhost string) *Error {
	return refuse(amqp.NotFound, "no %s", queueText(name, vhost))
}

func errNoExchange(name, vhost string) *Error {
	return refuse(amqp.NotFound, "no %s", exchangeText(name, vhost))
}

// errLocked is QUEUE-18.
func errLocked(name, vhost string) *Error {
	return refuse(amqp.ResourceLocked, "cannot obtain exclusive access to locked %s. It could be originally "+
		"declared on another connection or the exclusive property value does not match that of the original "+
		"declaration.", queueText(name, vhost))
}

// asError turns what a handler returned into a refusal: its own, or an
// internal error.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return errInternal()
}

// blamed is the method that the close names (ERR-2), given the one at hand.
func (e *Error) blamed(current amqp.MethodID) amqp.MethodID {
	switch {
	case e.blameless:
		return 0
	case e.blame != 0:
		return e.blame
	}
	return current
}
