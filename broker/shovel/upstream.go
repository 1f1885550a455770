package shovel

import (
	"encoding/json"
	"errors"
	"strings"
)

// upstreamRules are the keys of an upstream of federation (FEDERATION-1), in RabbitMQ's order.
var upstreamRules = []rule{
	{"uri", func(key string, v any) string { return checkURI(key, v, anyAddress) }, true},
	{"exchange", text, false}, {"queue", text, false}, {"consumer-tag", text, false}, {"prefetch-count", numeric, false},
	{"reconnect-delay", numeric, false}, {"max-hops", numeric, false}, {"expires", numeric, false},
	{"message-ttl", numeric, false}, {"trust-user-id", boolean, false}, {"ack-mode", oneOf(ackNone, ackPublish, ackConfirm), false},
	{"resource-cleanup-mode", oneOf("default", "never"), false}, {"queue-type", oneOf("classic", "quorum"), false},
	{"bind-nowait", boolean, false}, {"channel-use-mode", oneOf("multiple", "single"), false},
}

// anyAddress refuses none: nothing is linked, so nobody enters a virtual host.
func anyAddress(*address) string { return "" }

// CheckUpstream returns what is wrong with the value of a parameter federation-upstream, a
// line for each fault in RabbitMQ's words (FEDERATION-1); nil is nothing.
func CheckUpstream(name string, value json.RawMessage) error {
	m, err := decode(value)
	if err != nil {
		return err
	}
	if faults := checkRules(name, upstreamRules, m); len(faults) > 0 {
		return errors.New(strings.Join(faults, "\n"))
	}
	return nil
}
