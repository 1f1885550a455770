package shovel

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
)

// A key names a shovel.
type key struct{ vhost, name string }

// A definition is what the value of a shovel's parameter means. It never changes.
type definition struct {
	key
	fault     string // why it cannot run here; "" if it can
	ackMode   string
	reconnect time.Duration // 0 never tries again
	source    source
	target    target
}

// A source is where messages come from.
type source struct {
	uris                 []string
	queue, exchange, key *string
	args, consumerArgs   amqp.Table
	predeclared          bool
	prefetch             uint16
	deleteAfter          int64 // messages; never and queueLength are below 0
}

// Values of deleteAfter that are no numbers.
const (
	never       = -1
	queueLength = -2
)

// A target is where messages go.
type target struct {
	uris                    []string
	queue, exchange, key    *string
	args                    amqp.Table
	predeclared             bool
	forwardHeaders, stamped bool
	properties              map[string]any
}

const (
	defaultReconnect = 5
	defaultPrefetch  = 1000
)

// parse reads a value that has been checked.
func parse(k key, m map[string]any) *definition {
	d := &definition{
		key: k, ackMode: stringOr(m, ackConfirm, "ack-mode"),
		reconnect: time.Duration(float64(time.Second) * max(0, numberOr(m, defaultReconnect, "reconnect-delay"))),
		source: source{
			uris: uris(m["src-uri"]), queue: optional(m, "src-queue"), exchange: optional(m, "src-exchange"), key: optional(m, "src-exchange-key"),
			args: table(m["src-queue-args"]), consumerArgs: table(m["src-consumer-args"]), predeclared: is(m, "src-predeclared"),
			prefetch:    uint16(min(max(0, numberOr(m, defaultPrefetch, "src-prefetch-count", "prefetch-count")), math.MaxUint16)),
			deleteAfter: int64(numberOr(m, never, "src-delete-after", "delete-after")),
		},
		target: target{
			uris: uris(m["dest-uri"]), queue: optional(m, "dest-queue"), exchange: optional(m, "dest-exchange"), key: optional(m, "dest-exchange-key"),
			args: table(m["dest-queue-args"]), predeclared: is(m, "dest-predeclared"),
			forwardHeaders: is(m, "dest-add-forward-headers", "add-forward-headers"), stamped: is(m, "dest-add-timestamp-header", "add-timestamp-header"),
		},
	}
	if stringOr(m, "", "src-delete-after", "delete-after") == "queue-length" {
		d.source.deleteAfter = queueLength
	}
	d.target.properties, _ = first(m, "dest-publish-properties", "publish-properties").(map[string]any)
	from, to := protocols(m)
	here := []string{"amqp:///" + url.PathEscape(k.vhost)}
	if from == protocolHere && len(d.source.uris) == 0 {
		d.source.uris = here
	}
	if to == protocolHere && len(d.target.uris) == 0 {
		d.target.uris = here
	}
	if from == protocol10 || to == protocol10 {
		d.fault = "AMQP 1.0 is not spoken here"
	}
	return d
}

// first is the value of the first of the keys that is there.
func first(m map[string]any, keys ...string) any {
	for _, k := range keys {
		if v, ok := m[k]; ok {
			return v
		}
	}
	return nil
}

func stringOr(m map[string]any, otherwise string, keys ...string) string {
	if s, ok := first(m, keys...).(string); ok {
		return s
	}
	return otherwise
}

func numberOr(m map[string]any, otherwise float64, keys ...string) float64 {
	n, _ := first(m, keys...).(json.Number)
	if f, err := n.Float64(); err == nil {
		return f
	}
	return otherwise
}

func is(m map[string]any, keys ...string) bool { return first(m, keys...) == true }

func optional(m map[string]any, k string) *string {
	if s, ok := m[k].(string); ok {
		return &s
	}
	return nil
}

func uris(v any) (list []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			list = append(list, uris(item)...)
		}
	}
	return list
}

// table is a JSON object as arguments.
func table(v any) (t amqp.Table) {
	m, _ := v.(map[string]any)
	t, _ = amqp.TableOf(plain(m).(map[string]any)) // of texts, numbers and tables alone
	return t
}

// plain turns the numbers of JSON into those of AMQP.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // one that is too large is infinite, which is refused
		return f
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, item := range v {
			m[k] = plain(item)
		}
		return m
	}
	return v
}

// endpoints are the names of the two ends as a status and the forward headers have them
// (SHOVEL-6, SHOVEL-9).
func (d *definition) endpoints() (from, to []endpoint) {
	if d.source.queue != nil {
		from = []endpoint{{"src-queue", *d.source.queue}}
	} else if d.source.exchange != nil {
		from = []endpoint{{"src-exchange", *d.source.exchange}, {"src-exchange-key", valueOf(d.source.key)}}
	}
	for _, e := range []struct {
		name string
		v    *string
	}{{"dest-exchange", d.target.exchange}, {"dest-exchange-key", d.target.key}, {"dest-queue", d.target.queue}} {
		if e.v != nil {
			to = append(to, endpoint{e.name, *e.v})
		}
	}
	return from, to
}

// title is what events name a shovel by.
func (d *definition) title() amqp.Table {
	return amqp.Table{{Key: "name", Value: d.name}, {Key: "vhost", Value: d.vhost}}
}

// An endpoint is a name of one end, such as src-queue, and its value.
type endpoint struct{ name, value string }

func valueOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (k key) String() string { return fmt.Sprintf("'%s' in virtual host '%s'", k.name, k.vhost) }
