package topology

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
)

// A Hop is an exchange on the way of a message, and what has led to it: publish, binding
// or alternate.
type Hop struct {
	Exchange *Exchange
	Via      string
}

// A Preview is where a message would go.
type Preview struct {
	Queues []*Queue
	Delays []Delay
	Hops   []Hop
}

// PreviewRoute finds where a publish to an exchange would go, and sends nothing.
func (vh *VHost) PreviewRoute(name, key string, headers amqp.Table) (Preview, error) {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	x := vh.exchanges[name]
	if x == nil {
		return Preview{}, refusal.NoExchange(name, vh.Name)
	}
	properties := amqp.Properties{Flags: amqp.HasHeaders, Headers: headers}
	props := amqp.RawProperties(properties.Append(nil))
	var r router
	var p Preview
	r.vh, r.visited, r.probe = &vh.names, []*Exchange{x}, true
	via := map[*Exchange]string{x: "publish"}
	for i := 0; i < len(r.visited); i++ {
		before := len(r.visited)
		r.dests = nil
		p.Queues = r.visit(p.Queues, r.visited[i], []string{key}, props.Headers(), props)
		for _, next := range r.visited[before:] {
			via[next] = "binding"
			if !slices.ContainsFunc(r.dests, func(d destination) bool { return d.exchange == next }) {
				via[next] = "alternate"
			}
		}
	}
	for _, x := range r.visited {
		p.Hops = append(p.Hops, Hop{x, via[x]})
	}
	p.Delays = r.delays
	return p, nil
}

// ExchangeName is the name of the exchange that keeps the message.
func (d Delay) ExchangeName() string { return d.in.name }
