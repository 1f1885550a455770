package management

import (
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/tap"
)

// A traceFilter chooses messages; all that is given must hold.
type traceFilter struct {
	exchange, queue, text, messageID, correlationID string
	key                                             string // a topic pattern
	header                                          object
	given                                           object
}

func traceFilterOf(o object) (f traceFilter, err error) {
	f.given = o
	for _, field := range []struct {
		key string
		to  *string
	}{
		{"exchange", &f.exchange}, {"queue", &f.queue}, {"text", &f.text}, {"routing_key", &f.key},
		{"message_id", &f.messageID}, {"correlation_id", &f.correlationID},
	} {
		if *field.to, err = o.text(field.key, ""); err != nil {
			return f, err
		}
	}
	if f.exchange == "amq.default" {
		f.exchange = ""
	}
	f.header, err = o.object("header")
	return f, err
}

// wants reports whether a publish is to be traced.
func (f *traceFilter) wants(e *tap.Event) bool {
	m := e.Msg
	switch {
	case f.given["exchange"] != nil && m.Exchange != f.exchange,
		f.queue != "" && !slices.Contains(e.Queues, f.queue),
		f.key != "" && !matchesTopic(f.key, m.Key),
		f.text != "" && !strings.Contains(string(m.Body), f.text):
		return false
	case f.messageID == "" && f.correlationID == "" && len(f.header) == 0:
		return true
	}
	var p amqp.Properties
	_ = p.Decode(m.Props) // what is malformed has less to match
	if f.messageID != "" && p.MessageID != f.messageID || f.correlationID != "" && p.CorrelationID != f.correlationID {
		return false
	}
	for name, want := range f.header {
		have, there := p.Headers.Get(name)
		if !there || headerText(have) != headerText(want) {
			return false
		}
	}
	return true
}

// headerText is a value as somebody would type it: who filters by a header knows its
// value, not its type.
func headerText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(appendValue(nil, v))
}

// matchesTopic reports whether a key has the form of a topic pattern.
func matchesTopic(pattern, key string) bool {
	words := strings.Split(key, ".")
	reached := make([]bool, len(words)+1) // up to which word the pattern so far leads
	reached[0] = true
	for want := range strings.SplitSeq(pattern, ".") {
		next := make([]bool, len(words)+1)
		for i, ok := range reached {
			switch {
			case !ok:
			case want == "#":
				for k := i; k <= len(words); k++ {
					next[k] = true
				}
			case i < len(words) && (want == "*" || want == words[i]):
				next[i+1] = true
			}
		}
		reached = next
	}
	return reached[len(words)]
}
