package topology

import (
	"errors"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/stream"
)

// What is refused of streams, and with which text (STREAM-1 to STREAM-41).

// Log is what is known of a stream's log; false for what is no stream.
func (q *Queue) Log() (stream.Info, bool) {
	s, ok := q.Queue.(*stream.Stream)
	if !ok {
		return stream.Info{}, false
	}
	return s.Info(), true
}

// DeclaredCounts are the numbers of queue.declare-ok: without consumers that wait for
// the active one, and with those who have fetched from a quorum queue (QUEUE-5). A
// stream tells of no consumers (STREAM-10).
func (q *Queue) DeclaredCounts() (messages, consumers uint32) {
	n := q.Counts()
	if _, ok := q.Queue.(*stream.Stream); ok {
		return uint32(n.Ready), 0
	}
	return uint32(n.Ready), uint32(n.Consumers - n.Waiting + n.OutByGet)
}

// StreamStart is where a consumer in Go begins, as an argument of basic.consume: nil is
// the default, a time.Time a timestamp.
func StreamStart(at any) any {
	switch at := at.(type) {
	case time.Time:
		return amqp.Timestamp(max(at.Unix(), 0))
	case int:
		return int64(at)
	case uint64:
		return int64(at)
	}
	return at
}

// checkStreamConsumer refuses a consumer of a stream for what it is besides its
// arguments.
func (qu *queueUse) checkStreamConsumer(q *Queue, c *ConsumerRequest) error {
	resource := refusal.QueueText(q.Name, qu.Name)
	streams, unset := "stream queues "+resource, "'"+resource+"'"
	if qu.profile.NewStreamTexts { // STREAM-41: the texts of 4.0
		streams = "stream " + resource
		unset = streams
	}
	switch {
	case c.GlobalPrefetch: // STREAM-24: no channel-wide prefetch
		return amqp.Errorf(amqp.NotImplemented, "%s does not support global qos", resource)
	case c.Prefetch <= 0: // STREAM-22: 406 without a prefetch
		return amqp.Errorf(amqp.PreconditionFailed, "consumer prefetch count is not set for %s", unset)
	case c.NoAck: // STREAM-23: 540 without acks
		return amqp.Errorf(amqp.NotImplemented, "automatic acknowledgement not supported by %s", streams)
	}
	_, err := stream.OffsetOf(c.Args)
	if err == nil {
		return nil
	}
	v, _ := c.Args.Get(stream.OffsetArgument)
	detail := "{" + amqp.TypeName(v) + "," + amqp.FormatTerm(v) + "}"
	_, isText := v.(string)
	if errors.Is(err, stream.ErrOffsetType) && !(isText && qu.profile.StrictStreams) { // STREAM-29: 541 for a wrong type
		return amqp.NewInternalError()
	}
	return amqp.Errorf(amqp.PreconditionFailed, "invalid arg '%s' for %s: {invalid_stream_offset_arg,%s}",
		stream.OffsetArgument, resource, detail)
}

// notForStreams refuses what streams cannot do (STREAM-12).
func (qu *queueUse) notForStreams(q *Queue, method string) error {
	if _, ok := q.Queue.(*stream.Stream); !ok {
		return nil
	}
	return amqp.Errorf(amqp.NotImplemented, "%s not supported by stream queues %s", method, refusal.QueueText(q.Name, qu.Name))
}

// CheckPurge refuses queue.purge for queues that do not know it.
func (qu *queueUse) CheckPurge(q *Queue) error { return qu.notForStreams(q, "queue.purge") }

// PeekStream returns up to limit messages of a stream, beginning where a consumer in Go
// would begin.
func (qu *queueUse) PeekStream(q *Queue, at any, limit int) ([]queue.Item, error) {
	s, ok := q.Queue.(*stream.Stream)
	if !ok {
		return nil, amqp.Errorf(amqp.PreconditionFailed, "%s is no stream", refusal.QueueText(q.Name, qu.Name))
	}
	var args amqp.Table
	if at != nil {
		args = amqp.Table{{Key: stream.OffsetArgument, Value: StreamStart(at)}}
	}
	from, err := stream.OffsetOf(args)
	if err != nil {
		return nil, amqp.Errorf(amqp.PreconditionFailed, "%v is no offset of a stream", at)
	}
	return s.PeekFrom(from, limit)
}
