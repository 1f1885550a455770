package topology

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// An Env is what the virtual hosts of one broker share. It is not changed once the
// first of them is made.
type Env struct {
	Profile *profile.Profile
	Clock   delay.Clock
	// Store keeps what survives; nil keeps everything in memory.
	Store *store.Store
	// Memory is shared by long queues (queue.Env).
	Memory *queue.Budget
	Log    *slog.Logger
	// StreamMemory is the most bytes that a stream holds without a store; 0 is
	// stream.DefaultMemoryLimit.
	StreamMemory int64
	// Observer and Follower, unless nil, are told of what happens to messages. With
	// Recall the observer is told of messages, too, that it was told of by a broker
	// before.
	Observer Observer
	Follower Follower
	Recall   bool
	// Events are told of what happens to objects.
	Events Events
	// Queues counts the queues that come and go.
	Queues QueueChurn
	// MaxQueues and MaxExchanges are how many there may be in all virtual hosts together; 0
	// is no limit, and a negative number lets none come (LIMIT-5, LIMIT-7).
	MaxQueues, MaxExchanges int

	over     atomic.Bool              // nothing may be asked of the broker any more
	disabled atomic.Pointer[[]string] // types of exchanges that are switched off

	serials   atomic.Uint64 // the last given to a queue
	queues    atomic.Int64  // that there are, in all virtual hosts
	exchanges atomic.Int64
	gone      departedQueues // what queues had counted that are deleted

	outdated atomic.Uint64 // how often routes of all virtual hosts have become stale

	ids atomic.Uint64 // the last ID given to a queue or a delayed exchange
}

// ErrClosed is what calls from Go get once the broker has ended.
var ErrClosed = errors.New("broker is closed")

// End has Closed report that the broker has ended.
func (env *Env) End() { env.over.Store(true) }

// Closed is ErrClosed once the broker has ended, nil before.
func (env *Env) Closed() error {
	if env.over.Load() {
		return ErrClosed
	}
	return nil
}

// Closed is Env.Closed.
func (ns *names) Closed() error { return ns.env.Closed() }

// DisableExchanges switches these types of exchanges off, and all others on. It fails for
// a type that there is not.
func (env *Env) DisableExchanges(kinds []string) error {
	for _, kind := range kinds {
		if _, known := exchange.Find(kind); !known && kind != delayedType {
			return fmt.Errorf("there is no exchange type %q to disable", kind)
		}
	}
	env.disabled.Store(&kinds)
	return nil
}

func (env *Env) isDisabled(kind string) bool {
	kinds := env.disabled.Load()
	return kinds != nil && slices.Contains(*kinds, kind)
}

// Outdate makes the cached routes of all virtual hosts stale.
func (env *Env) Outdate() { env.outdated.Add(1) }

// observer is the observer if it listens, or nil.
func (vh *names) observer() Observer {
	if o := vh.env.Observer; o != nil && o.Listens(vh.Name) {
		return o
	}
	return nil
}

// An Owner is a client on whose behalf something is done: a connection, as the exclusive
// queues that it has declared know it. Owners are compared with ==. Where an owner is
// asked for, nil is the broker itself, which may do everything.
type Owner interface {
	// MayUse returns nil if the client may do that with a queue or an exchange, or the
	// refusal (PERM-1). MayUseTopic is for routing keys of topic exchanges (PERM-11).
	MayUse(kind access.Kind, name string, op access.Operation) error
	MayUseTopic(exchange, key string, op access.Operation) error
	// AddExclusive is told of a queue that the owner has declared. It is called with
	// the virtual host's lock held.
	AddExclusive(q *Queue)
	// DropExclusive is told that such a queue is deleted. No lock is held.
	DropExclusive(q *Queue)
	// Actor is the client's user, and what events know the client by (EVENT-3).
	Actor() (user, pid string)
}

// An Observer is told of what virtual hosts do to messages by themselves. Messages
// are those that the queues have, and must not be changed save for the number that
// DeadLettered gives one. Its methods are called with locks held, from many
// goroutines at once: they must not block, nor call back.
type Observer interface {
	// Listens reports whether the observer wants to be told of a virtual host now.
	Listens(vhost string) bool
	// DeadLettered is told of the publish of m, the dead letter of d, to queues and
	// delayed exchanges; or, with err, that it is published nowhere. It may number m.
	DeadLettered(vhost string, d *queue.DeadLetter, m *queue.Message, queues []*Queue, delays []Delay, err error)
	// Due is told that a delay in an exchange is over, and where the message goes.
	Due(vhost, exchange string, m *queue.Message, queues []*Queue)
	// Cancelled is told that a delay in an exchange comes to nothing. The message is
	// named by its publication; those without one are passed over.
	Cancelled(vhost, exchange string, publication uint64, why queue.Reason)
	// Refused is told that a full queue has rejected a message of a client, or of
	// nobody that Publisher.Client names.
	Refused(vhost string, client any, queue string, m *queue.Message)
	// Gone is told that a message has left a queue otherwise than by an
	// acknowledgement.
	Gone(vhost, queue string, m *queue.Message, why queue.Reason)
}

// A Follower is told of all messages on their way into a virtual host, for statistics and
// traces. Its methods are called from many goroutines at once, with no lock of the
// virtual host held. They must not keep the slices.
type Follower interface {
	// Passed is told of a run of messages before each of the queues gets it.
	Passed(vhost string, from Source, queues []*Queue, msgs []*queue.Message)
	// Unroutable is told of a message that neither a queue nor a delayed exchange gets.
	Unroutable(vhost string, from Source, m *queue.Message)
}

// nextID is a name in the store for a new queue or delayed exchange.
func (env *Env) nextID() uint64 { return env.ids.Add(1) }

// Departed returns what deleted queues had counted, by their type, and how many there were.
func (e *Env) Departed() (map[string]queue.Stats, uint64) {
	e.gone.mu.Lock()
	defer e.gone.mu.Unlock()
	return maps.Clone(e.gone.byType), e.gone.changes
}

// ForgetDeparted begins to count anew.
func (e *Env) ForgetDeparted() {
	e.gone.mu.Lock()
	defer e.gone.mu.Unlock()
	e.gone.byType = nil
}

// Events are what happens to the objects of all virtual hosts, told as it happens
// (EVENT-4). Without a listener it costs a look.
type Events struct {
	// Sink gets each event in the order of happening. It is called under locks: it must
	// not block, nor call back.
	Sink func(Event)

	wanted atomic.Bool
}

// An Event is a message of the event exchange but for its time.
type Event struct {
	Key     string
	Headers amqp.Table
}

// Wanted reports whether anything is bound to the event exchange (EVENT-2).
func (e *Events) Wanted() bool { return e.wanted.Load() }

// Tell tells an event. Callers look whether it is wanted before they make its headers.
func (e *Events) Tell(key string, headers amqp.Table) { e.Sink(Event{key, headers}) }
