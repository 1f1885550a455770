package topology

import (
	"errors"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// Subscribe registers a consumer with its queue, or says why that is refused.
func (vh *VHost) Subscribe(q *Queue, s *queue.Subscription) error {
	switch err := q.Subscribe(s); {
	case errors.Is(err, queue.ErrExclusive): // BASIC-29
		return amqp.Errorf(amqp.AccessRefused, "%s in exclusive use", QueueText(q.Name, vh.Name))
	case err != nil:
		return NoQueue(q.Name, vh.Name)
	}
	return nil
}

// CheckGet is QUEUE-97.
func (vh *VHost) CheckGet(q *Queue) error {
	if q.Quorum() && q.SingleActive() {
		kind := quorumQueue.name
		if vh.profile.termForType {
			kind = amqp.FormatTerm(kind)
		}
		return amqp.Errorf(amqp.ResourceLocked, "cannot obtain access to locked %s. basic.get operations are not supported "+
			"by %s queues with single active consumer", QueueText(q.Name, vh.Name), kind)
	}
	return nil
}

// A consumeArgument is an argument of basic.consume.
type consumeArgument struct {
	name  string
	of    *queueType // the only type that takes it; nil for all
	check argumentCheck
}

// checkInteger is QUEUE-30 for a value that is all the same.
func checkInteger(v any, _ amqp.Table) string {
	_, detail := integer(v)
	return detail
}

// consumeArguments are those that this version knows.
func (f *facts) consumeArguments() []consumeArgument {
	list := []consumeArgument{{"x-priority", nil, checkInteger}, {"x-stream-offset", &streamQueue, anything}}
	if f.mirroring {
		list = append(list, consumeArgument{"x-cancel-on-ha-failover", &classicQueue, boolean})
	}
	if f.quorumRetries {
		list = append(list, consumeArgument{"x-consumer-timeout", &quorumQueue, notNegative})
	}
	return list
}

// checkConsumeArguments is BASIC-32. What the type of the queue does not know is refused
// whatever its value, the first one is told.
func (p *Profile) checkConsumeArguments(args amqp.Table, kind *queueType, resource string) (priority int64, err error) {
	if len(args) == 0 {
		return 0, nil
	}
	foreign := map[string]bool{}
	for _, a := range p.ofConsumers {
		if a.of != nil && a.of != kind {
			foreign[a.name] = true
		} else if v, ok := args.Get(a.name); ok {
			if detail := a.check(v, args); detail != "" {
				return 0, amqp.Errorf(amqp.PreconditionFailed, "invalid arg '%s' for %s: %s", a.name, resource, detail)
			}
		}
	}
	for _, f := range args {
		if foreign[f.Key] {
			return 0, amqp.Errorf(amqp.PreconditionFailed, "invalid arg '%s' for %s of queue type %s", f.Key, resource, kind.module)
		}
	}
	v, _ := args.Get("x-priority")
	priority, _ = amqp.AsInt(v)
	return priority, nil
}

// CheckConsume checks the arguments of basic.consume on a queue, and returns the
// consumer's priority (BASIC-32).
func (vh *VHost) CheckConsume(q *Queue, args amqp.Table) (priority int64, err error) {
	return vh.profile.checkConsumeArguments(args, queueTypeOf(q.Args), QueueText(q.Name, vh.Name))
}

// ConsumerTimeout is a consumer's own acknowledgement timeout; 0 is none.
func ConsumerTimeout(args amqp.Table) time.Duration {
	v, _ := args.Get("x-consumer-timeout")
	ms, _ := amqp.AsInt(v)
	return time.Duration(min(max(ms, 0), maxMillis)) * time.Millisecond
}
