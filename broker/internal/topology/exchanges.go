package topology

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
)

// DeclareExchange creates an exchange or checks that the existing one is
// equivalent, in RabbitMQ's order of checks (EXCH-6).
func (vh *VHost) DeclareExchange(m *amqp.ExchangeDeclare, by Owner) error {
	name := cleanName(m.Exchange)
	if m.Passive {
		return vh.checkExchange(name, by)
	}
	if err := vh.checkExchangeType(m.Type); err != nil && !(m.Type == delayedType && vh.offersDelayed(m.Arguments)) {
		return err
	}
	if name == "" {
		return refusal.DefaultExchange()
	}
	if err := mayUse(by, access.Exchange, name, access.Configure); err != nil { // PERM-4: configure
		return err
	}
	if vh.Exchange(name) == nil {
		if err := mayPassOn(by, access.Exchange, name, "alternate-exchange", m.Arguments); err != nil { // PERM-4: more with an alternate exchange
			return err
		}
		return vh.createExchange(name, m, by)
	}
	return vh.redeclareExchange(name, m, by)
}

// redeclareExchange compares a declaration with the exchange of that name, or creates it
// if it is gone meanwhile.
func (vh *VHost) redeclareExchange(name string, m *amqp.ExchangeDeclare, by Owner) error {
	vh.mu.RLock()
	x := vh.exchanges[name]
	if x != nil {
		defer vh.mu.RUnlock()
		return x.checkEquivalent(vh, m)
	}
	vh.mu.RUnlock()
	return vh.DeclareExchange(m, by)
}

// createExchange creates an exchange that was not there a moment ago.
func (vh *VHost) createExchange(name string, m *amqp.ExchangeDeclare, by Owner) error {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	if x := vh.exchanges[name]; x != nil {
		return x.checkEquivalent(vh, m)
	}
	if err := vh.checkSealed(); err != nil {
		return err
	}
	if strings.HasPrefix(name, "amq.") && !(vh.recovering && slices.Contains(systemExchanges, name)) { // EXCH-3: 403 for amq.
		return amqp.Errorf(amqp.AccessRefused, "exchange name '%s' contains reserved prefix 'amq.*'", name)
	}
	x := &Exchange{
		Name: name, Kind: m.Type, Durable: m.Durable, AutoDelete: m.AutoDelete, Internal: m.Internal,
		kept: m.Durable || vh.profile.KeepsTransient || vh.recovering,
		Args: m.Arguments,
	}
	if vh.recovering {
		x.cacheID = vh.cacheID
	}
	if alt, ok := m.Arguments.Get("alternate-exchange"); ok {
		if x.alternate, x.hasAlternate = alt.(string); !x.hasAlternate { // EXCH-12: 406 for what is no string
			return amqp.Errorf(amqp.PreconditionFailed, "invalid type '%s' for arg 'alternate-exchange' in %s",
				amqp.TypeName(alt), refusal.ExchangeText(name, vh.Name))
		}
	}
	if !vh.recovering {
		if err := vh.checkExchangeLimit(name); err != nil {
			return err
		}
	}
	vh.applyToExchange(x)
	if x.Kind == delayedType {
		if err := vh.makeDelayed(x); err != nil {
			return err
		}
	} else if err := vh.makeTable(x, x.Kind); err != nil {
		return err
	}
	vh.exchanges[name] = x
	vh.env.exchanges.Add(1)
	vh.changed()
	vh.persistExchange(x)
	vh.tellExchangeCreated(x, userOf(by))
	return nil
}

// checkExchange is a passive declare: existence is all that counts (EXCH-13).
func (vh *VHost) checkExchange(name string, by Owner) error {
	if name == "" {
		return refusal.DefaultExchange()
	}
	if err := vh.mayLook(by, access.Exchange, name); err != nil {
		return err
	}
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	if vh.exchanges[name] == nil {
		return refusal.NoExchange(name, vh.Name)
	}
	return nil
}

// checkEquivalent compares a redeclaration with what is there (EXCH-10,
// EXCH-11).
func (x *Exchange) checkEquivalent(vh *VHost, m *amqp.ExchangeDeclare) error {
	resource := refusal.ExchangeText(x.Name, vh.Name)
	if m.Type != x.Kind {
		return refusal.Inequivalent("type", resource, atomText(m.Type), atomText(x.Kind))
	}
	for _, f := range []struct {
		field    string
		got, was bool
	}{
		{"durable", m.Durable, x.Durable},
		{"auto_delete", m.AutoDelete, x.AutoDelete},
		{"internal", m.Internal, x.Internal},
	} {
		if f.got != f.was {
			return refusal.Inequivalent(f.field, resource, strconv.FormatBool(f.got), strconv.FormatBool(f.was))
		}
	}
	if err := profile.CheckArgument("alternate-exchange", resource, m.Arguments, x.Args); err != nil {
		return err
	}
	return x.checkStrict(resource, m.Arguments)
}

// atomText is the name of a type as Erlang prints the atom: in quotes if it has
// hyphens.
func atomText(name string) string {
	if strings.Contains(name, "-") {
		return "'" + name + "'"
	}
	return name
}

// DeleteExchange removes an exchange and every binding from and to it
// (EXCH-16 to EXCH-18).
func (vh *VHost) DeleteExchange(name string, ifUnused bool, by Owner) error {
	name = cleanName(name)
	switch {
	case name == "":
		return refusal.DefaultExchange()
	case strings.HasPrefix(name, "amq."): // EXCH-5: 403 for amq.
		return amqp.Errorf(amqp.AccessRefused, "deletion of system %s not allowed", refusal.ExchangeText(name, vh.Name))
	}
	if err := mayUse(by, access.Exchange, name, access.Configure); err != nil { // PERM-6: configure, before existence
		return err
	}
	vh.mu.Lock()
	defer vh.mu.Unlock()
	x := vh.exchanges[name]
	if x == nil {
		vh.tellDeletion("parameter.set", name, userOf(by))
		vh.tellDeletion("parameter.cleared", name, userOf(by))
		return nil
	}
	if ifUnused && x.table.Len() > 0 { // EXCH-17: 406 while something is bound
		return amqp.Errorf(amqp.PreconditionFailed, "%s in use", refusal.ExchangeText(name, vh.Name))
	}
	vh.tellDeletion("parameter.set", name, userOf(by))
	vh.removeExchange(x, userOf(by))
	vh.tellDeletion("parameter.cleared", name, userOf(by))
	return nil
}

// removeExchange takes an exchange out; auto-delete exchanges that led to
// nothing else go with it (EXCH-19). Called with the lock held.
func (vh *VHost) removeExchange(x *Exchange, by string) { vh.removeExchanges([]*Exchange{x}, by) }

// removeExchanges is removeExchange for several. A chain of them may be as long as a
// client likes.
func (vh *VHost) removeExchanges(doomed []*Exchange, by string) {
	for len(doomed) > 0 {
		x := doomed[len(doomed)-1]
		doomed = doomed[:len(doomed)-1]
		if vh.exchanges[x.Name] != x {
			continue
		}
		delete(vh.exchanges, x.Name)
		vh.env.exchanges.Add(-1)
		vh.changed()
		vh.forgetExchange(x)
		doomed = vh.unbindAll(doomed, destination{exchange: x}, by)
		if !x.doomed {
			vh.tellExchangeDeleted(x.Name, by)
		}
		for b := range x.table.All() {
			vh.forgetBinding(x, b)
			vh.tellBinding("binding.deleted", x, b, by)
			b.Dest.sources().Remove(x)
		}
		vh.watchBindings(x)
		if x.delayed != nil {
			vh.removeDelayed(x)
		}
		if x.seen != nil {
			x.seen.Clear()
		}
	}
}

// unbindAll removes the bindings that lead to a destination that is going, and appends the
// exchanges that go with it.
func (vh *VHost) unbindAll(doomed []*Exchange, d destination, by string) []*Exchange {
	for _, x := range d.sources().Take() {
		gone := slices.Collect(x.table.Of(d))
		for _, b := range gone {
			vh.forgetBinding(x, b)
		}
		x.table.RemoveDest(d)
		vh.changed()
		vh.watchBindings(x)
		doomed = vh.unbound(doomed, x, by)
		for _, b := range gone {
			vh.tellBinding("binding.deleted", x, b, by)
		}
	}
	return doomed
}

// unbound appends an auto-delete exchange that has lost its last binding (EXCH-19).
func (vh *VHost) unbound(doomed []*Exchange, x *Exchange, by string) []*Exchange {
	if x.AutoDelete && x.table.Len() == 0 && vh.exchanges[x.Name] == x {
		x.doomed = true // its event comes before that of the binding
		vh.tellExchangeDeleted(x.Name, by)
		doomed = append(doomed, x)
	}
	return doomed
}

// DeclareSystem makes an internal topic exchange of the broker's own, such as
// amq.rabbitmq.event, unless it is there (EVENT-1, LOGX-1).
func (vh *VHost) DeclareSystem(name string) {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	if vh.exchanges[name] == nil && !vh.sealed {
		x := &Exchange{Name: name, Kind: "topic", Durable: true, kept: true, Internal: true}
		if vh.makeTable(x, x.Kind) == nil { // which it never refuses
			vh.exchanges[name] = x
			vh.env.exchanges.Add(1)
			vh.changed()
			vh.persistExchange(x)
		}
	}
	vh.watchBindings(vh.exchanges[name])
}

// RemoveSystem deletes such an exchange with its bindings, if it is there (LOGX-10).
func (vh *VHost) RemoveSystem(name string) {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	if x := vh.exchanges[name]; x != nil {
		vh.removeExchange(x, InternalUser)
	}
}

// watchBindings notes whether an exchange, if it is that of events, has bindings. Called
// with the lock held whenever that can have changed.
func (vh *VHost) watchBindings(x *Exchange) {
	if x != nil && x.Name == EventExchange && !vh.recovering {
		vh.env.Events.wanted.Store(vh.exchanges[x.Name] == x && x.table.Len() > 0)
	}
}

// systemExchanges are those that DeclareSystem makes: the store may have them.
var systemExchanges = []string{EventExchange, LogExchange}

// LogExchange is the exchange that the log is published to, where there is one (LOGX-1).
const LogExchange = "amq.rabbitmq.log"

// TraceExchange is the exchange that copies of messages go to while a virtual host is
// traced (TRACE-1).
const TraceExchange = "amq.rabbitmq.trace"
