package topology

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/ordered"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/dedup"
	"github.com/rabbetmq/rabbet/queue/delayed"
)

// An Exchange is one exchange as it was declared.
type Exchange struct {
	Name, Kind                    string
	Durable, AutoDelete, Internal bool
	kept                          bool // in the store: there after a restart (PERSIST-1)
	Args                          amqp.Table
	alternate                     string // the alternate exchange, if hasAlternate
	hasAlternate                  bool

	table   exchange.Table[destination] // nil for the default exchange
	doomed  bool                        // to be deleted, which has been told
	ordered bool                        // the order of its bindings counts, and is kept in the store
	bound   uint64                      // the order of the latest
	seen    *dedup.Cache                // nil but for x-message-deduplication
	cacheID uint64                      // names what the store has of it; 0 is nothing
	history *recentMessages             // nil but for x-recent-history
	sources ordered.Set[*Exchange]      // those with a binding to this one

	delayed *delayedQueue // what waits in it; nil unless it is a delayed exchange
	strict  *strictness   // nil unless it is a strict one

	counts exchangeCounts
}

// A Queue is one queue as it was declared.
type Queue struct {
	queue.Queue
	Name                string
	Durable, AutoDelete bool
	Exclusive           Owner // nil unless it is an exclusive queue
	Args                amqp.Table
	sources             ordered.Set[*Exchange] // the exchanges with a binding to it
	slot                int                    // in the virtual host's list
	serial              uint64
	id                  uint64 // of its record, and the rule of it
	rule                queue.QuorumPriority
	warned              atomic.Uint32 // what was said of its dead letters
}

// A destination is where a binding leads: a queue or an exchange.
type destination struct {
	queue    *Queue
	exchange *Exchange
}

// A Binding is queue.bind, exchange.bind or one of their opposites.
type Binding struct {
	Source, Destination, Key string
	Args                     amqp.Table
	ToExchange               bool
}

// A strictness is what an exchange does that was declared with x-delayed-strict:
// what it keeps counts as routed, its alternate is asked when a message is due,
// and a message that is unroutable then is dead-lettered.
type strictness struct {
	deadLetter *queue.Settings // nil if there is no dead-letter exchange
}

// checkAccess refuses another connection's exclusive queue (QUEUE-18).
func (q *Queue) checkAccess(vhost string, by Owner) error {
	if q.Exclusive != nil && by != nil && q.Exclusive != by {
		return refusal.Locked(q.Name, vhost)
	}
	return nil
}

// checkAccess refuses another connection's exclusive queue (EXCH-25).
func (d destination) checkAccess(vhost string, by Owner) error {
	if d.queue == nil {
		return nil
	}
	return d.queue.checkAccess(vhost, by)
}

// sources is the destination's list of the exchanges that lead to it.
func (d destination) sources() *ordered.Set[*Exchange] {
	if d.queue != nil {
		return &d.queue.sources
	}
	return &d.exchange.sources
}

// Serial tells the queue from others that had its name before.
func (q *Queue) Serial() uint64 { return q.serial }

// Type is the queue's type by the name that x-queue-type gives it.
func (q *Queue) Type() string { return profile.QueueTypeOf(q.Args).Name }

// Count adds publishes to the exchange, and the queues that they went to.
func (x *Exchange) Count(in, out uint64) {
	x.counts.in.Add(in)
	x.counts.out.Add(out)
}

// Counts returns what was published to the exchange, and to how many queues it went.
func (x *Exchange) Counts() (in, out uint64) { return x.counts.in.Load(), x.counts.out.Load() }

// ResetCounts begins to count anew.
func (x *Exchange) ResetCounts() {
	x.counts.in.Store(0)
	x.counts.out.Store(0)
}

// A delayedQueue is what waits under the name of a delayed exchange. It outlives the
// exchange: what waits when that is deleted is routed in its time all the same,
// by what bears the name then (EXCH-55).
type delayedQueue struct {
	*delayed.Queue
	name string
	id   uint64 // names its log, in one series with the queues

	// ghost stands for the exchange once that is deleted: no bindings, but its
	// alternate still counts. Guarded by the virtual host's lock.
	ghost *Exchange
}

// delayedType is the type of the exchanges that the plugin adds.
const delayedType = "x-delayed-message"

// names are what the names in a virtual host stand for. The lock guards the maps and every
// routing table in them, and is taken before any queue's.
type names struct {
	Name    string
	env     *Env
	profile *profile.Profile // env's

	mu        sync.RWMutex
	exchanges map[string]*Exchange
	queues    map[string]*Queue
	list      []*Queue      // the same, in no order
	sealed    bool          // to be deleted: nothing comes in any more
	gen       atomic.Uint64 // of routes
}

// Queue finds a queue that an owner may use (QUEUE-18). A nil owner
// is the broker itself, which may use every queue.
func (ns *names) Queue(name string, by Owner) (*Queue, error) {
	if by == nil {
		if err := ns.Closed(); err != nil {
			return nil, err
		}
	}
	ns.mu.RLock()
	q := ns.queues[name]
	ns.mu.RUnlock()
	if q == nil {
		return nil, refusal.NoQueue(name, ns.Name)
	}
	if err := q.checkAccess(ns.Name, by); err != nil {
		return nil, err
	}
	return q, nil
}

// Exchange finds an exchange, or nil.
func (ns *names) Exchange(name string) *Exchange {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return ns.exchanges[name]
}

// Generation counts the changes that can alter where a message goes, and who may send it:
// what was found under another one is stale.
func (ns *names) Generation() uint64 { return ns.gen.Load() + ns.env.outdated.Load() }

// changed makes cached routes stale. Called with the lock held.
func (ns *names) changed() { ns.gen.Add(1) }

// checkSealed refuses what would come into a virtual host that is being deleted. Called
// with the lock held.
func (ns *names) checkSealed() error {
	if !ns.sealed {
		return nil
	}
	return amqp.Errorf(amqp.NotAllowed, "vhost %s not found", ns.Name)
}

// Named returns the queue of a name without a check of its owner; nil if there is none.
func (ns *names) Named(name string) *Queue {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return ns.queues[name]
}

// Queues are all queues, in no order. To copy the list takes microseconds, however long it
// is.
func (ns *names) Queues() []*Queue {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return slices.Clone(ns.list)
}

// QueueNames are the names of all queues, sorted.
func (ns *names) QueueNames() []string {
	queues := ns.Queues()
	names := make([]string, len(queues))
	for i, q := range queues {
		names[i] = q.Name
	}
	slices.Sort(names)
	return names
}

// ExchangeCount is the number of exchanges.
func (ns *names) ExchangeCount() int {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return len(ns.exchanges)
}

// Exchanges are all exchanges, sorted by name.
func (ns *names) Exchanges() []*Exchange {
	ns.mu.RLock()
	list := slices.Collect(maps.Values(ns.exchanges))
	ns.mu.RUnlock()
	slices.SortFunc(list, func(a, b *Exchange) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// QueueCount is the number of queues in a virtual host.
func (ns *names) QueueCount() int {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return len(ns.queues)
}

// HasQueue reports whether there is a queue of a name.
func (ns *names) HasQueue(name string) bool {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return ns.queues[name] != nil
}

// List is what a virtual host has: exchanges and queues by name, and the bindings
// that were made, by destination. The default exchange's implicit ones are not among
// them.
func (ns *names) List() (exchanges []*Exchange, queues []*Queue, bindings []Binding) {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	for _, name := range slices.Sorted(maps.Keys(ns.exchanges)) {
		x := ns.exchanges[name]
		exchanges = append(exchanges, x)
		bindings = append(bindings, bindingsTo(destination{exchange: x})...)
	}
	for _, name := range slices.Sorted(maps.Keys(ns.queues)) {
		q := ns.queues[name]
		queues = append(queues, q)
		bindings = append(bindings, bindingsTo(destination{queue: q})...)
	}
	return exchanges, queues, bindings
}

// addQueue and removeQueue keep the map of queues and the list of them alike. Called with
// the lock held.
func (ns *names) addQueue(q *Queue) {
	ns.queues[q.Name] = q
	ns.env.queues.Add(1)
	q.slot = len(ns.list)
	q.serial = ns.env.serials.Add(1)
	ns.list = append(ns.list, q)
}

func (ns *names) removeQueue(q *Queue) {
	delete(ns.queues, q.Name)
	ns.env.queues.Add(-1)
	ns.env.gone.add(q.Type(), q.Stats())
	last := len(ns.list) - 1
	ns.list[q.slot] = ns.list[last]
	ns.list[q.slot].slot = q.slot
	ns.list[last] = nil
	ns.list = ns.list[:last]
}

// someQueues is up to most of the queues.
func (ns *names) someQueues(most int) []*Queue {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	queues := make([]*Queue, 0, most)
	for _, q := range ns.queues {
		if queues = append(queues, q); len(queues) == most {
			break
		}
	}
	return queues
}

// ends finds both ends of a binding. Called with the lock held.
func (ns *names) ends(r *Binding) (*Exchange, destination, error) {
	x := ns.exchanges[r.Source]
	if x == nil { // reported first where both are missing (EXCH-23)
		return nil, destination{}, refusal.NoExchange(r.Source, ns.Name)
	}
	if r.ToExchange {
		to := ns.exchanges[r.Destination]
		if to == nil {
			return nil, destination{}, refusal.NoExchange(r.Destination, ns.Name)
		}
		return x, destination{exchange: to}, nil
	}
	q := ns.queues[r.Destination]
	if q == nil {
		return nil, destination{}, refusal.NoQueue(r.Destination, ns.Name)
	}
	return x, destination{queue: q}, nil
}

// StopQueues stops the timers of the queues.
func (ns *names) StopQueues() {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	for _, q := range ns.queues {
		q.Stop()
	}
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

// cleanName removes CR and LF, as RabbitMQ does with names in declare, delete,
// bind and unbind (EXCH-2).
func cleanName(name string) string {
	if !strings.ContainsAny(name, "\r\n") {
		return name
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(name)
}
