package profile

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/stream"
)

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
	case !p.NewStreamTexts:
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
