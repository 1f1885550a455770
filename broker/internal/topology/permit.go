package topology

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
)

// mayUse asks whether an owner may use a queue or an exchange (PERM-1). The default
// exchange has a name here (PERM-9).
func mayUse(by Owner, kind access.Kind, name string, op access.Operation) error {
	if by == nil {
		return nil
	}
	if name == "" && kind == access.Exchange {
		name = access.DefaultExchange
	}
	return by.MayUse(kind, name, op)
}

// MayPublish asks whether an owner may publish to an exchange, whether there is one of
// that name or not (PERM-9).
func MayPublish(by Owner, name string) error {
	return mayUse(by, access.Exchange, name, access.Write)
}

// MayPublishTopic asks whether an owner may publish with a routing key, which matters to
// topic exchanges alone (PERM-11).
func (x *Exchange) MayPublishTopic(by Owner, key string) error {
	if by == nil || x.Kind != topicType {
		return nil
	}
	return by.MayUseTopic(x.Name, key, access.Write)
}

// topicType is the type of exchanges that topic permissions are about.
const topicType = "topic"

// MayRead asks whether an owner may get, consume or purge a queue, whether there is one
// of that name or not (PERM-8).
func MayRead(by Owner, name string) error { return mayUse(by, access.Queue, name, access.Read) }

// mayBind asks for what a binding and its removal need, up to whether both ends exist
// (PERM-7).
func (vh *names) mayBind(r *Binding, by Owner) error {
	kind := access.Queue
	if r.ToExchange {
		kind = access.Exchange
	}
	if err := mayUse(by, kind, r.Destination, access.Write); err != nil {
		return err
	}
	if r.Source == "" || r.ToExchange && r.Destination == "" {
		return refusal.DefaultExchange()
	}
	if err := mayUse(by, access.Exchange, r.Source, access.Read); err != nil || by == nil {
		return err
	}
	if x := vh.Exchange(r.Source); x != nil && x.Kind == topicType {
		return by.MayUseTopic(x.Name, r.Key, access.Read) // PERM-11: a topic exchange checks the key
	}
	return nil
}

// mayPassOn asks for what an argument needs that names an exchange to pass messages on
// to: to read what it is an argument of, and to write to the exchange (PERM-2, PERM-4).
func mayPassOn(by Owner, kind access.Kind, name, argument string, args amqp.Table) error {
	target, ok := args.Get(argument)
	to, isName := target.(string)
	if by == nil || !ok || !isName {
		return nil
	}
	if err := mayUse(by, kind, name, access.Read); err != nil {
		return err
	}
	return mayUse(by, access.Exchange, to, access.Write)
}

// mayLook asks for what a passive declare needs: nothing, or by the profile any of the
// three permissions, of which the refusal names configure (PERM-5).
func (vh *names) mayLook(by Owner, kind access.Kind, name string) error {
	if !vh.profile.PassiveNeedsPermission {
		return nil
	}
	err := mayUse(by, kind, name, access.Configure)
	if err == nil || mayUse(by, kind, name, access.Read) == nil || mayUse(by, kind, name, access.Write) == nil {
		return nil
	}
	return err
}
