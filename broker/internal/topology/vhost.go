package topology

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/ordered"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/dedup"
	"github.com/rabbetmq/rabbet/store"
)

// A VHost owns the names: exchanges, queues and what binds them. Its lock
// guards the maps and every routing table in them, and is taken before any
// queue's.
type VHost struct {
	Name     string
	env      *Env
	profile  *profile.Profile // env's
	queueEnv *queue.Env       // what its queues share

	cacheID uint64 // of the exchange that is being recovered
	keeper

	policyMu sync.Mutex // held while policies change, before mu

	mu                         sync.RWMutex
	exchanges                  map[string]*Exchange
	queues                     map[string]*Queue
	list                       []*Queue                 // the same, in no order
	delayed                    map[string]*delayedQueue // what waits, by the exchange's name
	policies, operatorPolicies rules
	parameters                 map[parameterKey]json.RawMessage
	limits                     access.Limits // what the parameter of limits says
	about                      About
	sealed                     bool          // to be deleted: nothing comes in any more
	gen                        atomic.Uint64 // of routes
}

// An Exchange is one exchange as it was declared.
type Exchange struct {
	Name, Kind                    string
	Durable, AutoDelete, Internal bool
	kept                          bool // in the store: there after a restart (PERSIST-1)
	Args                          amqp.Table
	alternate                     string // the alternate exchange, if hasAlternate
	hasAlternate                  bool

	table   exchange.Table[destination] // nil for the default exchange
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
}

// A destination is where a binding leads: a queue or an exchange.
type destination struct {
	queue    *Queue
	exchange *Exchange
}

// predeclared are the exchanges of every new virtual host (EXCH-1).
var predeclared = []struct {
	name, kind string
	internal   bool
}{
	{"", "direct", false},
	{"amq.direct", "direct", false},
	{"amq.fanout", "fanout", false},
	{"amq.topic", "topic", false},
	{"amq.headers", "headers", false},
	{"amq.match", "headers", false},
	{"amq.rabbitmq.trace", "topic", true},
}

// NewVHost makes a virtual host with its predeclared exchanges (EXCH-1), and its
// record.
func NewVHost(name string, about About, env *Env) *VHost {
	vh := makeVHost(name, env)
	vh.about = about
	vh.persistVHost()
	return vh
}

// makeVHost is NewVHost without the record.
func makeVHost(name string, env *Env) *VHost {
	vh := &VHost{
		Name:      name,
		env:       env,
		profile:   env.Profile,
		keeper:    keeper{vhost: records.Text(name), store: env.Store},
		exchanges: make(map[string]*Exchange),
		queues:    make(map[string]*Queue),
		delayed:   make(map[string]*delayedQueue),
	}
	vh.queueEnv = &queue.Env{
		Clock: env.Clock, Store: env.Store, Memory: env.Memory, Perform: vh.Perform, CountFailures: env.Profile.CountsFailures, HigherTakesOver: env.Profile.HigherTakesOver, Fault: vh.fault,
	}
	if o := env.Observer; o != nil {
		vh.queueEnv.Gone = func(from string, m *queue.Message, why queue.Reason) { o.Gone(name, from, m, why) }
		vh.queueEnv.Listened = func() bool { return o.Listens(name) }
	}
	for _, p := range predeclared {
		x := &Exchange{Name: p.name, Kind: p.kind, Durable: true, kept: true, Internal: p.internal}
		if p.name != "" {
			x.table, _ = exchange.New[destination](p.kind, nil)
		}
		vh.exchanges[p.name] = x
	}
	return vh
}

// fault logs that messages of a queue, or of a delayed exchange, cannot be read.
func (vh *VHost) fault(queue string, err error) {
	text := "cannot read messages from the store"
	if errors.Is(err, store.ErrDamaged) {
		text = "messages in the store are damaged and left out: rabbet store check tells which"
	}
	vh.env.Log.Error(text, "queue", queue, "vhost", vh.Name, "error", err)
}

// changed makes cached routes stale. Called with the lock held.
func (vh *VHost) changed() { vh.gen.Add(1) }

// cleanName removes CR and LF, as RabbitMQ does with names in declare, delete,
// bind and unbind (EXCH-2).
func cleanName(name string) string {
	if !strings.ContainsAny(name, "\r\n") {
		return name
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(name)
}

// Queue finds a queue that an owner may use (QUEUE-18). A nil owner
// is the broker itself, which may use every queue.
func (vh *VHost) Queue(name string, by Owner) (*Queue, error) {
	if by == nil {
		if err := vh.Closed(); err != nil {
			return nil, err
		}
	}
	vh.mu.RLock()
	q := vh.queues[name]
	vh.mu.RUnlock()
	if q == nil {
		return nil, NoQueue(name, vh.Name)
	}
	if err := q.checkAccess(vh, by); err != nil {
		return nil, err
	}
	return q, nil
}

// Exchange finds an exchange, or nil.
func (vh *VHost) Exchange(name string) *Exchange {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	return vh.exchanges[name]
}

// Generation counts the changes that can alter where a message goes, and who may send it:
// what was found under another one is stale.
func (vh *VHost) Generation() uint64 { return vh.gen.Load() + vh.env.outdated.Load() }

// checkAccess refuses another connection's exclusive queue (QUEUE-18).
func (q *Queue) checkAccess(vh *VHost, by Owner) error {
	if q.Exclusive != nil && by != nil && q.Exclusive != by {
		return errLocked(q.Name, vh.Name)
	}
	return nil
}

// nextQueueID is a name for a new queue in the store.
func (vh *VHost) nextQueueID() uint64 { return vh.env.ids.Add(1) }

// DeletedQueue is a queue that is deleted already: nothing comes of what is settled or
// returned to it.
func (vh *VHost) DeletedQueue(name string) *Queue {
	q := queue.New(queue.Config{Name: name, Env: vh.queueEnv})
	_, _, _ = q.Delete(false, false) // it has nothing to refuse for
	return &Queue{Queue: q, Name: name}
}

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
