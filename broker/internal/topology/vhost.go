package topology

import (
	"errors"
	"maps"
	"runtime"
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// A VHost is a virtual host: the names in it, what it is told, and what is done with both.
type VHost struct {
	names
	keeper
	policies
	parameters
	delays
	queueUse

	queueEnv *queue.Env // what its queues share
	cacheID  uint64     // of the exchange that is being recovered
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
	{TraceExchange, "topic", true},
}

// Predeclared is how many exchanges a new virtual host has.
var Predeclared = len(predeclared)

// IsPredeclared reports whether every new virtual host has an exchange of the name (EXCH-1).
func IsPredeclared(name string) bool {
	for _, x := range predeclared {
		if x.name == name {
			return true
		}
	}
	return false
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
		names: names{
			Name: name, env: env, profile: env.Profile, exchanges: make(map[string]*Exchange), queues: make(map[string]*Queue),
		},
		keeper: keeper{vhost: records.Text(name), store: env.Store},
	}
	vh.policies = policies{names: &vh.names, keeper: &vh.keeper, perform: vh.Perform}
	vh.parameters = parameters{names: &vh.names, keeper: &vh.keeper}
	vh.delays = delays{names: &vh.names, keeper: &vh.keeper, waiting: make(map[string]*delayedQueue)}
	vh.queueUse = queueUse{names: &vh.names, fault: vh.fault}
	vh.queueEnv = &queue.Env{
		Clock: env.Clock, Store: env.Store, Memory: env.Memory, Perform: vh.Perform, CountFailures: env.Profile.CountsFailures,
		HigherTakesOver: env.Profile.HigherTakesOver, PurgeCountsDead: env.Profile.PurgeCountsDead,
		Fault: vh.fault, LettersDropped: vh.lettersDropped,
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
	env.exchanges.Add(int64(len(predeclared)))
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

// DeletedQueue is a queue that is deleted already: nothing comes of what is settled or
// returned to it.
func (vh *VHost) DeletedQueue(name string) *Queue {
	q := queue.New(queue.Config{Name: name, Env: vh.queueEnv})
	_, _, _ = q.Delete(false, false) // it has nothing to refuse for
	return &Queue{Queue: q, Name: name}
}

// Seal keeps anything from being declared or set in a virtual host that is to be
// deleted.
func (vh *VHost) Seal() {
	vh.changing.Lock()
	defer vh.changing.Unlock()
	vh.mu.Lock()
	defer vh.mu.Unlock()
	vh.sealed = true
	vh.changed()
}

// clearAtOnce is how many queues or exchanges Clear removes before others get a turn.
const clearAtOnce = 64

// Clear deletes all that is in a sealed virtual host, and then its record. It goes in
// steps, and waits for the store between them, so that others are not held up.
func (vh *VHost) Clear() {
	vh.StopDelayed()
	for {
		queues := vh.someQueues(clearAtOnce)
		if len(queues) == 0 {
			break
		}
		var fx queue.Effects
		for _, q := range queues {
			_, _ = vh.Remove(q, false, false, nil, &fx) // another may have been faster
			vh.Perform(&fx)
		}
		vh.env.yield()
	}
	for vh.removeSomeExchanges(clearAtOnce) {
		vh.env.yield()
	}
	vh.changing.Lock()
	defer vh.changing.Unlock()
	vh.mu.Lock()
	defer vh.mu.Unlock()
	for _, d := range vh.waiting { // what waits without an exchange
		d.Delete(true)
		vh.forgetDelayed(d)
	}
	for _, r := range vh.user.list {
		vh.unput(records.NewPolicy(UserPolicy, vh.Name, r.Policy))
	}
	for _, r := range vh.operator.list {
		vh.unput(records.NewPolicy(OperatorPolicy, vh.Name, r.Policy))
	}
	for key := range vh.values {
		vh.unput(vh.parameterRecord(Parameter{Component: key.component, Name: key.name}))
	}
	vh.unput(&records.VHost{Name: records.Text(vh.Name)})
	vh.env.exchanges.Add(-1) // the default one
	vh.tellDeletion("parameter.set", "", InternalUser)
	vh.tellExchangeDeleted("", InternalUser)
	vh.tellDeletion("parameter.cleared", "", InternalUser)
}

// AwaitStore waits until the store has committed what has been put into it, or has failed
// to.
func (env *Env) AwaitStore() error {
	if env.Store == nil {
		return nil
	}
	done := make(committed, 1)
	env.Store.Notify(done)
	return <-done
}

// committed gets the outcome of a commit.
type committed chan error

// Committed is called by the store.
func (c committed) Committed(err error) { c <- err }

// removeSomeExchanges removes up to most exchanges, and reports whether there were any.
func (vh *VHost) removeSomeExchanges(most int) bool {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	removed := 0
	for _, x := range slices.Collect(maps.Values(vh.exchanges)) {
		if removed == most {
			break
		}
		if vh.exchanges[x.Name] != x || x.Name == "" {
			continue
		}
		vh.tellDeletion("parameter.set", x.Name, InternalUser)
		vh.removeExchange(x, InternalUser)
		vh.tellDeletion("parameter.cleared", x.Name, InternalUser)
		removed++
	}
	return removed > 0
}

// yield lets others work, and the store catch up.
func (env *Env) yield() {
	runtime.Gosched()
	_ = env.AwaitStore() // a store that fails is told of elsewhere
}
