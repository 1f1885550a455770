package topology

import (
	"maps"
	"slices"
)

// List is what a virtual host has: exchanges and queues by name, and the bindings
// that were made, by destination. The default exchange's implicit ones are not among
// them.
func (vh *VHost) List() (exchanges []*Exchange, queues []*Queue, bindings []Binding) {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	for _, name := range slices.Sorted(maps.Keys(vh.exchanges)) {
		x := vh.exchanges[name]
		exchanges = append(exchanges, x)
		bindings = append(bindings, bindingsTo(destination{exchange: x})...)
	}
	for _, name := range slices.Sorted(maps.Keys(vh.queues)) {
		q := vh.queues[name]
		queues = append(queues, q)
		bindings = append(bindings, bindingsTo(destination{queue: q})...)
	}
	return exchanges, queues, bindings
}

// bindingsTo lists the bindings that lead to a destination.
func bindingsTo(d destination) []Binding {
	var list []Binding
	for _, x := range *d.sources() {
		for b := range x.table.Of(d) {
			r := Binding{Source: x.Name, Key: b.Key, Args: b.Args}
			if d.queue != nil {
				r.Destination = d.queue.Name
			} else {
				r.Destination, r.ToExchange = d.exchange.Name, true
			}
			list = append(list, r)
		}
	}
	return list
}
