package broker

import (
	"errors"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/exchange"
)

// This file binds queues and exchanges to exchanges (EXCH-22 to EXCH-30).

// A bindingRequest is queue.bind, exchange.bind or one of their opposites.
type bindingRequest struct {
	source, destination, key string
	args                     amqp.Table
	toExchange               bool
}

// ends finds both ends of a binding. Called with the lock held.
func (vh *vhost) ends(r *bindingRequest) (*exchangeRecord, destination, error) {
	x := vh.exchanges[r.source]
	if x == nil { // reported first where both are missing (EXCH-23)
		return nil, destination{}, errNoExchange(r.source, vh.name)
	}
	if r.toExchange {
		to := vh.exchanges[r.destination]
		if to == nil {
			return nil, destination{}, errNoExchange(r.destination, vh.name)
		}
		return x, destination{exchange: to}, nil
	}
	q := vh.queues[r.destination]
	if q == nil {
		return nil, destination{}, errNoQueue(r.destination, vh.name)
	}
	return x, destination{queue: q}, nil
}

// checkAccess refuses another connection's exclusive queue (EXCH-25).
func (d destination) checkAccess(vh *vhost, by *conn) error {
	if d.queue == nil {
		return nil
	}
	return d.queue.checkAccess(vh, by)
}

func (r *bindingRequest) clean() error {
	r.source, r.destination = cleanName(r.source), cleanName(r.destination)
	if r.source == "" || r.toExchange && r.destination == "" {
		return errDefaultExchange()
	}
	return nil
}

// bind adds a binding; an identical one is left as it is (EXCH-22).
func (vh *vhost) bind(r bindingRequest, by *conn) error {
	if err := r.clean(); err != nil {
		return err
	}
	vh.mu.Lock()
	defer vh.mu.Unlock()
	x, d, err := vh.ends(&r)
	if err != nil {
		return err
	}
	if err := d.checkAccess(vh, by); err != nil {
		return err
	}
	if err := vh.checkTopicKey(x, r.key); err != nil {
		return err
	}
	added, err := x.table.Bind(r.key, r.args, d)
	var invalid *exchange.ArgumentError
	switch {
	case errors.As(err, &invalid): // EXCH-40
		return refuse(amqp.PreconditionFailed, "%s", invalid.Error())
	case err != nil:
		return err
	}
	if added {
		d.remember(x)
		vh.persistBinding(x, exchange.Binding[destination]{Key: r.key, Args: r.args, Dest: d})
		vh.changed()
	}
	return nil
}

// checkTopicKey refuses keys with more wildcards than the profile bears (EXCH-35).
// Bindings that are in the store already are left as they are.
func (vh *vhost) checkTopicKey(x *exchangeRecord, key string) error {
	most := vh.profile.topicHashes
	if most == 0 || x.kind != "topic" || vh.recovering {
		return nil
	}
	n := 0
	for word := range strings.SplitSeq(key, ".") {
		if word == "#" {
			n++
		}
	}
	if n > most {
		return refuse(amqp.PreconditionFailed, "Topic binding key '%s' uses %d '#' wildcards, at most %d are allowed", key, n, most)
	}
	return nil
}

// unbind removes a binding; what is not there counts as removed (EXCH-24).
func (vh *vhost) unbind(r bindingRequest, by *conn) error {
	if err := r.clean(); err != nil {
		return err
	}
	vh.mu.Lock()
	defer vh.mu.Unlock()
	x, d, err := vh.ends(&r)
	if err != nil {
		return nil
	}
	if x.table.Unbind(r.key, r.args, d) {
		if err := d.checkAccess(vh, by); err != nil { // only if there is such a binding
			_, _ = x.table.Bind(r.key, r.args, d)
			return err
		}
		vh.forgetBinding(x, exchange.Binding[destination]{Key: r.key, Args: r.args, Dest: d})
		if !x.leadsTo(d) {
			d.forget(x)
		}
		vh.changed()
		vh.unboundFrom(x)
	}
	return nil
}

// sources is the destination's list of the exchanges that lead to it.
func (d destination) sources() *[]*exchangeRecord {
	if d.queue != nil {
		return &d.queue.sources
	}
	return &d.exchange.sources
}

// remember notes that an exchange leads here.
func (d destination) remember(x *exchangeRecord) {
	if l := d.sources(); !slices.Contains(*l, x) {
		*l = append(*l, x)
	}
}

// forget drops an exchange that no longer leads here.
func (d destination) forget(x *exchangeRecord) {
	l := d.sources()
	if i := slices.Index(*l, x); i >= 0 {
		*l = slices.Delete(*l, i, i+1)
	}
}

// leadsTo tells whether an exchange has a binding to a destination.
func (x *exchangeRecord) leadsTo(d destination) bool {
	for range x.table.Of(d) {
		return true
	}
	return false
}
