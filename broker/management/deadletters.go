package management

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/broker"
)

// A deadLetterGroup is dead letters of one queue that have the same past.
type deadLetterGroup struct{ queue, reason, exchange, key string }

// A groupCount is how many there are, and when they died, in milliseconds.
type groupCount struct {
	count       int
	first, last int64
}

// listDeadLetterQueues lists the queues that dead letters of others go to, with what is in
// them by where it comes from.
func (q *request) listDeadLetterQueues() error {
	at, err := q.places()
	if err != nil {
		return err
	}
	return q.reply(func(e *encoder) {
		if !e.array("queues") {
			return
		}
		for _, p := range at {
			sources := deadLetterSources(p)
			for _, name := range slices.Sorted(maps.Keys(sources)) {
				if q.mayRead(p.name, name) == nil {
					writeDeadLetterQueue(e, p, name, sources[name])
				}
			}
		}
		e.endArray()
	})
}

// deadLetterSources are the queues whose dead letters go to each queue, by its name.
func deadLetterSources(p place) map[string][]string {
	sources := make(map[string][]string)
	for _, name := range p.QueueNames() {
		info, ok := p.Queue(name)
		if !ok {
			continue
		}
		exchange, key, dead := deadLetterTarget(info)
		if !dead {
			continue
		}
		for _, to := range queuesBehind(p, exchange, key) {
			if to != name || exchange != "" {
				sources[to] = append(sources[to], name)
			}
		}
	}
	return sources
}

// deadLetterTarget is where a queue's dead letters go. A key of "*" stands for that of each
// message.
func deadLetterTarget(info broker.QueueInfo) (exchange, key string, ok bool) {
	exchange, ok = info.Args["x-dead-letter-exchange"].(string)
	if !ok {
		if exchange, ok = info.Definition["dead-letter-exchange"].(string); !ok {
			return "", "", false
		}
	}
	key, keyed := info.Args["x-dead-letter-routing-key"].(string)
	if !keyed {
		if key, keyed = info.Definition["dead-letter-routing-key"].(string); !keyed {
			key = "*"
		}
	}
	return exchange, key, true
}

// queuesBehind are the queues that may be reached from an exchange: with a key those that
// it leads to, otherwise all that are bound.
func queuesBehind(p place, exchange, key string) []string {
	if key != "*" {
		if r, err := p.Route(exchange, key, nil); err == nil {
			return r.Queues
		}
		return nil
	}
	if exchange == "" {
		return nil
	}
	var found []string
	seen := map[string]bool{exchange: true}
	bindings := p.Bindings()
	for next := []string{exchange}; len(next) > 0; next = next[1:] {
		for _, b := range bindings {
			switch {
			case b.Source != next[0]:
			case !b.ToExchange && !slices.Contains(found, b.Destination):
				found = append(found, b.Destination)
			case b.ToExchange && !seen[b.Destination]:
				seen[b.Destination] = true
				next = append(next, b.Destination)
			}
		}
	}
	return found
}

func writeDeadLetterQueue(e *encoder, p place, name string, sources []string) {
	list, total, err := p.Browse(name, 0, maxScan)
	if err != nil {
		return // deleted meanwhile
	}
	groups := make(map[deadLetterGroup]*groupCount)
	for i := range list {
		d, ok := deathOf(&list[i].Properties)
		if !ok {
			continue
		}
		g := deadLetterGroup{d.queue, d.reason, d.exchange, ""}
		if len(d.keys) > 0 {
			g.key = d.keys[0]
		}
		n := groups[g]
		if n == nil {
			n = &groupCount{first: d.at, last: d.at}
			groups[g] = n
		}
		n.count++
		n.first, n.last = min(n.first, d.at), max(n.last, d.at)
	}
	e.open()
	e.str("vhost", p.name)
	e.str("name", name)
	e.num("messages", int64(total))
	e.strs("sources", sources)
	e.num("scanned", int64(len(list)))
	if e.array("groups") {
		for _, g := range sortedGroups(groups) {
			n := groups[g]
			e.open()
			e.str("queue", g.queue)
			e.str("reason", g.reason)
			e.str("exchange", g.exchange)
			e.str("routing_key", g.key)
			e.num("count", int64(n.count))
			numOrNull(e, "first_at", n.first)
			numOrNull(e, "last_at", n.last)
			e.shut()
		}
		e.endArray()
	}
	e.shut()
}

// sortedGroups are the groups, the largest first.
func sortedGroups(groups map[deadLetterGroup]*groupCount) []deadLetterGroup {
	return slices.SortedFunc(maps.Keys(groups), func(a, b deadLetterGroup) int {
		return cmp.Or(cmp.Compare(groups[b].count, groups[a].count), cmp.Compare(a.queue, b.queue),
			cmp.Compare(a.reason, b.reason), cmp.Compare(a.exchange, b.exchange), cmp.Compare(a.key, b.key))
	})
}

// A deathFilter chooses dead letters.
type deathFilter struct{ queue, reason, text string }

func (f *deathFilter) matches(m *shownMessage) bool {
	d, _ := deathOf(&m.Properties)
	return (f.queue == "" || f.queue == d.queue) && (f.reason == "" || f.reason == d.reason) && m.contains(f.text)
}

func (q *request) browseDeadLetters() error {
	v, name, err := q.readableQueue()
	if err != nil {
		return err
	}
	b, err := q.browsing(standardTruncate)
	if err != nil {
		return err
	}
	f := deathFilter{q.query.Get("queue"), q.query.Get("reason"), strings.ToLower(q.query.Get("q"))}
	return q.showMessages(v, name, b, f.matches, func(e *encoder, m *shownMessage) {
		d, ok := deathOf(&m.Properties)
		if !ok {
			e.null("death")
			return
		}
		if !e.object("death") {
			return
		}
		e.str("queue", d.queue)
		e.str("reason", d.reason)
		e.str("exchange", d.exchange)
		e.strs("routing_keys", d.keys)
		e.num("count", d.count)
		numOrNull(e, "at", d.at)
		e.end()
	})
}
