package broker

import (
	"time"

	"github.com/rabbetmq/rabbet/amqp"
)

// A Death is one entry of a message's header x-death: what befell it in one queue
// for one reason.
type Death struct {
	Queue string
	// Reason is rejected, expired, maxlen or delivery_limit; that of a strict delayed
	// exchange is unroutable, and its Queue is empty.
	Reason string
	// Count is how often it happened. Time is when it happened first, in whole seconds.
	Count int64
	Time  time.Time
	// Exchange and Keys are what the message was published to, the first time.
	Exchange string
	Keys     []string
	// OriginalExpiration is the property expiration, which dead-lettering removes;
	// "" if there was none.
	OriginalExpiration string
}

// Deaths returns what the header x-death tells of the message, the latest death
// first (QUEUE-76: the header's order); nil if it was never dead-lettered. A field
// that is not there, or of another type, is zero.
func (m *Message) Deaths() []Death {
	header, _ := m.Properties.Headers.Get("x-death")
	entries, _ := header.(amqp.Array)
	var deaths []Death
	for _, entry := range entries {
		t, ok := entry.(amqp.Table)
		if !ok {
			continue
		}
		var d Death
		d.Queue, _ = fieldOf[string](t, "queue")
		d.Reason, _ = fieldOf[string](t, "reason")
		d.Exchange, _ = fieldOf[string](t, "exchange")
		d.OriginalExpiration, _ = fieldOf[string](t, "original-expiration")
		if at, ok := fieldOf[amqp.Timestamp](t, "time"); ok {
			d.Time = time.Unix(int64(at), 0)
		}
		count, _ := t.Get("count")
		d.Count, _ = amqp.AsInt(count)
		keys, _ := fieldOf[amqp.Array](t, "routing-keys")
		for _, key := range keys {
			if s, ok := key.(string); ok {
				d.Keys = append(d.Keys, s)
			}
		}
		deaths = append(deaths, d)
	}
	return deaths
}

func fieldOf[V any](t amqp.Table, key string) (V, bool) {
	v, _ := t.Get(key)
	value, ok := v.(V)
	return value, ok
}
