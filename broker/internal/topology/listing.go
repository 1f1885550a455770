package topology

import (
	"maps"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/broker/internal/profile"
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
	for x := range d.sources().All() {
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

// addQueue and removeQueue keep the map of queues and the list of them alike. Called with
// the lock held.
func (vh *VHost) addQueue(q *Queue) {
	vh.queues[q.Name] = q
	q.slot = len(vh.list)
	q.serial = vh.env.serials.Add(1)
	vh.list = append(vh.list, q)
}

func (vh *VHost) removeQueue(q *Queue) {
	delete(vh.queues, q.Name)
	vh.env.gone.add(q.Type(), q.Stats())
	last := len(vh.list) - 1
	vh.list[q.slot] = vh.list[last]
	vh.list[q.slot].slot = q.slot
	vh.list[last] = nil
	vh.list = vh.list[:last]
}

// Serial tells the queue from others that had its name before.
func (q *Queue) Serial() uint64 { return q.serial }

// Named returns the queue of a name, whoever may use it; nil if there is none.
func (vh *VHost) Named(name string) *Queue {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	return vh.queues[name]
}

// Queues are all queues, in no order. To copy the list takes microseconds, however long it
// is.
func (vh *VHost) Queues() []*Queue {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	return slices.Clone(vh.list)
}

// QueueNames are the names of all queues, sorted.
func (vh *VHost) QueueNames() []string {
	queues := vh.Queues()
	names := make([]string, len(queues))
	for i, q := range queues {
		names[i] = q.Name
	}
	slices.Sort(names)
	return names
}

// ExchangeCount is the number of exchanges.
func (vh *VHost) ExchangeCount() int {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	return len(vh.exchanges)
}

// Exchanges are all exchanges, sorted by name.
func (vh *VHost) Exchanges() []*Exchange {
	vh.mu.RLock()
	list := slices.Collect(maps.Values(vh.exchanges))
	vh.mu.RUnlock()
	slices.SortFunc(list, func(a, b *Exchange) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Type is the queue's type by the name that x-queue-type gives it.
func (q *Queue) Type() string { return profile.QueueTypeOf(q.Args).Name }

// PoliciesOfQueue are the names of the policies that apply to a queue, "" for none, and
// the definition that follows from both.
func (vh *VHost) PoliciesOfQueue(q *Queue) (user, operator string, definition map[string]any) {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	if len(vh.policies.list) == 0 && len(vh.operatorPolicies.list) == 0 {
		return "", "", nil
	}
	t := profile.QueueTypeOf(q.Args)
	a, b := vh.policies.match(q.Name, "queues", t), vh.operatorPolicies.match(q.Name, "queues", t)
	if a != nil {
		user = a.Name
	}
	if b != nil {
		operator = b.Name
	}
	return user, operator, vh.profile.Merge(a.definition(), b.definition())
}

// PolicyOfExchange is the name of the policy that applies to an exchange, "" for none.
func (vh *VHost) PolicyOfExchange(x *Exchange) string {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	if r := vh.policies.match(x.Name, "exchanges", nil); r != nil {
		return r.Name
	}
	return ""
}
