package topology

import (
	"errors"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/queue"
)

// A ConsumerRequest is a consumer as it is asked for.
type ConsumerRequest struct {
	Args amqp.Table
	// Prefetch is the consumer's own limit; GlobalPrefetch says that the channel has
	// one as well.
	Prefetch       int
	GlobalPrefetch bool
	NoAck          bool
}

// A queueUse says what may be done with the queues of a virtual host.
type queueUse struct {
	*names
	fault func(queue string, err error) // told of messages that cannot be read
}

// Subscribe registers a consumer with its queue, or says why that is refused.
func (qu *queueUse) Subscribe(q *Queue, s *queue.Subscription) error {
	switch err := q.Subscribe(s); {
	case errors.Is(err, queue.ErrExclusive): // BASIC-29: 403 beside an exclusive consumer
		return amqp.Errorf(amqp.AccessRefused, "%s in exclusive use", refusal.QueueText(q.Name, qu.Name))
	case err != nil && !errors.Is(err, queue.ErrDeleted): // a stream that cannot be read
		qu.fault(q.Name, err)
		return amqp.NewInternalError()
	case err != nil:
		return refusal.NoQueue(q.Name, qu.Name)
	}
	return nil
}

// CheckGet refuses basic.get for queues that do not know it: streams, and quorum queues
// with a single active consumer (QUEUE-97).
func (qu *queueUse) CheckGet(q *Queue) error {
	if err := qu.notForStreams(q, "basic.get"); err != nil {
		return err
	}
	if q.Quorum() && q.SingleActive() {
		kind := profile.QuorumQueue.Name
		if qu.profile.TermForType {
			kind = amqp.FormatTerm(kind)
		}
		return amqp.Errorf(amqp.ResourceLocked, "cannot obtain access to locked %s. basic.get operations are not supported "+
			"by %s queues with single active consumer", refusal.QueueText(q.Name, qu.Name), kind)
	}
	return nil
}

// CheckConsume reports whether a queue takes such a consumer, and returns its priority.
func (qu *queueUse) CheckConsume(q *Queue, c ConsumerRequest) (priority int64, err error) {
	resource := refusal.QueueText(q.Name, qu.Name)
	if q.Quorum() && c.GlobalPrefetch { // QUEUE-95: not under a channel-wide prefetch
		return 0, amqp.Errorf(amqp.NotImplemented, "%s does not support global qos", resource)
	}
	kind := profile.QueueTypeOf(q.Args)
	priority, err = qu.profile.CheckConsumeArguments(c.Args, kind, resource) // BASIC-32: 406 for a wrong type
	if err == nil && kind == &profile.StreamQueue {
		err = qu.checkStreamConsumer(q, &c)
	}
	return priority, err
}
