package broker

import (
	"fmt"

	"github.com/rabbetmq/rabbet/amqp"
)

// An Error is a refusal as AMQP tells it: a reply code and RabbitMQ's text.
type Error = amqp.Error

// refuseFrame is a refusal for which no method is to blame (ERR-2).
func refuseFrame(code amqp.ReplyCode, format string, args ...any) *Error {
	e := amqp.Errorf(code, format, args...)
	e.NoMethod = true
	return e
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
