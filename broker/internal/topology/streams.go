package topology

import (
	"errors"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/stream"
)

// What is refused of streams, and with which text (STREAM-1 to STREAM-41).

// checkStream checks those arguments of a new stream that RabbitMQ looks at last
// (STREAM-6, STREAM-7).
func (p *Profile) checkStream(args amqp.Table) error {
	if v, ok := args.Get("x-stream-max-segment-size-bytes"); ok {
		if n, _ := amqp.AsInt(v); n > stream.MaxSegmentBytes {
			return amqp.Errorf(amqp.PreconditionFailed, "Exceeded max value for x-stream-max-segment-size-bytes")
		}
	}
	v, ok := args.Get("x-stream-filter-size-bytes")
	if !ok {
		return nil
	}
	n, isInt := amqp.AsInt(v)
	switch {
	case isInt && n >= 16 && n <= 255:
		return nil
	case !p.newStreamTexts:
		return amqp.Errorf(amqp.PreconditionFailed, "Invalid value for  x-stream-filter-size-bytes")
	case !isInt:
		return amqp.Errorf(amqp.PreconditionFailed, "Invalid type for x-stream-filter-size-bytes")
	}
	return amqp.Errorf(amqp.PreconditionFailed, "Invalid value for x-stream-filter-size-bytes")
}

// streamSettings are a stream's by its arguments and its policy, which wins
// (STREAM-15).
func (p *Profile) streamSettings(args amqp.Table, policy map[string]any) *queue.Settings {
	value := func(key string) any {
		if v, ok := policy[key]; ok {
			return v
		}
		v, _ := args.Get("x-" + key)
		return v
	}
	s := &queue.Settings{MaxLength: -1, MaxBytes: -1, DeliveryLimit: -1}
	if n, ok := amqp.AsInt(value("max-length-bytes")); ok {
		s.MaxBytes = n
	}
	if text, ok := value("max-age").(string); ok {
		s.MaxAge, _ = stream.ParseAge(text) // checked when it was set
	}
	s.SegmentBytes, _ = amqp.AsInt(value("stream-max-segment-size-bytes"))
	s.FilterBytes, _ = amqp.AsInt(value("stream-filter-size-bytes"))
	s.ConsumerTimeout, _ = amqp.AsInt(value("consumer-timeout"))
	return s
}

// checkStreamConsumer refuses a consumer of a stream for what it is besides its
// arguments.
func (vh *VHost) checkStreamConsumer(q *Queue, c *ConsumerRequest) error {
	resource := QueueText(q.Name, vh.Name)
	streams, unset := "stream queues "+resource, "'"+resource+"'"
	if vh.profile.newStreamTexts { // STREAM-41
		streams = "stream " + resource
		unset = streams
	}
	switch {
	case c.GlobalPrefetch: // STREAM-24
		return amqp.Errorf(amqp.NotImplemented, "%s does not support global qos", resource)
	case c.Prefetch <= 0: // STREAM-22
		return amqp.Errorf(amqp.PreconditionFailed, "consumer prefetch count is not set for %s", unset)
	case c.NoAck: // STREAM-23
		return amqp.Errorf(amqp.NotImplemented, "automatic acknowledgement not supported by %s", streams)
	}
	_, err := stream.OffsetOf(c.Args)
	if err == nil {
		return nil
	}
	v, _ := c.Args.Get(stream.OffsetArgument)
	detail := "{" + amqp.TypeName(v) + "," + amqp.FormatTerm(v) + "}"
	switch {
	case vh.profile.newStreamTexts: // STREAM-41
		return amqp.Errorf(amqp.PreconditionFailed, "failed consuming from stream %s: {invalid_offset_arg,%s}", resource, detail)
	case errors.Is(err, stream.ErrOffsetType): // STREAM-29
		return amqp.NewInternalError()
	}
	return amqp.Errorf(amqp.PreconditionFailed, "invalid arg '%s' for %s: {invalid_stream_offset_arg,%s}",
		stream.OffsetArgument, resource, detail)
}

// notForStreams refuses what streams cannot do (STREAM-12).
func (vh *VHost) notForStreams(q *Queue, method string) error {
	if _, ok := q.Queue.(*stream.Stream); !ok {
		return nil
	}
	return amqp.Errorf(amqp.NotImplemented, "%s not supported by stream queues %s", method, QueueText(q.Name, vh.Name))
}

// CheckPurge refuses queue.purge for queues that do not know it.
func (vh *VHost) CheckPurge(q *Queue) error { return vh.notForStreams(q, "queue.purge") }

// DeclaredCounts are the numbers of queue.declare-ok: without consumers that wait for
// the active one, and with those who have fetched from a quorum queue (QUEUE-5). A
// stream tells of no consumers (STREAM-10).
func (q *Queue) DeclaredCounts() (messages, consumers uint32) {
	n := q.Counts()
	if _, ok := q.Queue.(*stream.Stream); ok {
		return uint32(n.Ready), 0
	}
	return uint32(n.Ready), uint32(n.Consumers - n.Waiting + n.Fetches)
}

// PeekStream returns up to limit messages of a stream, beginning where a consumer in Go
// would begin.
func (vh *VHost) PeekStream(q *Queue, at any, limit int) ([]queue.Item, error) {
	s, ok := q.Queue.(*stream.Stream)
	if !ok {
		return nil, amqp.Errorf(amqp.PreconditionFailed, "%s is no stream", QueueText(q.Name, vh.Name))
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

// dropStreams drops the logs of streams that have no record.
func (r *recovery) dropStreams() error {
	last, err := stream.DropUnknown(r.env.Store, func(id uint64) bool { return r.queues[id] != nil })
	r.given(last)
	return err
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
