package amqp

import (
	"errors"
	"fmt"
)

// An Error is a refusal as AMQP tells it: a reply code, RabbitMQ's text, and what
// the close that carries them ends and blames.
type Error struct {
	// Code decides what closes: the channel or the connection (ERR-1).
	Code ReplyCode
	// Text is the reply text without the code's name in front.
	Text string
	// Bare leaves Text as it is: no code name in front (ERR-4).
	Bare bool
	// Method is the method at fault, where that is not the one at hand.
	Method MethodID
	// NoMethod clears class and method in the close (ERR-2).
	NoMethod bool
	// Closes is what closes, where that is not the code's to say.
	Closes Extent
	// Fatal says that nothing more of the peer is read; Impatient says that the
	// socket is dropped after some seconds if the peer does not answer the close.
	Fatal, Impatient bool
}

// An Extent is what an Error closes.
type Extent uint8

// The extents. ByCode, the zero value, is the channel or the connection, as the
// reply code says (ERR-1).
const (
	ByCode Extent = iota
	ClosesChannel
	ClosesConnection
)

// maxReplyText is the length in bytes of the longest reply text (ERR-3).
const maxReplyText = 255

// Errorf is an Error with a code and a text.
func Errorf(code ReplyCode, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// NewInternalError is what RabbitMQ shows of a crash (ERR-4).
func NewInternalError() *Error {
	return &Error{Code: InternalError, Text: "INTERNAL_ERROR", NoMethod: true, Bare: true}
}

// AsError is the Error in a chain of errors, or an internal error for a chain
// without one.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return NewInternalError()
}

// Error is the reply text as a client reads it, at most 255 bytes (ERR-3).
func (e *Error) Error() string {
	text := e.Text
	if !e.Bare {
		text = e.Code.String() + " - " + e.Text
	}
	if len(text) > maxReplyText {
		text = text[:maxReplyText-3] + "..."
	}
	return text
}

// Hard reports whether the connection closes, and not just the
// channel.
func (e *Error) Hard() bool {
	return e.Closes == ClosesConnection || e.Closes == ByCode && e.Code.Hard()
}

// Blamed is the method that the close names (ERR-2), given the one at hand; 0 is
// none.
func (e *Error) Blamed(current MethodID) MethodID {
	switch {
	case e.NoMethod:
		return 0
	case e.Method != 0:
		return e.Method
	}
	return current
}
