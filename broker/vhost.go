package broker

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// A vhost owns the names: exchanges, queues and what binds them. Its lock
// guards the maps and every routing table in them, and is taken before any
// queue's.
type vhost struct {
	b       *Broker
	name    string
	profile *profile
	env     *queue.Env
	ids     *atomic.Uint64 // the last queue ID given, the broker's

	recovering bool // what is made now is in the store already

	gets local // what Get has taken

	policyMu sync.Mutex // held while policies change, before mu

	mu                         sync.RWMutex
	exchanges                  map[string]*exchangeRecord
	queues                     map[string]*queueRecord
	delayed                    map[string]*delayed // what waits, by the exchange's name
	policies, operatorPolicies rules
	// gen counts the changes that can alter where a message goes; a route
	// cached under another value is stale.
	gen atomic.Uint64
}

// An exchangeRecord is one exchange as it was declared.
type exchangeRecord struct {
	name, kind                    string
	durable, autoDelete, internal bool
	kept                          bool // in the store: there after a restart (PERSIST-1)
	args                          amqp.Table
	alternate                     string // the alternate exchange, if hasAlternate
	hasAlternate                  bool

	table   exchange.Table[destination] // nil for the default exchange
	sources []*exchangeRecord           // those with a binding to this one

	delayed *delayed    // what waits in it; nil unless it is a delayed exchange
	strict  *strictness // nil unless it is a strict one
}

// A queueRecord is one queue as it was declared.
type queueRecord struct {
	*queue.Queue
	durable   bool
	exclusive *conn // the owner, of an exclusive queue
	args      amqp.Table
	sources   []*exchangeRecord // the exchanges with a binding to it
}

// A destination is where a binding leads: a queue or an exchange.
type destination struct {
	queue    *queueRecord
	exchange *exchangeRecord
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

func newVHost(name string, b *Broker) *vhost {
	vh := &vhost{
		b:         b,
		name:      name,
		profile:   b.profile,
		ids:       &b.queueIDs,
		exchanges: make(map[string]*exchangeRecord),
		queues:    make(map[string]*queueRecord),
		delayed:   make(map[string]*delayed),
	}
	vh.env = &queue.Env{Clock: b.clock, Store: b.cfg.Store, Perform: vh.perform, CountFailures: b.profile.countsFailures, Fault: vh.fault}
	if b.recording() {
		vh.env.Gone = vh.gone
	}
	for _, p := range predeclared {
		x := &exchangeRecord{name: p.name, kind: p.kind, durable: true, kept: true, internal: p.internal}
		if p.name != "" {
			x.table, _ = builtInTable(p.kind)
		}
		vh.exchanges[p.name] = x
	}
	return vh
}

// fault logs that messages of a queue, or of a delayed exchange, cannot be read.
func (vh *vhost) fault(queue string, err error) {
	text := "cannot read messages from the store"
	if errors.Is(err, store.ErrDamaged) {
		text = "messages in the store are damaged and left out: rabbet store check tells which"
	}
	vh.b.log.Error(text, "queue", queue, "vhost", vh.name, "error", err)
}

// changed makes cached routes stale. Called with the lock held.
func (vh *vhost) changed() { vh.gen.Add(1) }

// cleanName removes CR and LF, as RabbitMQ does with names in declare, delete,
// bind and unbind (EXCH-2).
func cleanName(name string) string {
	if !strings.ContainsAny(name, "\r\n") {
		return name
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(name)
}

// queue finds a queue that the connection may use (QUEUE-18). A nil connection
// is the broker itself, which may use every queue.
func (vh *vhost) queue(name string, by *conn) (*queueRecord, error) {
	vh.mu.RLock()
	q := vh.queues[name]
	vh.mu.RUnlock()
	if q == nil {
		return nil, errNoQueue(name, vh.name)
	}
	if err := q.checkAccess(vh, by); err != nil {
		return nil, err
	}
	return q, nil
}

// checkAccess refuses another connection's exclusive queue (QUEUE-18).
func (q *queueRecord) checkAccess(vh *vhost, by *conn) error {
	if q.exclusive != nil && by != nil && q.exclusive != by {
		return errLocked(q.Name, vh.name)
	}
	return nil
}

// nextQueueID is a name for a new queue in the store.
func (vh *vhost) nextQueueID() uint64 { return vh.ids.Add(1) }
