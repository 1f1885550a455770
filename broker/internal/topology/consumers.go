package topology

import (
	"errors"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/stream"
)

// Subscribe registers a consumer with its queue, or says why that is refused.
func (vh *VHost) Subscribe(q *Queue, s *queue.Subscription) error {
	switch err := q.Subscribe(s); {
	case errors.Is(err, queue.ErrExclusive): // BASIC-29
		return amqp.Errorf(amqp.AccessRefused, "%s in exclusive use", QueueText(q.Name, vh.Name))
	case err != nil && !errors.Is(err, queue.ErrDeleted): // a stream that cannot be read
		vh.fault(q.Name, err)
		return amqp.NewInternalError()
	case err != nil:
		return NoQueue(q.Name, vh.Name)
	}
	return nil
}

// CheckGet refuses basic.get for queues that do not know it: streams, and quorum queues
// with a single active consumer (QUEUE-97).
func (vh *VHost) CheckGet(q *Queue) error {
	if err := vh.notForStreams(q, "basic.get"); err != nil {
		return err
	}
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
	of    []*queueType // the types that take it
	check argumentCheck
}

// checkInteger is QUEUE-30 for a value that is all the same.
func checkInteger(v any, _ amqp.Table) string {
	_, detail := integer(v)
	return detail
}

// consumeArguments are those that this version knows.
func (f *facts) consumeArguments() []consumeArgument {
	withTurns, streams := []*queueType{&classicQueue, &quorumQueue}, []*queueType{&streamQueue}
	list := []consumeArgument{
		{"x-priority", withTurns, checkInteger}, // STREAM-25: no stream takes it
		{stream.OffsetArgument, streams, anything},
		{stream.FilterArgument, streams, anything},
		{stream.UnfilteredArgument, streams, anything},
	}
	if f.mirroring {
		list = append(list, consumeArgument{"x-cancel-on-ha-failover", []*queueType{&classicQueue}, boolean})
	}
	if f.quorumRetries {
		list = append(list, consumeArgument{"x-consumer-timeout", []*queueType{&quorumQueue}, notNegative})
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
		if !slices.Contains(a.of, kind) {
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

// A ConsumerRequest is a consumer as it is asked for.
type ConsumerRequest struct {
	Args amqp.Table
	// Prefetch is the consumer's own limit; GlobalPrefetch says that the channel has
	// one as well.
	Prefetch       int
	GlobalPrefetch bool
	NoAck          bool
}

// CheckConsume says whether a queue takes such a consumer, and returns its priority.
func (vh *VHost) CheckConsume(q *Queue, c ConsumerRequest) (priority int64, err error) {
	resource := QueueText(q.Name, vh.Name)
	if q.Quorum() && c.GlobalPrefetch { // QUEUE-95
		return 0, amqp.Errorf(amqp.NotImplemented, "%s does not support global qos", resource)
	}
	kind := queueTypeOf(q.Args)
	priority, err = vh.profile.checkConsumeArguments(c.Args, kind, resource) // BASIC-32
	if err == nil && kind == &streamQueue {
		err = vh.checkStreamConsumer(q, &c)
	}
	return priority, err
}

// ConsumerTimeout is a consumer's own acknowledgement timeout; 0 is none.
func ConsumerTimeout(args amqp.Table) time.Duration {
	v, _ := args.Get("x-consumer-timeout")
	ms, _ := amqp.AsInt(v)
	return time.Duration(min(max(ms, 0), maxMillis)) * time.Millisecond
}
