package topology

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue/dedup"
)

// A message gets to its queues through exchange-to-exchange
// bindings and alternate exchanges, each exchange visited once (EXCH-28) and
// each queue found once (EXCH-32).

// A router is one search. It is reused, so that a search allocates nothing
// once it has grown.
type router struct {
	vh      *names
	visited []*Exchange            // doubles as the list of exchanges to visit
	met     map[*Exchange]struct{} // the same, used only past smallGraph exchanges
	dests   []destination
	seen    map[*Queue]struct{} // used only past smallFanout queues
	keyOnly bool                // no exchange on the way looks at more than keys
	delayed bool                // one looks at x-delay

	delays  []Delay      // delayed exchanges that are to keep the message
	keeps   []*Exchange  // x-recent-history exchanges that remember it
	marks   []dedup.Mark // what x-message-deduplication exchanges have noted of it
	repeats bool         // one of them has seen it before
	probe   bool         // nothing is to be noted
	refusal error        // why one of them cannot
}

// maxRun is the number of messages that are handed to the same queues at once.
const maxRun = 128

// smallGraph is the number of exchanges up to which a linear look beats a map.
const smallGraph = 16

// largeGraph is the number of exchanges up to which the map is kept for the next search.
const largeGraph = 1024

// smallFanout is the number of queues up to which a linear look for
// duplicates beats a map.
const smallFanout = 16

// route appends the queues that a publish to x reaches. keys holds the routing
// key and what CC and BCC add (EXCH-45), headers those to route by. Called with the virtual host's lock held,
// for reading at least.
func (r *router) route(dst []*Queue, vh *names, x *Exchange, keys []string, headers amqp.RawTable, props amqp.RawProperties) []*Queue {
	r.vh, r.keyOnly, r.delayed, r.delays, r.refusal, r.keeps, r.marks = vh, true, false, r.delays[:0], nil, nil, nil
	r.repeats = false
	r.visited = append(r.visited[:0], x)
	for i := 0; i < len(r.visited); i++ {
		dst = r.visit(dst, r.visited[i], keys, headers, props)
	}
	if len(r.met) > largeGraph {
		r.visited, r.met = nil, nil
	}
	clear(r.visited)
	clear(r.met)
	clear(r.seen)
	return dst
}

// visit routes through one exchange; its alternate is visited next if it finds
// nothing at all (EXCH-42).
func (r *router) visit(dst []*Queue, x *Exchange, keys []string, headers amqp.RawTable, props amqp.RawProperties) []*Queue {
	if x.table == nil {
		for _, key := range keys {
			if q := r.vh.queues[key]; q != nil { // EXCH-33: the key names the queue
				dst = r.found(dst, q)
			}
		}
		return dst
	}
	r.keyOnly = r.keyOnly && x.table.KeyOnly()
	r.dests = r.dests[:0]
	if x.delayed != nil && r.delaysAt(x, headers) {
		if x.strict == nil { // EXCH-52: a delayed message counts as routed nowhere
			r.askAlternate(x)
		}
		return dst
	}
	if x.history != nil {
		r.keyOnly, r.keeps = false, append(r.keeps, x)
	}
	if x.seen != nil && r.isRepeated(x, headers) { // DEDUP-3: a repeated value is routed nowhere
		r.askAlternate(x)
		return dst
	}
	r.dests = x.table.Route(r.dests, exchange.Message{Key: keys[0], More: keys[1:], Headers: headers, Props: props})
	if len(r.dests) == 0 {
		r.askAlternate(x)
	}
	for _, d := range r.dests {
		if d.queue != nil {
			dst = r.found(dst, d.queue)
		} else {
			r.follow(d.exchange)
		}
	}
	return dst
}

// askAlternate visits an exchange's alternate next, if it has one.
func (r *router) askAlternate(x *Exchange) {
	if !x.hasAlternate {
		return
	}
	// The default exchange routes what is published to it, and nothing else.
	if alt := r.vh.exchanges[x.alternate]; alt != nil && alt.table != nil { // EXCH-44: a missing alternate is skipped
		r.follow(alt)
	}
}

// follow visits an exchange that has not been visited.
func (r *router) follow(x *Exchange) {
	if len(r.visited) < smallGraph {
		if !slices.Contains(r.visited, x) {
			r.visited = append(r.visited, x)
		}
		return
	}
	if len(r.met) == 0 {
		if r.met == nil {
			r.met = make(map[*Exchange]struct{})
		}
		for _, v := range r.visited {
			r.met[v] = struct{}{}
		}
	}
	if _, met := r.met[x]; !met {
		r.met[x] = struct{}{}
		r.visited = append(r.visited, x)
	}
}

func (r *router) found(dst []*Queue, q *Queue) []*Queue {
	if len(dst) < smallFanout {
		for _, d := range dst {
			if d == q {
				return dst
			}
		}
		return append(dst, q)
	}
	if len(r.seen) == 0 {
		if r.seen == nil {
			r.seen = make(map[*Queue]struct{})
		}
		for _, d := range dst {
			r.seen[d] = struct{}{}
		}
	}
	if _, dup := r.seen[q]; dup {
		return dst
	}
	r.seen[q] = struct{}{}
	return append(dst, q)
}

// isRepeated reports whether an exchange has seen the value that a message brings; if it
// has not, it has now, which is noted to be taken back should the publish fail.
func (r *router) isRepeated(x *Exchange, headers amqp.RawTable) bool {
	r.keyOnly = false
	key, ok := dedup.KeyOf(headers)
	if !ok {
		return false
	}
	if r.probe {
		return x.seen.Has(key)
	}
	ttl, _ := dedup.TTLOf(headers)
	mark, added := x.seen.Add(key, ttl)
	if added {
		r.marks = append(r.marks, mark)
	}
	r.repeats = r.repeats || !added
	return !added
}
