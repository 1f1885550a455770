package lint_test

import (
	"encoding/json"
	"fmt"
	"strings"
)

// An entry is one object of the corpus: its section, and a document in which it is the last
// of its section, behind what it needs to be there.
type entry struct {
	ID, Section, Document string
}

// name of an entry's object, which no other entry uses.
func objectName(i int) string { return fmt.Sprintf("graduate.%03d", i) }

// A builder numbers the entries.
type builder struct{ list []entry }

// add adds an object to a section; NAME in its text is its name. The text before is what
// else the document holds.
func (b *builder) add(section, before, object string) {
	name := objectName(len(b.list))
	text := fmt.Sprintf(`{%s%q: [%s]}`, before, section, object)
	b.list = append(b.list, entry{name, section, strings.ReplaceAll(text, "NAME", name)})
}

// corpus is 200 objects and some: what teams have, what was allowed once, and what never was.
func corpus() []entry {
	b := &builder{}
	b.queues()
	b.exchanges()
	b.policies()
	b.bindings()
	b.others()
	for _, e := range b.list {
		if !json.Valid([]byte(e.Document)) {
			panic(e.Document)
		}
	}
	return b.list
}

func (b *builder) queue(durable, autoDelete bool, args string) {
	b.add("queues", "", fmt.Sprintf(`{"name": "NAME", "vhost": "/", "durable": %t, "auto_delete": %t, "arguments": {%s}}`, durable, autoDelete, args))
}

func (b *builder) queues() {
	for _, args := range []string{
		``, `"x-queue-type": "classic"`, `"x-message-ttl": 60000`, `"x-message-ttl": 0`, `"x-expires": 1800000`, `"x-expires": 0`,
		`"x-message-ttl": -1`, `"x-message-ttl": "60000"`, `"x-max-length": 1000`, `"x-max-length": 0`, `"x-max-length": -5`,
		`"x-max-length-bytes": 1048576`, `"x-max-length-bytes": "1"`, `"x-overflow": "drop-head"`, `"x-overflow": "reject-publish"`,
		`"x-overflow": "reject-publish-dlx"`, `"x-overflow": "whatever"`, `"x-max-priority": 10`, `"x-max-priority": 255`,
		`"x-max-priority": 256`, `"x-max-priority": -1`, `"x-max-priority": 0`, `"x-queue-mode": "lazy"`, `"x-queue-mode": "default"`, `"x-queue-mode": "eager"`,
		`"x-queue-version": 1`, `"x-queue-version": 2`, `"x-queue-version": 3`, `"x-queue-master-locator": "min-masters"`,
		`"x-queue-master-locator": "client-local"`, `"x-queue-leader-locator": "balanced"`, `"x-queue-leader-locator": "nearest"`,
		`"x-single-active-consumer": true`, `"x-single-active-consumer": "yes"`, `"x-dead-letter-exchange": ""`,
		`"x-dead-letter-exchange": "dlx", "x-dead-letter-routing-key": "k"`, `"x-dead-letter-routing-key": "k"`, `"x-dead-letter-exchange": 5`,
		`"x-dead-letter-strategy": "at-least-once"`, `"x-delivery-limit": 5`, `"x-quorum-initial-group-size": 3`,
		`"x-max-in-memory-length": 100`, `"x-consumer-timeout": 60000`, `"x-delayed-retry-type": "all"`, `"x-unknown": "kept"`,
		`"x-max-age": "7D"`, `"x-stream-filter-size-bytes": 32`, `"x-queue-type": "undefined"`, `"x-queue-type": ""`, `"x-queue-type": "mirrored"`,
		`"x-queue-type": 3`, `"x-message-deduplication": true, "x-cache-size": 100`, `"x-queue-mode": "lazy", "x-max-priority": 5`,
	} {
		b.queue(true, false, args)
	}
	for _, args := range []string{``, `"x-queue-type": "classic"`, `"x-max-priority": 10`, `"x-expires": 60000`, `"x-queue-mode": "lazy"`} {
		b.queue(false, false, args)
		b.queue(false, true, args)
	}
	for _, args := range []string{``, `"x-expires": 60000`} {
		b.queue(true, true, args)
	}
	for _, args := range []string{
		``, `"x-delivery-limit": 5`, `"x-delivery-limit": 50`, `"x-delivery-limit": -1`, `"x-delivery-limit": 0`, `"x-delivery-limit": "5"`,
		`"x-delivery-limit": 20`, `"x-max-length": 1000, "x-delivery-limit": 20`, `"x-max-length-bytes": 1048576, "x-delivery-limit": 20`,
		`"x-overflow": "reject-publish", "x-delivery-limit": 20`, `"x-overflow": "reject-publish-dlx", "x-delivery-limit": 20`,
		`"x-dead-letter-exchange": "dlx", "x-delivery-limit": 20`, `"x-message-ttl": 60000, "x-delivery-limit": 20`, `"x-expires": 60000, "x-delivery-limit": 20`,
		`"x-dead-letter-exchange": "dlx", "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish", "x-delivery-limit": 20`,
		`"x-dead-letter-strategy": "at-best", "x-delivery-limit": 20`, `"x-max-in-memory-length": 10, "x-delivery-limit": 20`,
		`"x-max-in-memory-bytes": 10, "x-delivery-limit": 20`, `"x-quorum-initial-group-size": 3, "x-delivery-limit": 20`,
		`"x-quorum-initial-group-size": 0, "x-delivery-limit": 20`, `"x-single-active-consumer": true, "x-delivery-limit": 20`,
		`"x-max-priority": 5, "x-delivery-limit": 20`, `"x-queue-mode": "lazy", "x-delivery-limit": 20`, `"x-queue-version": 2, "x-delivery-limit": 20`,
		`"x-queue-master-locator": "min-masters", "x-delivery-limit": 20`, `"x-queue-leader-locator": "client-local", "x-delivery-limit": 20`,
		`"x-consumer-timeout": 60000, "x-delivery-limit": 20`, `"x-consumer-timeout": -1, "x-delivery-limit": 20`,
		`"x-consumer-disconnected-timeout": 1000, "x-delivery-limit": 20`,
		`"x-delayed-retry-type": "all", "x-delayed-retry-min": 100, "x-delivery-limit": 20`, `"x-queue-leader-locator": "random", "x-delivery-limit": 20`,
	} {
		b.queue(true, false, strings.TrimSuffix(`"x-queue-type": "quorum", `+args, ", "))
	}
	b.queue(false, false, `"x-queue-type": "quorum"`)
	b.queue(true, true, `"x-queue-type": "quorum"`)
	for _, args := range []string{
		``, `"x-max-age": "7D"`, `"x-max-age": "7x"`, `"x-max-age": 7`, `"x-max-length-bytes": 1073741824`, `"x-max-length": 5`,
		`"x-stream-max-segment-size-bytes": 1048576`, `"x-stream-max-segment-size-bytes": 3000000001`, `"x-stream-filter-size-bytes": 32`,
		`"x-stream-filter-size-bytes": 8`, `"x-stream-filter-size-bytes": 256`, `"x-initial-cluster-size": 3`, `"x-initial-cluster-size": 0`,
		`"x-queue-leader-locator": "least-leaders"`, `"x-message-ttl": 1000`, `"x-dead-letter-exchange": "dlx"`, `"x-max-priority": 5`,
		`"x-single-active-consumer": true`, `"x-delivery-limit": 5`, `"x-queue-mode": "lazy"`, `"x-queue-master-locator": "random"`,
	} {
		b.queue(true, false, strings.TrimSuffix(`"x-queue-type": "stream", `+args, ", "))
	}
	b.queue(false, false, `"x-queue-type": "stream"`)
	b.queue(true, true, `"x-queue-type": "stream"`)
}

func (b *builder) exchange(kind string, durable, autoDelete, internal bool, args string) {
	b.add("exchanges", "", fmt.Sprintf(`{"name": "NAME", "vhost": "/", "type": %q, "durable": %t, "auto_delete": %t, "internal": %t, "arguments": {%s}}`,
		kind, durable, autoDelete, internal, args))
}

func (b *builder) exchanges() {
	for _, kind := range []string{"direct", "fanout", "topic", "headers", "x-local-random"} {
		b.exchange(kind, true, false, false, ``)
	}
	for _, kind := range []string{
		"x-delayed-message", "x-consistent-hash", "x-random", "x-recent-history", "x-jms-topic", "x-message-deduplication", "x-modulus-hash", "nonsense",
	} {
		b.exchange(kind, true, false, false, ``)
	}
	b.exchange("x-delayed-message", true, false, false, `"x-delayed-type": "direct"`)
	b.exchange("x-delayed-message", true, false, false, `"x-delayed-type": "direct", "x-delayed-strict": true`)
	b.exchange("direct", false, false, false, ``)
	b.exchange("topic", false, true, false, ``)
	b.exchange("direct", true, true, false, ``)
	b.exchange("fanout", true, false, true, ``)
	b.exchange("direct", true, false, false, `"alternate-exchange": "amq.fanout"`)
	b.exchange("direct", true, false, false, `"alternate-exchange": 7`)
	b.exchange("direct", true, false, false, `"x-unknown": [1, 2]`)
}

func (b *builder) policy(applyTo, definition string) {
	b.add("policies", "", fmt.Sprintf(`{"name": "NAME", "vhost": "/", "pattern": "^NAME$", "apply-to": %q, "priority": 1, "definition": {%s}}`, applyTo, definition))
}

func (b *builder) policies() {
	for _, definition := range []string{
		`"ha-mode": "all"`, `"ha-mode": "exactly", "ha-params": 2`, `"ha-mode": "nodes", "ha-params": ["a"]`, `"ha-sync-mode": "automatic", "ha-mode": "all"`,
		`"ha-promote-on-shutdown": "always", "ha-mode": "all"`, `"message-ttl": 1000`, `"message-ttl": "1000"`, `"expires": 1000`, `"expires": 0`,
		`"max-length": 10`, `"max-length": -1`, `"max-length-bytes": 10`, `"max-in-memory-length": 10`, `"max-in-memory-bytes": 10`,
		`"overflow": "reject-publish"`, `"overflow": "never"`, `"delivery-limit": 5`, `"delivery-limit": -1`, `"queue-mode": "lazy"`, `"queue-mode": "eager"`,
		`"queue-version": 1`, `"queue-version": 2`, `"queue-master-locator": "min-masters"`, `"queue-leader-locator": "balanced"`,
		`"dead-letter-exchange": "x"`, `"dead-letter-exchange": "x", "dead-letter-routing-key": "k"`, `"dead-letter-strategy": "at-least-once"`,
		`"alternate-exchange": "amq.fanout"`, `"consumer-timeout": 60000`, `"max-age": "1D"`, `"stream-max-segment-size-bytes": 1000000`,
		`"initial-cluster-size": 3`, `"target-group-size": 3`, `"federation-upstream-set": "all"`, `"nonsense": 1`, `"delayed-retry-type": "all"`,
		`"delayed-retry-type": "all", "delayed-retry-min": 100`, `"max-priority": 5`, `"single-active-consumer": true`,
	} {
		b.policy("all", definition)
	}
	b.policy("classic_queues", `"max-length": 10`)
	b.policy("quorum_queues", `"delivery-limit": 10`)
	b.policy("streams", `"max-age": "1D"`)
	b.policy("exchanges", `"alternate-exchange": "amq.fanout"`)
	b.policy("nothing", `"max-length": 10`)
	b.add("policies", "", `{"name": "NAME", "vhost": "/", "pattern": "(", "apply-to": "all", "priority": 1, "definition": {"max-length": 1}}`)
	b.add("policies", "", `{"name": "NAME", "vhost": "/", "pattern": "^NAME$", "apply-to": "all", "priority": 1, "definition": {}}`)
}

func (b *builder) bindings() {
	q := `"queues": [{"name": "NAME", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {}}], `
	bind := func(source, key, args string) {
		b.add("bindings", q, fmt.Sprintf(`{"source": %q, "vhost": "/", "destination": "NAME", "destination_type": "queue", "routing_key": %q, "arguments": {%s}}`, source, key, args))
	}
	bind("amq.direct", "k", ``)
	bind("amq.topic", "a.*.#", ``)
	bind("amq.topic", "#.a.#", ``)
	bind("amq.topic", "#.a.#.b.#", ``)
	bind("amq.topic", "#.#.#.#", ``)
	bind("amq.headers", "", `"x-match": "all", "a": "b"`)
	bind("amq.headers", "", `"x-match": "any-with-x", "x-a": "b"`)
	bind("amq.headers", "", `"x-match": "some", "a": "b"`)
	bind("amq.fanout", "", ``)
	bind("no.such.exchange", "k", ``)
	bind("amq.direct", "#.#.#", ``)
	x := `"exchanges": [{"name": "NAME", "vhost": "/", "type": "fanout", "durable": true, "auto_delete": false, "internal": false, "arguments": {}}], `
	b.add("bindings", x, `{"source": "amq.direct", "vhost": "/", "destination": "NAME", "destination_type": "exchange", "routing_key": "k", "arguments": {}}`)
}

func (b *builder) others() {
	for _, fields := range []string{
		``, `, "default_queue_type": "quorum"`, `, "default_queue_type": "classic"`, `, "default_queue_type": "undefined"`, `, "default_queue_type": "mirrored"`,
		`, "description": "d", "tags": ["t"]`, `, "tracing": true`, `, "metadata": {"description": "d", "tags": []}`,
		`, "metadata": {"default_queue_type": "quorum"}`, `, "default_queue_type": "quorum", "metadata": {"default_queue_type": "quorum"}`,
	} {
		b.add("vhosts", "", `{"name": "NAME"`+fields+`}`)
	}
	for _, fields := range []string{
		`"password": "secret"`, `"password_hash": "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", "hashing_algorithm": "rabbit_password_hashing_sha256"`,
		`"password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha512"`, `"password_hash": "", "hashing_algorithm": "rabbit_password_hashing_md5"`,
		`"password_hash": "", "hashing_algorithm": "rabbit_password_hashing_rot13"`, `"password_hash": "%%%"`, `"password": "a", "password_hash": ""`,
		`"password": "a", "limits": {"max-channels": 5}`, `"password": "a", "limits": {"max-queues": 5}`,
	} {
		b.add("users", "", `{"name": "NAME", "tags": ["monitoring"], `+fields+`}`)
	}
	user := `"users": [{"name": "NAME", "tags": [], "password": "p"}], `
	for _, pattern := range []string{".*", "^NAME-.*$", "("} {
		b.add("permissions", user, fmt.Sprintf(`{"user": "NAME", "vhost": "/", "configure": %q, "write": ".*", "read": ".*"}`, pattern))
	}
	b.add("permissions", "", `{"user": "NAME", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}`)
	b.add("permissions", user, `{"user": "NAME", "vhost": "NAME", "configure": ".*", "write": ".*", "read": ".*"}`)
	b.add("topic_permissions", user, `{"user": "NAME", "vhost": "/", "exchange": "amq.topic", "write": "^a", "read": ".*"}`)
	for _, p := range [][2]string{
		{"operator_policy", `{"pattern": "^NAME$", "apply-to": "queues", "priority": 0, "definition": {"max-length": 10}}`},
		{"operator_policy", `{"pattern": "^NAME$", "apply-to": "queues", "priority": 0, "definition": {"dead-letter-exchange": "x"}}`},
		{"operator_policy", `{"pattern": "^NAME$", "apply-to": "queues", "priority": 0, "definition": {"ha-mode": "all"}}`},
		{"shovel", `{"src-protocol": "amqp091", "src-uri": "amqp://", "src-queue": "a", "dest-protocol": "amqp091", "dest-uri": "amqp://", "dest-queue": "b"}`},
		{"federation-upstream", `{"uri": "amqp://elsewhere"}`},
		{"federation-upstream-set", `[{"upstream": "a"}]`},
		{"nonsense", `{"a": 1}`},
	} {
		b.add("parameters", "", fmt.Sprintf(`{"vhost": "/", "component": %q, "name": "NAME", "value": %s}`, p[0], p[1]))
	}
	vhost := `"vhosts": [{"name": "NAME"}], `
	b.add("parameters", vhost, `{"vhost": "NAME", "component": "vhost-limits", "name": "limits", "value": {"max-connections": 10}}`)
	b.add("parameters", vhost, `{"vhost": "NAME", "component": "vhost-limits", "name": "limits", "value": {"max-channels": 10}}`)
	b.add("global_parameters", "", `{"name": "NAME", "value": {"anything": [1]}}`)
	b.add("global_parameters", "", `{"name": "NAME", "value": "text"}`)
}
