package topology

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/stream"
	"github.com/rabbetmq/rabbet/store"
)

// Recover brings back what a store holds, given its records: virtual hosts, policies,
// what delayed exchanges keep, exchanges, queues, then bindings. The messages stay where
// they are until they are wanted.
func Recover(env *Env, set records.Set) (map[string]*VHost, error) {
	r := recovery{env, make(map[string]*VHost), make(map[uint64]*Queue), make(map[uint64]*delayedQueue), nil, make(map[uint64]bool)}
	if env.Store == nil {
		return r.vhosts, nil
	}
	if err := r.records(set); err != nil {
		return nil, err
	}
	if err := r.messages(); err != nil {
		return nil, err
	}
	for _, vh := range r.vhosts {
		vh.recovering = false
	}
	for _, q := range r.queues {
		q.Resume()
	}
	for _, vh := range r.vhosts {
		for _, d := range vh.allDelayed() {
			vh.resume(d)
		}
	}
	return r.vhosts, nil
}

// A recovery is what has been brought back, queues and delayed exchanges by ID.
type recovery struct {
	env     *Env
	vhosts  map[string]*VHost
	queues  map[uint64]*Queue
	delayed map[uint64]*delayedQueue
	ordered []*records.Binding // those of which the order counts
	caches  map[uint64]bool    // of exchanges, by ID
}

// records brings back what there is a record of, each kind after those that it builds
// on.
func (r *recovery) records(set records.Set) error {
	for _, bringBack := range []func() error{
		func() error { return records.Each(set, records.KindVHost, r.vhost) },
		func() error { return records.Each(set, records.KindParameter, r.parameter) },
		func() error { return records.Each(set, records.KindPolicy, r.policy) },
		func() error { return records.Each(set, records.KindOperatorPolicy, r.policy) },
		r.indexPolicies,
		func() error { return records.Each(set, records.KindDelayed, r.delayedExchange) },
		func() error { return records.Each(set, records.KindExchange, r.exchange) },
		func() error { return records.Each(set, records.KindQueue, r.queue) },
		func() error { return records.Each(set, records.KindBinding, r.binding) },
		r.orderedBindings,
	} {
		if err := bringBack(); err != nil {
			return err
		}
	}
	return nil
}

func (r *recovery) vhost(doc *records.VHost) error {
	vh := makeVHost(string(doc.Name), r.env)
	vh.recovering = true
	vh.about = About{Description: string(doc.Description), DefaultQueueType: doc.DefaultQueueType, Protected: doc.Protected}
	for _, tag := range doc.Tags {
		vh.about.Tags = append(vh.about.Tags, string(tag))
	}
	r.vhosts[vh.Name] = vh
	return nil
}

// policy brings a policy back. Its keys were checked when it was set; those that only
// another profile knows have no effect.
func (r *recovery) policy(doc *records.Policy) error {
	vh, err := r.place(doc.VHost)
	if err != nil {
		return err
	}
	rule, err := newRule(doc.Policy)
	if err != nil {
		return err
	}
	rs := vh.rules(doc.Kind())
	rs.list = append(rs.list, rule)
	return nil
}

// indexPolicies makes policies count, when all are there.
func (r *recovery) indexPolicies() error {
	for _, vh := range r.vhosts {
		vh.policies.user.index()
		vh.policies.operator.index()
	}
	return nil
}

func (r *recovery) parameter(doc *records.Parameter) error {
	vh, err := r.place(doc.VHost)
	if err != nil {
		return err
	}
	vh.loadParameter(Parameter{string(doc.Component), string(doc.Name), doc.Value})
	return nil
}

func (r *recovery) delayedExchange(doc *records.Delayed) error {
	vh, err := r.place(doc.VHost)
	if err != nil {
		return err
	}
	if err := r.claim(doc.ID); err != nil {
		return err
	}
	d := vh.newDelayed(string(doc.Name), doc.ID)
	d.ghost = ghostOf(d.name, string(doc.Alternate), doc.HasAlternate)
	vh.waiting[d.name], r.delayed[d.id] = d, d
	return nil
}

func (r *recovery) exchange(doc *records.Exchange) error {
	vh, args, err := r.placeOf(doc.VHost, doc.Args)
	if err != nil {
		return err
	}
	if vh.cacheID = doc.Cache; doc.Cache != 0 {
		r.caches[doc.Cache] = true
		r.given(doc.Cache)
	}
	return vh.DeclareExchange(&amqp.ExchangeDeclare{
		Exchange: string(doc.Name), Type: string(doc.Type), Durable: !doc.Transient,
		AutoDelete: doc.AutoDelete, Internal: doc.Internal, Arguments: args,
	}, nil)
}

func (r *recovery) queue(doc *records.Queue) error {
	vh, args, err := r.placeOf(doc.VHost, doc.Args)
	if err != nil {
		return err
	}
	if err := r.claim(doc.ID); err != nil {
		return err
	}
	q := vh.newQueue(doc, args)
	vh.addQueue(q)
	r.queues[doc.ID] = q
	return nil
}

// binding brings a binding back; those of which the order counts are left to
// orderedBindings.
func (r *recovery) binding(doc *records.Binding) error {
	if doc.Order > 0 {
		r.ordered = append(r.ordered, doc)
		return nil
	}
	return r.bind(doc)
}

// orderedBindings binds in the order of binding (CHASH-3).
func (r *recovery) orderedBindings() error {
	slices.SortStableFunc(r.ordered, func(a, b *records.Binding) int { return cmp.Compare(a.Order, b.Order) })
	for _, doc := range r.ordered {
		if err := r.bind(doc); err != nil {
			return err
		}
		r.vhosts[string(doc.VHost)].exchanges[string(doc.Source)].bound = doc.Order
	}
	return nil
}

func (r *recovery) bind(doc *records.Binding) error {
	vh, args, err := r.placeOf(doc.VHost, doc.Args)
	if err != nil {
		return err
	}
	return vh.Bind(Binding{
		Source: string(doc.Source), Destination: string(doc.Destination), Key: string(doc.Key),
		Args: args, ToExchange: doc.ToExchange,
	}, nil)
}

// place finds the virtual host of a record.
func (r *recovery) place(name records.Text) (*VHost, error) {
	vh := r.vhosts[string(name)]
	if vh == nil {
		return nil, fmt.Errorf("there is no virtual host %q", name)
	}
	return vh, nil
}

// placeOf is place, and decodes the record's arguments.
func (r *recovery) placeOf(name records.Text, table records.Args) (*VHost, amqp.Table, error) {
	vh, err := r.place(name)
	if err != nil {
		return nil, nil, err
	}
	args, err := table.Table()
	return vh, args, err
}

// claim notes an ID and refuses one that was given twice.
func (r *recovery) claim(id uint64) error {
	switch {
	case r.queues[id] != nil:
		return fmt.Errorf("queue %q has its ID %d", r.queues[id].Name, id)
	case r.delayed[id] != nil:
		return fmt.Errorf("delayed exchange %q has its ID %d", r.delayed[id].name, id)
	}
	r.given(id)
	return nil
}

// given notes that an ID is in use: the next one is above.
func (r *recovery) given(id uint64) { r.env.ids.Store(max(r.env.ids.Load(), id)) }

// messages finds the messages of queues and delayed exchanges, and drops those of
// which there is neither.
func (r *recovery) messages() error {
	last, err := r.env.Store.DropUnknown(func(log store.LogID) bool {
		id := queue.QueueOf(log)
		return r.queues[id] != nil || r.delayed[id] != nil || r.caches[id]
	})
	if err != nil {
		return err
	}
	r.given(queue.QueueOf(last))
	if err := r.dropStreams(); err != nil {
		return err
	}
	if err := r.recoverCaches(); err != nil {
		return err
	}
	known := make(map[uint64]bool)
	if err := r.env.Store.EachLog(func(log store.LogID) { known[queue.QueueOf(log)] = true }); err != nil {
		return err
	}
	for id, q := range r.queues {
		if _, ok := q.Queue.(*queue.Classic); ok && !known[id] {
			continue // of a hundred thousand queues most are empty
		}
		if err := q.Recover(); err != nil {
			return fmt.Errorf("broker: queue %q: %w", q.Name, err)
		}
	}
	for _, d := range r.delayed {
		if err := d.Recover(); err != nil {
			return fmt.Errorf("broker: delayed exchange %q: %w", d.name, err)
		}
	}
	return nil
}

// recoverCaches finds what the store has of caches.
func (r *recovery) recoverCaches() error {
	for _, vh := range r.vhosts {
		for _, x := range vh.exchanges {
			if x.seen == nil {
				continue
			}
			if err := x.seen.Recover(); errors.Is(err, store.ErrDamaged) {
				vh.fault(x.Name, err)
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// dropStreams drops the logs of streams that have no record.
func (r *recovery) dropStreams() error {
	last, err := stream.DropUnknown(r.env.Store, func(id uint64) bool { return r.queues[id] != nil })
	r.given(last)
	return err
}
