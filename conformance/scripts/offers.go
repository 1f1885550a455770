// What a broker need not have: a script that is about it asks first, and ends as
// not offered where the broker refuses it as unknown.

package scripts

import (
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// NeedsQueueType ends the script as NotOffered if the broker has no queues of
// this type: it refuses the argument x-queue-type (QUEUE-39), or says that such a
// queue is not implemented. The broker is asked once in a run.
func (t *T) NeedsQueueType(kind string) {
	r := t.runner
	r.offersMu.Lock()
	defer r.offersMu.Unlock()
	if _, known := r.offers[kind]; !known {
		r.offers[kind] = t.lacksQueueType(kind)
	}
	if missing := r.offers[kind]; missing != "" {
		t.NotOffered(missing)
	}
}

// lacksQueueType says why there are no queues of a type; it is empty if there are.
func (t *T) lacksQueueType(kind string) string {
	conn := t.Dial(amqp.Config{})
	err := declareQueue(t.QueueName(), amqp.Table{"x-queue-type": kind})(conn.Open())
	refusal, refused := err.(*amqp.Error)
	switch {
	case refused && refusal.Code == amqp.NotImplemented,
		refused && refusal.Code == amqp.PreconditionFailed && strings.Contains(refusal.Reason, "x-queue-type"):
		return "there are no " + kind + " queues: " + refusal.Reason
	}
	t.OK(err, "declare a "+kind+" queue")
	return ""
}
