package topology

import (
	"cmp"
	"errors"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/exchange"
)

func (r *Binding) clean() {
	r.Source, r.Destination = cleanName(r.Source), cleanName(r.Destination)
}

// Bind adds a binding; an identical one is left as it is (EXCH-22).
func (vh *VHost) Bind(r Binding, by Owner) error {
	r.clean()
	if err := vh.mayBind(&r, by); err != nil {
		return err
	}
	x, d, added, err := vh.addBinding(&r, by)
	if added && x.history != nil {
		vh.replay(x, d) // RECENT-2: a new binding is sent what is kept
	}
	return err
}

// addBinding adds a binding and reports whether it is new.
func (vh *VHost) addBinding(r *Binding, by Owner) (x *Exchange, d destination, added bool, err error) {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	x, d, err = vh.ends(r)
	if err := cmp.Or(err, vh.checkSealed()); err != nil {
		return nil, d, false, err
	}
	if err := d.checkAccess(vh.Name, by); err != nil {
		return nil, d, false, err
	}
	if err := cmp.Or(vh.checkTopicKey(x, r.Key), x.checkDestination(r.Key, d)); err != nil {
		return nil, d, false, err
	}
	added, err = x.table.Bind(r.Key, r.Args, d)
	var invalid *exchange.ArgumentError
	switch {
	case errors.As(err, &invalid): // EXCH-40: 406 for another x-match
		return nil, d, false, amqp.Errorf(amqp.PreconditionFailed, "%s", invalid.Error())
	case err != nil:
		return nil, d, false, err
	}
	if added {
		x.bound++
		d.sources().Add(x)
		b := exchange.Binding[destination]{Key: r.Key, Args: r.Args, Dest: d}
		vh.persistBinding(x, b)
		vh.changed()
		vh.watchBindings(x)
		vh.tellBinding("binding.created", x, b, userOf(by))
	}
	return x, d, added, nil
}

// checkTopicKey refuses keys with more wildcards than the profile bears (EXCH-35).
// Bindings that are in the store already are left as they are.
func (vh *VHost) checkTopicKey(x *Exchange, key string) error {
	most := vh.profile.TopicHashes
	if most == 0 || x.Kind != "topic" || vh.recovering {
		return nil
	}
	n := 0
	for word := range strings.SplitSeq(key, ".") {
		if word == "#" {
			n++
		}
	}
	if n > most {
		return amqp.Errorf(amqp.PreconditionFailed, "Topic binding key '%s' uses %d '#' wildcards, at most %d are allowed", key, n, most)
	}
	return nil
}

// Unbind removes a binding; what is not there counts as removed (EXCH-24).
func (vh *VHost) Unbind(r Binding, by Owner) error {
	r.clean()
	if err := vh.mayBind(&r, by); err != nil {
		return err
	}
	vh.mu.Lock()
	defer vh.mu.Unlock()
	x, d, err := vh.ends(&r)
	if err != nil {
		return nil
	}
	if x.table.Unbind(r.Key, r.Args, d) {
		if err := d.checkAccess(vh.Name, by); err != nil { // only if there is such a binding
			_, _ = x.table.Bind(r.Key, r.Args, d)
			return err
		}
		b := exchange.Binding[destination]{Key: r.Key, Args: r.Args, Dest: d}
		vh.forgetBinding(x, b)
		if !x.leadsTo(d) {
			d.sources().Remove(x)
		}
		vh.changed()
		vh.watchBindings(x)
		vh.removeExchanges(vh.unbound(nil, x, userOf(by)), userOf(by))
		vh.tellBinding("binding.deleted", x, b, userOf(by))
	}
	return nil
}

// leadsTo reports whether an exchange has a binding to a destination.
func (x *Exchange) leadsTo(d destination) bool {
	for range x.table.Of(d) {
		return true
	}
	return false
}
