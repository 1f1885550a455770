package topology

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
)

// policyFields are a policy as events show it.
func policyFields(p Policy) amqp.Table {
	return amqp.Table{
		{Key: "pattern", Value: p.Pattern}, {Key: "apply-to", Value: p.ApplyTo},
		{Key: "definition", Value: mapHeader(p.Definition)}, {Key: "priority", Value: int64(p.Priority)},
	}
}

// A policyWatch knows which policy of a kind each queue had, to tell of those that have
// another. It is nil while nobody listens.
type policyWatch map[*Queue]*rule

// watchPolicies looks at the queues that a change of policies can be about. Called with
// the lock held.
func (pl *policies) watchPolicies(kind PolicyKind, affected *rules) policyWatch {
	if !pl.env.Events.Wanted() {
		return nil
	}
	w := policyWatch{}
	for _, q := range pl.list {
		if affected.any(q.Name) {
			w[q] = pl.rules(kind).match(q.Name, "queues", profile.QueueTypeOf(q.Args))
		}
	}
	return w
}

// tell tells of each queue that has another policy now. Called with the lock held.
func (w policyWatch) tell(pl *policies, kind PolicyKind) {
	for q, before := range w {
		t := profile.QueueTypeOf(q.Args)
		now := pl.rules(kind).match(q.Name, "queues", t)
		if now == before {
			continue
		}
		headers := amqp.Table{{Key: "name", Value: q.Name}, {Key: "vhost", Value: pl.Name}, {Key: "type", Value: t.Module}, performer(InternalUser)}
		if now == nil {
			pl.env.Events.Tell("queue.policy.cleared", headers)
			continue
		}
		pl.env.Events.Tell("queue.policy.updated", append(policyFields(now.Policy), headers...))
	}
}

// tellPolicySet tells of a policy that is set. An operator's is a parameter as well.
func (pl *policies) tellPolicySet(p Policy) {
	if e := &pl.env.Events; e.Wanted() {
		e.Tell("policy.set", append(policyFields(p),
			amqp.Field{Key: "name", Value: p.Name}, amqp.Field{Key: "vhost", Value: pl.Name}, performer(InternalUser)))
	}
}

func (pl *policies) tellPolicyCleared(kind PolicyKind, name string) {
	if e := &pl.env.Events; e.Wanted() {
		key := "policy.cleared"
		if kind == OperatorPolicy {
			key = "operator.policy.cleared"
		}
		e.Tell(key, amqp.Table{{Key: "name", Value: name}, {Key: "vhost", Value: pl.Name}, performer(InternalUser)})
	}
}

// tellOperatorParameters tells of the parameters that operator policies are. Of those
// that are replaced only the new value is told.
func (pl *policies) tellOperatorParameters(kind PolicyKind, fresh []*rule, remove []string) {
	if kind != OperatorPolicy || !pl.env.Events.Wanted() {
		return
	}
	set := make(map[string]bool, len(fresh))
	for _, r := range fresh {
		set[r.Name] = true
		pl.tellParameter("parameter.set", string(kind), r.Name, policyFields(r.Policy), InternalUser)
	}
	for _, name := range remove {
		if !set[name] {
			pl.tellParameter("parameter.cleared", string(kind), name, nil, InternalUser)
		}
	}
}

// tellExchangeCreated is called with the lock held.
func (pl *policies) tellExchangeCreated(x *Exchange, user string) {
	if e := &pl.env.Events; e.Wanted() {
		policy := ""
		if r := pl.user.match(x.Name, "exchanges", nil); r != nil {
			policy = r.Name
		}
		e.Tell("exchange.created", amqp.Table{
			{Key: "name", Value: x.Name}, {Key: "vhost", Value: pl.Name}, {Key: "type", Value: x.Kind},
			{Key: "durable", Value: x.Durable}, {Key: "auto_delete", Value: x.AutoDelete}, {Key: "internal", Value: x.Internal},
			{Key: "arguments", Value: ArgumentTerms(x.Args)}, {Key: "policy", Value: policy}, performer(user),
		})
	}
}
