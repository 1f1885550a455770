package profile

import (
	"fmt"
	"maps"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/queue"
)

// A queue's settings are made of its arguments and the definition of its policies,
// both checked (POLICY-4).

// Settings is nil for a queue with no optional feature: such a queue pays
// nothing for them. Of two numbers the smaller counts; of anything else the
// argument.
func (p *Profile) Settings(args amqp.Table, policy map[string]any) *queue.Settings {
	if QueueTypeOf(args) == &StreamQueue {
		return p.streamSettings(args, policy)
	}
	s := &queue.Settings{MaxLength: -1, MaxBytes: -1, DeliveryLimit: -1}
	quorum := QueueTypeOf(args) == &QuorumQueue
	found := false
	number := func(key string, field *int64) bool {
		v, has := args.Get("x-" + key)
		n, isInt := amqp.AsInt(v)
		has = has && isInt
		if limit, ok := policy[key].(int64); ok && (!has || p.lower(key, limit, n) || quorum && key == "expires") { // QUEUE-99: the policy wins on quorum queues
			n, has = limit, true
		}
		if has {
			*field, found = n, true
		}
		return has
	}
	millis := func(key string, field *int64) bool { // a policy bounds a time from below only (POLICY-12)
		has := number(key, field)
		*field = min(*field, message.MaxMillis)
		return has
	}
	text := func(key string) (string, bool) {
		v, has := args.Get("x-" + key)
		if word, ok := policy[key]; ok && (!has || quorum && key == "overflow") { // QUEUE-99: the policy wins on quorum queues
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
	if quorum { // QUEUE-45: unchecked at declare; QUEUE-92: given up after so many returns
		s.DeliveryLimit = p.deliveryLimit
		found = found || p.deliveryLimit >= 0
		number("delivery-limit", &s.DeliveryLimit)
	}
	millis("consumer-timeout", &s.ConsumerTimeout)
	s.DeadLetterExchange, s.DeadLetter = text("dead-letter-exchange")
	s.DeadLetterKey, s.HasDeadLetterKey = text("dead-letter-routing-key")
	s.DeadLetterKey = message.CutKey(s.DeadLetterKey)
	if v, ok := args.Get("x-single-active-consumer"); ok && v == true {
		s.SingleActive, found = true, true
	}
	overflow, _ := text("overflow")
	s.Overflow = overflows[overflow]
	if quorum && s.Overflow == queue.RejectPublishDLX { // QUEUE-35: classic queues alone know this word
		s.Overflow = queue.DropHead
	}
	if quorum {
		strategy, _ := text("dead-letter-strategy")
		s.DeadLetterSafely = strategy == "at-least-once" && s.DeadLetter && s.Overflow == queue.RejectPublish // DLXALO-1: with an exchange and reject-publish
		if p.quorumRetries {
			retries(s, args, policy)
		}
	}
	if !quorum && deduplicates(args, policy) {
		s.Deduplicate, found = true, true
	}
	mode, _ := text("queue-mode")
	s.Lazy = mode == "lazy" && p.checksQueueMode // QUEUE-91: a lazy queue shows no difference
	if !found {
		return nil
	}
	return s
}

// deduplicates reports whether a classic queue is to take each value once (DEDUP-9); the
// argument goes before the policy (DEDUP-7).
func deduplicates(args amqp.Table, policy map[string]any) bool {
	v, ok := args.Get(Deduplication)
	if !ok {
		v = policy[Deduplication]
	}
	return v == true
}

// Deduplication names an exchange type, a queue argument and a policy key of the plugin
// rabbitmq_message_deduplication.
const Deduplication = "x-message-deduplication"

// retries are the settings of a delayed retry: the type of the policy counts before that
// of the argument, and the smaller of the limits (RETRY-15). Without a known type and a
// positive minimum there is none (RETRY-2).
func retries(s *queue.Settings, args amqp.Table, policy map[string]any) {
	kind, _ := args.Get("x-delayed-retry-type")
	if word, ok := policy["delayed-retry-type"]; ok {
		kind = word
	}
	limit := func(key string) int64 {
		v, _ := args.Get("x-" + key)
		n, has := amqp.AsInt(v)
		if most, ok := policy[key].(int64); ok && (!has || most < n) {
			n, has = most, true
		}
		if !has {
			return 0
		}
		return min(n, message.MaxMillis)
	}
	least, most := limit("delayed-retry-min"), limit("delayed-retry-max")
	word, _ := kind.(string)
	if retry := retryTypes[word]; retry != queue.NoRetry && least > 0 {
		s.Retry, s.RetryMin, s.RetryMax = retry, least, max(most, least)
	}
}

// RetryText says in words when a queue lets what comes back wait (RETRY-8); empty for a
// queue that cannot.
func (p *Profile) RetryText(args amqp.Table, policy map[string]any) string {
	if !p.quorumRetries || QueueTypeOf(args) != &QuorumQueue {
		return ""
	}
	var s queue.Settings
	retries(&s, args, policy)
	for word, kind := range retryTypes {
		if kind == s.Retry {
			return fmt.Sprintf("%s (min: %dms, max: %dms)", word, s.RetryMin, s.RetryMax)
		}
	}
	return "disabled"
}

var retryTypes = map[string]queue.Retry{"all": queue.RetryAll, "failed": queue.RetryFailed, "returned": queue.RetryReturns}

// A Fallback is why a queue that is to dead-letter at least once does not.
type Fallback uint8

// The reasons.
const (
	NoFallback           Fallback = iota
	NoDeadLetterExchange          // DLXALO-3: nothing is dead-lettered
	DropsHead                     // DLXALO-2: at most once
)

// FallbackOf is why a queue with these arguments and settings does not dead-letter at
// least once, if it is to.
func FallbackOf(args amqp.Table, policy map[string]any, s *queue.Settings) Fallback {
	strategy, has := args.Get("x-dead-letter-strategy")
	if word, ok := policy["dead-letter-strategy"]; ok && !has {
		strategy = word
	}
	switch {
	case strategy != "at-least-once" || QueueTypeOf(args) != &QuorumQueue || s != nil && s.DeadLetterSafely:
		return NoFallback
	case s == nil || !s.DeadLetter:
		return NoDeadLetterExchange
	}
	return DropsHead
}

// overflows are the values of x-overflow; drop-head is the zero value, and so
// what a queue does without any.
var overflows = map[string]queue.Overflow{
	"drop-head":          queue.DropHead,
	"reject-publish":     queue.RejectPublish,
	"reject-publish-dlx": queue.RejectPublishDLX,
}

// MaxPriority is x-max-priority, 0 if absent (QUEUE-87).
func MaxPriority(args amqp.Table) uint8 {
	v, _ := args.Get("x-max-priority")
	n, _ := amqp.AsInt(v)
	return uint8(n)
}

// Merge is the definition of a policy and an operator policy together: of what
// both have the smaller limit counts, or the operator's word (POLICY-3).
func (p *Profile) Merge(user, operator map[string]any) map[string]any {
	switch {
	case user == nil && operator == nil:
		return nil
	case operator == nil:
		return user
	case user == nil:
		return operator
	}
	def := maps.Clone(user)
	for key, v := range operator {
		mine, both := def[key].(int64)
		limit, isLimit := v.(int64)
		larger := key == "delayed-retry-min" // RETRY-16: the larger minimum counts
		if !both || !isLimit || p.lower(key, limit, mine) != larger {
			def[key] = v
		}
	}
	return def
}

// lower tells which of two limits counts: the smaller, but where a negative one
// is no limit any other goes before it (POLICY-3).
func (p *Profile) lower(key string, a, b int64) bool {
	if key == "delivery-limit" && p.negativeLimit && (a < 0 || b < 0) {
		return a > b
	}
	return a < b
}
