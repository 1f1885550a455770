package message

import (
	"slices"
	"strconv"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// The header x-death has the history of a message's deaths (QUEUE-76 to QUEUE-83).

// A Death is what befell a message in one queue for one reason: how often, and
// what it was like the first time (QUEUE-78).
type Death struct {
	queue, reason, exchange string
	keys                    amqp.Array // strings
	count                   int64
	time                    amqp.Timestamp // in seconds
	expiration              string         // the message's own; "" is none
}

// history is the deaths that headers tell of, the most recent first. What a
// client sent as x-death counts as far as it is well-formed (QUEUE-82,
// QUEUE-83).
func history(headers amqp.Table) []Death {
	v, _ := headers.Get("x-death")
	list, _ := v.(amqp.Array)
	deaths := make([]Death, 0, len(list)+1)
	for _, item := range list {
		if t, ok := item.(amqp.Table); ok {
			if d, ok := parseDeath(t); ok {
				deaths = append(deaths, d)
			}
		}
	}
	return deaths
}

func parseDeath(t amqp.Table) (d Death, ok bool) {
	ok = field(t, "queue", &d.queue) && field(t, "reason", &d.reason) && field(t, "exchange", &d.exchange) &&
		field(t, "routing-keys", &d.keys) && field(t, "time", &d.time)
	if _, there := t.Get("original-expiration"); there {
		ok = field(t, "original-expiration", &d.expiration) && ok
	}
	count, _ := t.Get("count")
	n, isInt := amqp.AsInt(count)
	d.count = n
	isKey := func(v any) bool { _, is := v.(string); return is }
	return d, ok && isInt && !slices.ContainsFunc(d.keys, func(v any) bool { return !isKey(v) })
}

// field reads one value of a table; false means that it is not there, or of
// another type.
func field[V any](t amqp.Table, key string, to *V) (ok bool) {
	v, _ := t.Get(key)
	*to, ok = v.(V)
	return ok
}

// table is the death as x-death has it, its fields in 3.13's order (QUEUE-77,
// QUEUE-80).
func (d *Death) table() amqp.Table {
	t := make(amqp.Table, 0, 7)
	if d.expiration != "" {
		t = append(t, amqp.Field{Key: "original-expiration", Value: d.expiration})
	}
	return append(t,
		amqp.Field{Key: "count", Value: d.count},
		amqp.Field{Key: "reason", Value: d.reason},
		amqp.Field{Key: "queue", Value: d.queue},
		amqp.Field{Key: "time", Value: d.time},
		amqp.Field{Key: "exchange", Value: d.exchange},
		amqp.Field{Key: "routing-keys", Value: d.keys},
	)
}

// recordDeath puts one death more at the front of a history: a new entry, or
// the one of that queue and reason counted on (QUEUE-76 to QUEUE-78).
func recordDeath(deaths []Death, p *amqp.Properties, dead *queue.DeadLetter, now int64) []Death {
	d := Death{queue: dead.Queue, reason: string(dead.Reason)}
	i := slices.IndexFunc(deaths, func(old Death) bool { return old.queue == d.queue && old.reason == d.reason })
	if i >= 0 {
		d = deaths[i]
		deaths = slices.Delete(deaths, i, i+1)
	} else {
		m := dead.Item.Msg
		d.exchange, d.time = m.Exchange, amqp.Timestamp(now)
		if p.Flags&amqp.HasExpiration != 0 { // as a plain number, which it was checked to be
			ms, _ := strconv.ParseInt(p.Expiration, 10, 64)
			d.expiration = strconv.FormatInt(ms, 10)
		}
		for _, key := range toldKeys(m) {
			d.keys = append(d.keys, key)
		}
	}
	d.count++
	return slices.Insert(deaths, 0, d)
}

// IsCycle reports whether a message that died of something else than a rejection
// has been in the queue before, with no rejection since (QUEUE-81).
func IsCycle(name string, deaths []Death) bool {
	for _, d := range deaths {
		switch {
		case d.reason == string(queue.Rejected):
			return false
		case d.queue == name:
			return true
		}
	}
	return false
}

// carbonCopies are the routing keys of the header CC, none if a queue's
// dead-letter key has taken their place (QUEUE-75).
func carbonCopies(m *queue.Message) []string {
	raw := m.Props.Headers()
	if raw == nil || m.Extra != nil && m.Extra.KeyAlone {
		return nil
	}
	v, _ := raw.Lookup("CC")
	return listHeader(amqp.Table{{Key: "CC", Value: v}}, "CC")
}

// toldKeys are the routing keys that a death tells: those of the message without those
// of BCC, each of which takes one away, the first that is found (QUEUE-77).
func toldKeys(m *queue.Message) []string {
	keys := AppendKeys(nil, m)
	if m.Extra == nil {
		return keys
	}
	for _, blind := range m.Extra.BCC {
		if i := slices.Index(keys, blind); i >= 0 {
			keys = slices.Delete(keys, i, i+1)
		}
	}
	return keys
}

// AppendKeys appends the routing keys by which a message that has been published
// before is routed again: its own, and what CC and BCC add (EXCH-45, QUEUE-72).
func AppendKeys(keys []string, m *queue.Message) []string {
	keys = append(append(keys, m.Key), carbonCopies(m)...)
	if m.Extra != nil {
		keys = append(keys, m.Extra.BCC...)
	}
	return keys
}

// NewDeadLetter makes the message that is published to the dead-letter exchange, and
// returns its history.
func NewDeadLetter(d *queue.DeadLetter, exchange string, now int64) (*queue.Message, []Death, error) {
	old := d.Item.Msg
	var p amqp.Properties
	if err := p.Decode(old.Props); err != nil {
		return nil, nil, err
	}
	var deaths []Death
	extra := old.Extra
	if extra == nil || !extra.ForeignDeaths { // QUEUE-82: history from a client counts until 4.0
		deaths = history(p.Headers)
	} else {
		own := *extra
		own.ForeignDeaths, extra = false, &own
	}
	if len(deaths) == 0 { // QUEUE-79: x-first-death-* of the first death
		SetHeader(&p, "x-first-death-exchange", old.Exchange)
		SetHeader(&p, "x-first-death-queue", d.Queue)
		SetHeader(&p, "x-first-death-reason", string(d.Reason))
	}
	deaths = recordDeath(deaths, &p, d, now)
	SetHeader(&p, "x-last-death-exchange", old.Exchange)
	SetHeader(&p, "x-last-death-queue", d.Queue)
	SetHeader(&p, "x-last-death-reason", string(d.Reason))
	tables := make(amqp.Array, len(deaths))
	for i, death := range deaths {
		tables[i] = death.table()
	}
	SetHeader(&p, "x-death", tables)
	if tidy := TidyHeaders(p.Headers); tidy != nil {
		p.Headers = tidy
	}
	p.Flags = p.Flags&^amqp.HasExpiration | amqp.HasHeaders // QUEUE-74: loses its expiration
	m := &queue.Message{
		Exchange: exchange, Key: old.Key, Props: p.Append(nil), Body: old.Body, // QUEUE-73: not redelivered
		Priority: old.Priority, Persistent: old.Persistent, Extra: extra,
	}
	if d.Settings.HasDeadLetterKey { // QUEUE-75: a new key makes CC ineffective
		m.Key, m.Extra = d.Settings.DeadLetterKey, &queue.Extra{KeyAlone: true}
	}
	return m, deaths, nil
}
