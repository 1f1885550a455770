package topology

import (
	"errors"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/queue"
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
		kind := profile.QuorumQueue.Name
		if vh.profile.TermForType {
			kind = amqp.FormatTerm(kind)
		}
		return amqp.Errorf(amqp.ResourceLocked, "cannot obtain access to locked %s. basic.get operations are not supported "+
			"by %s queues with single active consumer", QueueText(q.Name, vh.Name), kind)
	}
	return nil
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
	kind := profile.QueueTypeOf(q.Args)
	priority, err = vh.profile.CheckConsumeArguments(c.Args, kind, resource) // BASIC-32
	if err == nil && kind == &profile.StreamQueue {
		err = vh.checkStreamConsumer(q, &c)
	}
	return priority, err
}
