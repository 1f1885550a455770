package shovel

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
)

// A rule is a key that a value may have, and what is wrong with what it has; "" is nothing.
type rule struct {
	key       string
	check     func(key string, v any) string
	mandatory bool
}

// The protocols that a value may name, and the modes of acknowledgement.
const (
	protocol091  = "amqp091"
	protocol10   = "amqp10"
	protocolHere = "local"
	ackNone      = "no-ack"
	ackPublish   = "on-publish"
	ackConfirm   = "on-confirm"
)

func text(key string, v any) string {
	if _, ok := v.(string); !ok {
		return key + " should be binary, actually was " + term(v)
	}
	return ""
}

func numeric(key string, v any) string {
	if _, ok := v.(json.Number); !ok {
		return key + " should be a number, actually was " + term(v)
	}
	return ""
}

func boolean(key string, v any) string {
	if _, ok := v.(bool); !ok {
		return key + " should be boolean, actually was " + term(v)
	}
	return ""
}

func oneOf(values ...string) func(string, any) string {
	return func(key string, v any) string {
		if fault := text(key, v); fault != "" {
			return fault
		}
		if slices.Contains(values, v.(string)) {
			return ""
		}
		shown := make([]string, len(values))
		for i, value := range values {
			shown[i] = term(value)
		}
		return key + " should be one of [" + strings.Join(shown, ",") + "], actually was " + term(v)
	}
}

func deleteAfter(key string, v any) string {
	switch v := v.(type) {
	case string:
		if v == "never" || v == "queue-length" {
			return ""
		}
	case json.Number:
		if n, err := v.Int64(); err == nil && n >= 0 {
			return ""
		}
	}
	return key + ` should be a number greater than or equal to 0, "never" or "queue-length", actually was ` + term(v)
}

// object is what a key must have that is a table. RabbitMQ crashes otherwise.
func object(check func(key string, m map[string]any) string) func(string, any) string {
	return func(key string, v any) string {
		if items, ok := v.([]any); ok && len(items) == 0 { // an empty one, of some tools
			return ""
		}
		m, ok := v.(map[string]any)
		if !ok {
			return key + " not a list " + term(v)
		}
		return check(key, m)
	}
}

func anything(string, map[string]any) string { return "" }

func texts(key string, m map[string]any) string {
	rules := []rule{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		rules = append(rules, rule{k, text, false})
	}
	return strings.Join(checkRules(key, rules, m), "\n")
}

var queueArguments = strings.Fields(`x-consumer-timeout x-dead-letter-exchange x-dead-letter-routing-key x-dead-letter-strategy
	x-delivery-limit x-expires x-filter-field-names x-initial-cluster-size x-max-age x-max-in-memory-bytes
	x-max-in-memory-length x-max-length x-max-length-bytes x-max-priority x-message-ttl x-overflow x-queue-leader-locator
	x-queue-master-locator x-queue-mode x-queue-type x-queue-version x-quorum-initial-group-size
	x-quorum-target-group-size x-single-active-consumer x-stream-filter-size-bytes x-stream-max-segment-size-bytes`)

// queueArgs checks the names alone: the declaration checks the values.
func queueArgs(key string, m map[string]any) string {
	unknown := make(map[string]any)
	for name, v := range m {
		if !slices.Contains(queueArguments, name) {
			unknown[name] = v
		}
	}
	if len(unknown) > 0 {
		return "Unrecognised terms " + tuples(unknown) + " in " + key
	}
	return ""
}

var propertyRules = []rule{
	{"content_type", text, false}, {"content_encoding", text, false}, {"delivery_mode", numeric, false},
	{"priority", numeric, false}, {"correlation_id", text, false}, {"reply_to", text, false}, {"expiration", text, false},
	{"message_id", text, false}, {"timestamp", numeric, false}, {"type", text, false}, {"user_id", text, false},
	{"app_id", text, false}, {"cluster_id", text, false},
}

func publishProperties(key string, m map[string]any) string {
	return strings.Join(checkRules(key, propertyRules, m), "\n")
}

// checkRules returns the faults of a table in RabbitMQ's order: what is unknown, then the
// rules from the last to the first (SHOVEL-1).
func checkRules(name string, rules []rule, m map[string]any) []string {
	var faults []string
	unknown := maps.Clone(m)
	for _, r := range rules {
		delete(unknown, r.key)
		v, ok := m[r.key]
		fault := ""
		switch {
		case ok:
			fault = r.check(r.key, v)
		case r.mandatory:
			fault = `Key "` + r.key + `" not found in ` + name
		}
		if fault != "" {
			faults = append(faults, fault)
		}
	}
	if len(unknown) > 0 {
		faults = append(faults, "Unrecognised terms "+tuples(unknown)+" in "+name)
	}
	slices.Reverse(faults)
	return faults
}

// sharedRules are for all protocols.
var sharedRules = []rule{
	{"reconnect-delay", numeric, false}, {"ack-mode", oneOf(ackNone, ackPublish, ackConfirm), false},
	{"src-protocol", oneOf(protocol10, protocol091, protocolHere), false},
	{"dest-protocol", oneOf(protocol10, protocol091, protocolHere), false},
}

// sourceRules and targetRules are the keys of the two ends (SHOVEL-2).
func sourceRules(protocol string, uri func(string, any) string) []rule {
	if protocol == protocol10 {
		return []rule{
			{"src-uri", uri, true}, {"src-address", text, true}, {"src-prefetch-count", numeric, false},
			{"src-delete-after", deleteAfter, false},
		}
	}
	return []rule{
		{"src-uri", uri, protocol == protocol091}, {"src-exchange", text, false}, {"src-exchange-key", text, false},
		{"src-queue", text, false}, {"src-queue-args", object(queueArgs), false}, {"src-consumer-args", object(anything), false},
		{"prefetch-count", numeric, false}, {"src-prefetch-count", numeric, false}, {"delete-after", deleteAfter, false},
		{"src-delete-after", deleteAfter, false}, {"src-predeclared", boolean, false},
	}
}

func targetRules(protocol string, uri func(string, any) string) []rule {
	if protocol == protocol10 {
		return []rule{
			{"dest-uri", uri, true}, {"dest-address", text, true}, {"dest-add-forward-headers", boolean, false},
			{"dest-add-timestamp-header", boolean, false}, {"dest-application-properties", object(texts), false},
			{"dest-message-annotations", object(texts), false}, {"dest-properties", object(texts), false},
		}
	}
	return []rule{
		{"dest-uri", uri, protocol == protocol091}, {"dest-exchange", text, false}, {"dest-exchange-key", text, false},
		{"dest-queue", text, false}, {"dest-queue-args", object(queueArgs), false}, {"add-forward-headers", boolean, false},
		{"add-timestamp-header", boolean, false}, {"dest-add-forward-headers", boolean, false},
		{"dest-add-timestamp-header", boolean, false}, {"publish-properties", object(publishProperties), false},
		{"dest-publish-properties", object(publishProperties), false}, {"dest-predeclared", boolean, false},
	}
}

// decode reads a value as an object, its numbers as they are written.
func decode(value []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("value is not valid JSON")
	}
	m, ok := v.(map[string]any)
	if items, list := v.([]any); list && len(items) == 0 {
		return map[string]any{}, nil
	}
	if !ok {
		return nil, errors.New("value should be an object, actually was " + term(v)) // where RabbitMQ crashes
	}
	return m, nil
}

// protocols are those of the two ends; one that is no text is refused by its rule.
func protocols(m map[string]any) (source, target string) {
	named := func(key string) string {
		if name, ok := m[key].(string); ok && (name == protocol10 || name == protocolHere) {
			return name
		}
		return protocol091
	}
	return named("src-protocol"), named("dest-protocol")
}

// check returns what is wrong with a shovel, a line for each fault (SHOVEL-1, SHOVEL-3).
// mayEnter decides about URIs without a host.
func check(name string, m map[string]any, mayEnter func(a *address) string) error {
	uri := func(key string, v any) string { return checkURI(key, v, mayEnter) }
	from, to := protocols(m)
	var faults []string
	if from != protocol10 {
		faults = append(faults, checkSource(m)...)
	}
	_, exchange := m["dest-exchange"]
	_, queue := m["dest-queue"]
	if to != protocol10 && exchange && queue {
		faults = append(faults, "Cannot specify 'dest-exchange' and 'dest-queue'")
	}
	faults = append(faults, checkRules(name, slices.Concat(sharedRules, sourceRules(from, uri), targetRules(to, uri)), m)...)
	if len(faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(faults, "\n"))
}

func checkSource(m map[string]any) (faults []string) {
	_, exchange := m["src-exchange"]
	_, queue := m["src-queue"]
	switch {
	case exchange && queue:
		faults = append(faults, "Cannot specify 'src-exchange' and 'src-queue'")
	case !exchange && !queue:
		faults = append(faults, "Must specify 'src-exchange' or 'src-queue'")
	}
	after, ok := m["src-delete-after"]
	if !ok {
		after = m["delete-after"]
	}
	n, _ := after.(json.Number)
	if _, err := n.Int64(); err == nil && m["ack-mode"] == ackNone {
		faults = append(faults, "Cannot specify 'no-ack' and numerical 'delete-after'")
	}
	return faults
}

// checkURI checks one URI or a list of them.
func checkURI(key string, v any, mayEnter func(a *address) string) string {
	switch v := v.(type) {
	case string:
		a, err := parseURI(v)
		switch {
		case err != nil:
			return err.Error()
		case a.direct:
			return mayEnter(a)
		}
		return ""
	case []any:
		for _, item := range v {
			if fault := checkURI(key, item, mayEnter); fault != "" {
				return fault
			}
		}
		return ""
	}
	return key + " should be list, actually was " + term(v)
}
