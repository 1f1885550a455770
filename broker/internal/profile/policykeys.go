package profile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/records"
)

// What may stand in a policy's definition depends on the profile; what may not is
// refused with RabbitMQ's text (POLICY-6, POLICY-7, POLICY-11, POLICY-12).

// A policyKey is one setting: how its value is checked, and whether an operator
// may set it.
type policyKey struct {
	check    argumentCheck
	invalid  string // what RabbitMQ says of another value
	operator bool
}

// policyKeysOf are the keys that a profile knows.
func policyKeysOf(f *facts) map[string]policyKey {
	word := func(words ...string) argumentCheck { return oneOf("x", words...) }
	keys := map[string]policyKey{
		"alternate-exchange":            {text, "is not a valid alternate exchange name", false},
		"consumer-timeout":              {notNegative, "is not a valid consumer timeout", false},
		"dead-letter-exchange":          {text, "is not a valid dead letter exchange name", false},
		"dead-letter-routing-key":       {text, "is not a valid dead letter routing key", false},
		"dead-letter-strategy":          {word("at-most-once", "at-least-once"), "is not a valid dead letter strategy", false},
		"message-ttl":                   {notNegative, "is not a valid message TTL", true},
		"expires":                       {positive, "is not a valid queue expiry", true},
		"max-length":                    {notNegative, "is not a valid maximum length", true},
		"max-length-bytes":              {notNegative, "is not a valid maximum length in bytes", true},
		"max-in-memory-length":          {notNegative, "is not a valid maximum memory in bytes", true},
		"max-in-memory-bytes":           {notNegative, "is not a valid maximum memory in bytes", true},
		"overflow":                      {word("drop-head", "reject-publish", "reject-publish-dlx"), "is not a valid overflow value", true},
		"delivery-limit":                {notNegative, "is not a valid delivery limit", true},
		"queue-mode":                    {word("default", "lazy"), "is not a valid queue-mode value", false},
		"queue-version":                 {checkQueueVersion(1), "is not a valid queue-version value", true},
		"max-age":                       {checkMaxAge, "is not a valid max age", false},
		"stream-max-segment-size-bytes": {notNegative, "is not a valid segment size", false},
		"stream-filter-size-bytes":      {checkFilterSize, "is not a valid filter size", false},
		"queue-leader-locator":          {word("client-local", "balanced", "random", "least-leaders"), "is not a valid queue leader locator value", false},
		"initial-cluster-size":          {notNegative, "is not a valid cluster size", false},
		"target-group-size":             {positive, "is not a valid target group size", true},
		"queue-master-locator":          {word("min-masters", "client-local", "random"), "invalid queue-master-locator value", false},
	}
	for _, key := range deduplicationKeys { // checkDeduplication looks at all of them
		keys[key] = policyKey{check: anything}
	}
	for _, key := range []string{"federation-upstream", "federation-upstream-set"} { // of a plugin: kept, shown, without effect
		keys[key] = policyKey{text, "is not a valid federation upstream", false}
	}
	if f.negativeLimit {
		keys["delivery-limit"] = policyKey{anyInteger, "is not a valid delivery limit", true}
	}
	if f.leaderLocator { // one set of words for both
		keys["queue-master-locator"] = policyKey{
			word("client-local", "balanced", "random", "least-leaders", "min-masters"), "is not a valid master locator", true}
	}
	if f.quorumRetries {
		keys["consumer-disconnected-timeout"] = policyKey{notNegative, "is not a valid consumer disconnected timeout", false}
		keys["delayed-retry-type"] = policyKey{word("all", "failed", "returned", "disabled"),
			"is not a valid delayed retry type. Must be one of: all, failed, returned, disabled", true}
		keys["delayed-retry-min"] = policyKey{positive, "is not a valid delayed retry minimum delay. Must be a positive integer", true}
		keys["delayed-retry-max"] = policyKey{positive, "is not a valid delayed retry maximum delay. Must be a positive integer", true}
	}
	if f.mirroring {
		for _, key := range mirroringKeys {
			keys[key] = policyKey{check: anything} // checkMirroring looks at all of them
		}
	}
	return keys
}

func text(v any, _ amqp.Table) string {
	if _, ok := v.(string); !ok {
		return unacceptable(v)
	}
	return ""
}

func anyInteger(v any, _ amqp.Table) string {
	_, detail := integer(v)
	return detail
}

// CheckDefinition checks the keys and values of a policy, in RabbitMQ's order:
// what is wrong with a value comes before what is not known at all.
func (p *Profile) CheckDefinition(kind records.Kind, def map[string]any) error {
	var unknown []string
	for _, key := range slices.Sorted(maps.Keys(def)) {
		v := def[key]
		known, ok := p.policyKeys[key]
		switch {
		case !ok || kind == records.KindOperatorPolicy && !known.operator:
			unknown = append(unknown, fmt.Sprintf("{<<%q>>,%s}", key, amqp.FormatTerm(v)))
		case known.check(v, nil) != "":
			return ErrPolicy("%s %s", amqp.FormatTerm(v), known.invalid)
		}
	}
	if wrong := checkDeduplication(def); wrong != "" {
		return ErrPolicy("%s", wrong)
	}
	if p.mirroring && kind == records.KindPolicy {
		if wrong := checkMirroring(def); wrong != "" {
			return ErrPolicy("%s", wrong)
		}
	}
	if p.quorumRetries {
		if wrong := checkRetries(def); wrong != "" {
			return ErrPolicy("%s", wrong)
		}
	}
	if _, has := def["queue-master-locator"]; has && !p.masterLocator { // QUEUE-42: one of three words
		return ErrPolicy("use of deprecated queue-master-locator argument is not permitted")
	}
	if len(unknown) > 0 {
		return ErrPolicy("[%s] are not recognised policy settings", strings.Join(unknown, ","))
	}
	return nil
}

// checkRetries says what does not go together of delayed retries, or "" (QUEUE-51).
func checkRetries(def map[string]any) string {
	kind, _ := def["delayed-retry-type"].(string)
	least, hasLeast := amqp.AsInt(def["delayed-retry-min"])
	most, hasMost := amqp.AsInt(def["delayed-retry-max"])
	switch {
	case kind != "" && kind != "disabled" && !hasLeast:
		return "delayed-retry-min is required when delayed-retry-type is " + kind
	case hasLeast && hasMost && most < least:
		return fmt.Sprintf("delayed-retry-max (%d) must not be smaller than delayed-retry-min (%d)", most, least)
	}
	return ""
}

// deduplicationKeys are those of the plugin rabbitmq_message_deduplication.
var deduplicationKeys = []string{Deduplication, "x-cache-size", "x-cache-ttl", "x-cache-persistence"}

// checkDeduplication says what is wrong with the settings of deduplication, or "" (DEDUP-7).
func checkDeduplication(def map[string]any) string {
	for _, key := range []string{"x-cache-size", "x-cache-ttl"} {
		if n, ok := def[key].(int64); def[key] != nil && (!ok || n < 1) {
			return fmt.Sprintf("%q must be an integer greater than 0, got %s", key, amqp.FormatTerm(def[key]))
		}
	}
	if v := def[Deduplication]; v != nil && v != true && v != false {
		return fmt.Sprintf("%q must be a boolean, got %s", Deduplication, amqp.FormatTerm(v))
	}
	if v := def["x-cache-persistence"]; v != nil && v != "disk" && v != "memory" {
		return fmt.Sprintf(`"x-cache-persistence" must be either "disk" or "memory", got %s`, amqp.FormatTerm(v))
	}
	return ""
}

// mirroringKeys are the settings of mirrored classic queues, which one node makes
// nothing of.
var mirroringKeys = []string{
	"ha-mode", "ha-params", "ha-sync-mode", "ha-sync-batch-size", "ha-promote-on-shutdown", "ha-promote-on-failure",
}

// checkMirroring says what is wrong with the settings for mirroring, or "".
func checkMirroring(def map[string]any) string {
	given := slices.ContainsFunc(mirroringKeys, func(key string) bool { return def[key] != nil })
	if !given {
		return ""
	}
	term := func(key string) string {
		if def[key] == nil {
			return "none"
		}
		return amqp.FormatTerm(def[key])
	}
	params := def["ha-params"]
	switch def["ha-mode"] {
	case nil:
		return "ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown"
	case "all":
		if params != nil {
			return `ha-mode="all" does not take parameters`
		}
	case "exactly":
		if n, ok := params.(int64); !ok || n < 1 {
			return `ha-mode="exactly" takes an integer, ` + term("ha-params") + " given"
		}
	case "nodes":
		switch nodes, ok := params.([]any); {
		case !ok:
			return `ha-mode="nodes" takes a list, ` + term("ha-params") + " given"
		case len(nodes) == 0:
			return `ha-mode="nodes" list must be non-empty`
		}
	default:
		return term("ha-mode") + " is not a valid ha-mode value"
	}
	if n, ok := def["ha-sync-batch-size"].(int64); def["ha-sync-batch-size"] != nil && (!ok || n < 1) {
		return "ha-sync-batch-size takes an integer greater than 0, " + term("ha-sync-batch-size") + " given"
	}
	for _, choice := range []struct{ key, a, b string }{
		{"ha-sync-mode", "manual", "automatic"},
		{"ha-promote-on-shutdown", "always", "when-synced"},
		{"ha-promote-on-failure", "always", "when-synced"},
	} {
		if v := def[choice.key]; v != nil && v != choice.a && v != choice.b {
			return fmt.Sprintf("%s must be %q or %q, got %s", choice.key, choice.a, choice.b, term(choice.key))
		}
	}
	return ""
}

// ErrPolicy is RabbitMQ's refusal of a policy (POLICY-11).
func ErrPolicy(format string, args ...any) error {
	return amqp.Errorf(amqp.PreconditionFailed, "Validation failed\n\n%s\n", fmt.Sprintf(format, args...))
}
