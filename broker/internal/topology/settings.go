package topology

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// A queue's settings are made of its arguments and the definition of its policies,
// both checked (POLICY-4).

// settings is nil for a queue with no optional feature: such a queue pays
// nothing for them. Of two numbers the smaller counts; of anything else the
// argument.
func (p *Profile) settings(args amqp.Table, policy map[string]any) *queue.Settings {
	if queueTypeOf(args) == &streamQueue {
		return p.streamSettings(args, policy)
	}
	s := &queue.Settings{MaxLength: -1, MaxBytes: -1, DeliveryLimit: -1}
	quorum := queueTypeOf(args) == &quorumQueue
	found := false
	number := func(key string, field *int64) bool {
		v, has := args.Get("x-" + key)
		n, isInt := amqp.AsInt(v)
		has = has && isInt
		if limit, ok := policy[key].(int64); ok && (!has || p.lower(key, limit, n) || quorum && key == "expires") { // QUEUE-99
			n, has = limit, true
		}
		if has {
			*field, found = n, true
		}
		return has
	}
	millis := func(key string, field *int64) bool { // a policy bounds a time from below only (POLICY-12)
		has := number(key, field)
		*field = min(*field, maxMillis)
		return has
	}
	text := func(key string) (string, bool) {
		v, has := args.Get("x-" + key)
		if word, ok := policy[key]; ok && (!has || quorum && key == "overflow") { // QUEUE-99
			v, has = word, true
		}
		found = found || has
		s, _ := v.(string)
		return s, has
	}
	ttl := func(key string, field *queue.TTL) {
		var ms int64
		if millis(key, &ms) {
			*field = queue.Millis(ms)
		}
	}
	ttl("message-ttl", &s.TTL)
	ttl("expires", &s.Expires)
	number("max-length", &s.MaxLength)
	number("max-length-bytes", &s.MaxBytes)
	if quorum { // QUEUE-45, QUEUE-92
		s.DeliveryLimit = p.deliveryLimit
		found = found || p.deliveryLimit >= 0
		number("delivery-limit", &s.DeliveryLimit)
	}
	millis("consumer-timeout", &s.ConsumerTimeout)
	s.DeadLetterExchange, s.DeadLetter = text("dead-letter-exchange")
	s.DeadLetterKey, s.HasDeadLetterKey = text("dead-letter-routing-key")
	s.DeadLetterKey = cutKey(s.DeadLetterKey)
	if v, ok := args.Get("x-single-active-consumer"); ok && v == true {
		s.SingleActive, found = true, true
	}
	overflow, _ := text("overflow")
	s.Overflow = overflows[overflow]
	if quorum && s.Overflow == queue.RejectPublishDLX { // QUEUE-35
		s.Overflow = queue.DropHead
	}
	mode, _ := text("queue-mode")
	s.Lazy = mode == "lazy" && p.checksQueueMode // QUEUE-91
	if !found {
		return nil
	}
	return s
}

// maxKey is the length in bytes of the longest routing key (LIMIT-8).
const maxKey = 255

// cutKey cuts a routing key out of a field table, where it may be of any length, to
// what a delivery and the store have room for.
func cutKey(key string) string { return key[:min(len(key), maxKey)] }

// overflows are the values of x-overflow; drop-head is the zero value, and so
// what a queue does without any.
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
