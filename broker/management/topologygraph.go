package management

import "github.com/rabbetmq/rabbet/broker"

// maxGraph is the most nodes that a graph of the topology has.
const maxGraph = 5000

// showTopology draws exchanges, queues and what leads from one to the other. The default
// exchange, which leads to every queue, is left out.
func (q *request) showTopology() error {
	at, err := q.places()
	if err != nil {
		return err
	}
	limit, err := q.bounded("limit", maxGraph, 1, maxGraph)
	if err != nil {
		return err
	}
	truncated := false
	return q.reply(func(e *encoder) {
		if e.array("vhosts") {
			for _, p := range at {
				g := graph{at: p, limit: limit, nodes: make(map[string]bool)}
				e.open()
				e.str("vhost", p.name)
				q.writeGraph(e, &g)
				e.shut()
				limit -= len(g.nodes)
				truncated = truncated || g.truncated
			}
			e.endArray()
		}
		e.boolean("truncated", truncated)
	})
}

// A graph is what has been drawn of one virtual host.
type graph struct {
	at        place
	limit     int
	nodes     map[string]bool
	truncated bool
	exchanges []broker.ExchangeInfo
	queues    []broker.QueueInfo
}

// An edge leads from one node to another.
type edge struct {
	from, to, kind, key string
	keyed               bool
	args                map[string]any
}

func exchangeNode(name string) string { return "x/" + name }
func queueNode(name string) string    { return "q/" + name }

func (g *graph) add(id string) bool {
	if len(g.nodes) >= g.limit {
		g.truncated = true
		return false
	}
	g.nodes[id] = true
	return true
}

func (q *request) writeGraph(e *encoder, g *graph) {
	g.choose()
	if e.array("nodes") {
		g.writeNodes(e)
		e.endArray()
	}
	if !e.array("edges") {
		return
	}
	for _, b := range g.at.Bindings() {
		to, kind := queueNode(b.Destination), "binding"
		if b.ToExchange {
			to, kind = exchangeNode(b.Destination), "exchange"
		}
		g.writeEdge(e, edge{from: exchangeNode(b.Source), to: to, kind: kind, key: b.Key, keyed: true, args: b.Args})
	}
	for _, x := range g.exchanges {
		if alternate, ok := x.Args["alternate-exchange"].(string); ok {
			g.writeEdge(e, edge{from: exchangeNode(x.Name), to: exchangeNode(alternate), kind: "alternate"})
		}
	}
	for i := range g.queues {
		info := &g.queues[i]
		exchange, key, dead := deadLetterTarget(*info)
		if !dead {
			continue
		}
		to := exchangeNode(exchange)
		if exchange == "" {
			to = queueNode(key)
		}
		g.writeEdge(e, edge{from: queueNode(info.Name), to: to, kind: "dead-letter", key: key, keyed: key != "*"})
	}
	e.endArray()
}

// choose takes exchanges and queues until there are enough.
func (g *graph) choose() {
	for _, x := range g.at.Exchanges() {
		if x.Name != "" && g.add(exchangeNode(x.Name)) {
			g.exchanges = append(g.exchanges, x)
		}
	}
	for _, name := range g.at.QueueNames() {
		if info, ok := g.at.Queue(name); ok && g.add(queueNode(name)) {
			g.queues = append(g.queues, info)
		}
	}
}

func (g *graph) writeNodes(e *encoder) {
	for _, x := range g.exchanges {
		e.open()
		e.str("id", exchangeNode(x.Name))
		e.str("type", "exchange")
		e.str("name", x.Name)
		e.str("kind", x.Type)
		e.boolean("durable", x.Durable)
		e.null("messages")
		e.null("consumers")
		e.shut()
	}
	for i := range g.queues {
		info := &g.queues[i]
		e.open()
		e.str("id", queueNode(info.Name))
		e.str("type", "queue")
		e.str("name", info.Name)
		e.str("kind", info.Type)
		e.boolean("durable", info.Durable)
		e.num("messages", int64(info.Ready+info.Unacked+info.Away))
		e.num("consumers", int64(info.Consumers))
		e.shut()
	}
}

// writeEdge writes an edge, if both its ends have been drawn.
func (g *graph) writeEdge(e *encoder, d edge) {
	if !g.nodes[d.from] || !g.nodes[d.to] {
		return
	}
	e.open()
	e.str("from", d.from)
	e.str("to", d.to)
	e.str("type", d.kind)
	if d.keyed {
		e.str("routing_key", d.key)
	} else {
		e.null("routing_key")
	}
	e.value("arguments", d.args)
	e.null("rate")
	e.shut()
}
