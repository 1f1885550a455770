// Package refusal is what a broker says when it refuses: the texts that more than one of its
// parts needs, and the failures that end a connection before AMQP can say why.
package refusal

import (
	"fmt"

	"github.com/rabbetmq/rabbet/amqp"
)

// QueueText is how error texts name a queue (ERR-5: the resource with its virtual host).
func QueueText(name, vhost string) string {
	return "queue '" + name + "' in vhost '" + vhost + "'"
}

// ExchangeText is how error texts name an exchange (ERR-5: the resource with its virtual host).
func ExchangeText(name, vhost string) string {
	return "exchange '" + name + "' in vhost '" + vhost + "'"
}

// NoQueue refuses what names a queue that does not exist.
func NoQueue(name, vhost string) *amqp.Error {
	return amqp.Errorf(amqp.NotFound, "no %s", QueueText(name, vhost))
}

// NoExchange refuses what names an exchange that does not exist.
func NoExchange(name, vhost string) *amqp.Error {
	return amqp.Errorf(amqp.NotFound, "no %s", ExchangeText(name, vhost))
}

// Locked refuses the use of another connection's exclusive queue (QUEUE-18).
func Locked(name, vhost string) *amqp.Error {
	return amqp.Errorf(amqp.ResourceLocked, "cannot obtain exclusive access to locked %s. It could be originally "+
		"declared on another connection or the exclusive property value does not match that of the original "+
		"declaration.", QueueText(name, vhost))
}

// DefaultExchange refuses what nobody may do with the default exchange (EXCH-4: neither
// declare nor delete it, neither bind nor unbind).
func DefaultExchange() error {
	return amqp.Errorf(amqp.AccessRefused, "operation not permitted on the default exchange")
}

// Inequivalent refuses a redeclaration that differs.
func Inequivalent(field, resource, received, current string) error {
	return amqp.Errorf(amqp.PreconditionFailed, "inequivalent arg '%s' for %s: received '%s' but current is '%s'",
		field, resource, received, current)
}

// WithoutMethod is a refusal for which no method is to blame (ERR-2: class and method of the
// close are 0).
func WithoutMethod(code amqp.ReplyCode, format string, args ...any) *amqp.Error {
	e := amqp.Errorf(code, format, args...)
	e.NoMethod = true
	return e
}

// A Silent failure ends a connection without connection.close: the reason is logged, the
// socket dropped after some seconds, or now.
type Silent struct {
	Reason string
	Now    bool
}

func (e *Silent) Error() string { return e.Reason }

// Silently drops the socket after some seconds.
func Silently(format string, args ...any) error {
	return &Silent{Reason: fmt.Sprintf(format, args...)}
}

// DropNow drops the socket at once.
func DropNow(format string, args ...any) error {
	return &Silent{Reason: fmt.Sprintf(format, args...), Now: true}
}
