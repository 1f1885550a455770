package topology

import "github.com/rabbetmq/rabbet/amqp"

// Texts that name a queue or an exchange (ERR-5), and the refusals that are made
// of nothing else.

func QueueText(name, vhost string) string {
	return "queue '" + name + "' in vhost '" + vhost + "'"
}

func ExchangeText(name, vhost string) string {
	return "exchange '" + name + "' in vhost '" + vhost + "'"
}

func NoQueue(name, vhost string) *amqp.Error {
	return amqp.Errorf(amqp.NotFound, "no %s", QueueText(name, vhost))
}

func NoExchange(name, vhost string) *amqp.Error {
	return amqp.Errorf(amqp.NotFound, "no %s", ExchangeText(name, vhost))
}

// errLocked is QUEUE-18: another connection owns the queue.
func errLocked(name, vhost string) *amqp.Error {
	return amqp.Errorf(amqp.ResourceLocked, "cannot obtain exclusive access to locked %s. It could be originally "+
		"declared on another connection or the exclusive property value does not match that of the original "+
		"declaration.", QueueText(name, vhost))
}

// errDefaultExchange is EXCH-4.
func errDefaultExchange() error {
	return amqp.Errorf(amqp.AccessRefused, "operation not permitted on the default exchange")
}

// errInequivalent is the refusal of a redeclaration that differs.
func errInequivalent(field, resource, received, current string) error {
	return amqp.Errorf(amqp.PreconditionFailed, "inequivalent arg '%s' for %s: received '%s' but current is '%s'",
		field, resource, received, current)
}
