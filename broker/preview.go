package broker

import ()

// A RoutePreview is where a publish would go.
type RoutePreview struct {
	// Queues and Delayed are the queues, and the delayed exchanges that would keep it.
	Queues, Delayed []string
	// Alternate says that an alternate exchange is on the way.
	Alternate bool
	// Steps are the exchanges that it meets.
	Steps []RouteStep
}

// A RouteStep is one exchange on the way, with what has led to it: publish, binding or
// alternate.
type RouteStep struct{ Exchange, Type, Via string }

// Route finds where a publish would go, and sends nothing. It fails with NOT_FOUND if
// there is no such exchange, and for headers that are no table.
func (v *VHost) Route(exchange, key string, headers map[string]any) (RoutePreview, error) {
	if err := v.vh.Closed(); err != nil {
		return RoutePreview{}, err
	}
	table, err := tableOf(headers)
	if err != nil {
		return RoutePreview{}, err
	}
	p, err := v.vh.PreviewRoute(exchange, key, table)
	if err != nil {
		return RoutePreview{}, err
	}
	var r RoutePreview
	for _, q := range p.Queues {
		r.Queues = append(r.Queues, q.Name)
	}
	for _, d := range p.Delays {
		r.Delayed = append(r.Delayed, d.ExchangeName())
	}
	for _, h := range p.Hops {
		r.Steps = append(r.Steps, RouteStep{h.Exchange.Name, h.Exchange.Kind, h.Via})
		r.Alternate = r.Alternate || h.Via == "alternate"
	}
	return r, nil
}
