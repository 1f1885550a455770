package topology

import (
	"encoding/json"
	"maps"
	"runtime"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/queue"
)

// About is what describes a virtual host.
type About struct {
	Description      string
	Tags             []string
	DefaultQueueType string // "" is classic
	Protected        bool   // from deletion
}

// About returns what describes the virtual host.
func (vh *VHost) About() About {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	return vh.about
}

// SetAbout replaces it.
func (vh *VHost) SetAbout(about About) {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	if vh.sealed {
		return
	}
	vh.about = about
	vh.persistVHost()
}

// limitsComponent and limitsName are the parameter that RabbitMQ keeps limits as.
const (
	limitsComponent = "vhost-limits"
	limitsName      = "limits"
)

// Limits returns the limits that are set.
func (vh *VHost) Limits() access.Limits {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	return maps.Clone(vh.limits)
}

// Limit returns a limit; false is no bound.
func (vh *VHost) Limit(name string) (int, bool) {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	n, ok := vh.limits[name]
	return n, ok && n >= 0
}

// ChangeLimits calls change with a copy of the limits and keeps what it makes of them.
func (vh *VHost) ChangeLimits(change func(access.Limits)) {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	limits := access.Limits{}
	maps.Copy(limits, vh.limits)
	change(limits)
	if len(limits) == 0 {
		vh.limits = nil
		vh.dropParameter(limitsComponent, limitsName)
		return
	}
	value, err := json.Marshal(limits)
	if err != nil {
		panic(err) // a map of strings and numbers
	}
	vh.putParameter(Parameter{limitsComponent, limitsName, value})
}

// Seal keeps anything from being declared or set in a virtual host that is to be
// deleted.
func (vh *VHost) Seal() {
	vh.policyMu.Lock()
	defer vh.policyMu.Unlock()
	vh.mu.Lock()
	defer vh.mu.Unlock()
	vh.sealed = true
	vh.changed()
}

// checkSealed refuses what would come into a virtual host that is being deleted. Called
// with the lock held.
func (vh *VHost) checkSealed() error {
	if !vh.sealed {
		return nil
	}
	return amqp.Errorf(amqp.NotAllowed, "vhost %s not found", vh.Name)
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
			_, _ = vh.Remove(q, false, false, &fx) // another may have been faster
			vh.Perform(&fx)
		}
		vh.yield()
	}
	for vh.removeSomeExchanges(clearAtOnce) {
		vh.yield()
	}
	vh.policyMu.Lock()
	defer vh.policyMu.Unlock()
	vh.mu.Lock()
	defer vh.mu.Unlock()
	for _, d := range vh.delayed { // what waits without an exchange
		d.Delete(true)
		vh.forgetDelayed(d)
	}
	for _, r := range vh.policies.list {
		vh.unput(records.NewPolicy(UserPolicy, vh.Name, r.Policy))
	}
	for _, r := range vh.operatorPolicies.list {
		vh.unput(records.NewPolicy(OperatorPolicy, vh.Name, r.Policy))
	}
	for key := range vh.parameters {
		vh.unput(vh.parameterRecord(Parameter{Component: key.component, Name: key.name}))
	}
	vh.unput(&records.VHost{Name: records.Text(vh.Name)})
}

// yield lets others work, and the store catch up.
func (vh *VHost) yield() {
	runtime.Gosched()
	_ = vh.env.Settle() // a store that fails is told of elsewhere
}

// Settle waits until the store has committed what has been put into it, or has failed
// to.
func (env *Env) Settle() error {
	if env.Store == nil {
		return nil
	}
	done := make(committed, 1)
	env.Store.Notify(done)
	return <-done
}

// committed gets what came of a commit.
type committed chan error

// Committed is called by the store.
func (c committed) Committed(err error) { c <- err }

// someQueues is up to most of the queues.
func (vh *VHost) someQueues(most int) []*Queue {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	queues := make([]*Queue, 0, most)
	for _, q := range vh.queues {
		if queues = append(queues, q); len(queues) == most {
			break
		}
	}
	return queues
}

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
		vh.removeExchange(x)
		removed++
	}
	return removed > 0
}
