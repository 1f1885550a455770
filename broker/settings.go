package broker

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// This file makes a queue's settings out of its arguments, which have been
// checked.

// settingsOf is nil for a queue with no optional feature: such a queue pays
// nothing for them.
func settingsOf(args amqp.Table) *queue.Settings {
	s := &queue.Settings{MaxLength: -1, MaxBytes: -1}
	found := false
	number := func(name string, field *int64, add int64) {
		if v, ok := args.Get(name); ok {
			n, _ := amqp.AsInt(v)
			*field, found = n+add, true
		}
	}
	number("x-message-ttl", &s.TTL, 1)
	number("x-expires", &s.Expires, 0)
	number("x-max-length", &s.MaxLength, 0)
	number("x-max-length-bytes", &s.MaxBytes, 0)
	if v, ok := args.Get("x-dead-letter-exchange"); ok {
		s.DeadLetterExchange, s.DeadLetter = v.(string)
		found = true
	}
	if v, ok := args.Get("x-dead-letter-routing-key"); ok {
		s.DeadLetterKey, s.HasDeadLetterKey = v.(string)
		s.DeadLetterKey = s.DeadLetterKey[:min(len(s.DeadLetterKey), maxName)] // a delivery has no room for more
	}
	if v, ok := args.Get("x-single-active-consumer"); ok && v == true {
		s.SingleActive, found = true, true
	}
	if v, ok := args.Get("x-overflow"); ok {
		s.Overflow = overflows[v.(string)]
	}
	if v, ok := args.Get("x-queue-mode"); ok && v == "lazy" {
		s.Lazy, found = true, true
	}
	if !found {
		return nil
	}
	return s
}

var overflows = map[string]queue.Overflow{
	"drop-head":          queue.DropHead,
	"reject-publish":     queue.RejectPublish,
	"reject-publish-dlx": queue.RejectPublishDLX,
}

// maxPriority is x-max-priority, 0 if absent (QUEUE-87).
func maxPriority(args amqp.Table) uint8 {
	v, _ := args.Get("x-max-priority")
	n, _ := amqp.AsInt(v)
	return uint8(n)
}
