package management

import (
	"net/http"

	"github.com/rabbetmq/rabbet/broker"
)

// A policyRef is a policy in a list.
type policyRef struct {
	vhost string
	broker.Policy
}

func (q *request) listPolicies() error { return q.policies((*broker.VHost).Policies) }

func (q *request) listOperatorPolicies() error { return q.policies((*broker.VHost).OperatorPolicies) }

func (q *request) policies(of func(*broker.VHost) []broker.Policy) error {
	at, err := q.places()
	if err != nil {
		return err
	}
	var refs []policyRef
	for _, p := range at {
		for _, policy := range of(p.VHost) {
			refs = append(refs, policyRef{p.name, policy})
		}
	}
	return list(q, listing[policyRef]{items: refs, write: writePolicy})
}

func writePolicy(e *encoder, p policyRef) bool {
	e.str("vhost", p.vhost)
	e.str("name", p.Name)
	e.str("pattern", p.Pattern)
	e.str("apply-to", p.ApplyTo)
	e.value("definition", p.Definition)
	e.num("priority", int64(p.Priority))
	return true
}

// A policyKind is what tells a user's policies from an operator's.
type policyKind struct {
	find   func(*broker.VHost, string) (broker.Policy, bool)
	set    func(*broker.VHost, broker.Policy) error
	remove func(*broker.VHost, string) bool
}

var (
	userPolicies = policyKind{(*broker.VHost).Policy, (*broker.VHost).SetPolicy, (*broker.VHost).DeletePolicy}
	operators    = policyKind{
		(*broker.VHost).OperatorPolicy, (*broker.VHost).SetOperatorPolicy, (*broker.VHost).DeleteOperatorPolicy,
	}
)

func (k policyKind) get(q *request) error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	p, ok := k.find(v, q.variable("name"))
	if !ok {
		return errNotFound
	}
	return q.reply(func(e *encoder) { writePolicy(e, policyRef{q.variable("vhost"), p}) })
}

func (k policyKind) put(q *request) error {
	v, err := q.vhost()
	if err != nil {
		return errVHostNotFound
	}
	body, err := q.require("pattern", "definition")
	if err != nil {
		return err
	}
	p, err := policyOf(q.variable("name"), body)
	if err != nil {
		return err
	}
	_, existed := k.find(v, p.Name)
	if err := k.set(v, p); err != nil {
		return refusal(err)
	}
	return q.done(!existed)
}

// policyOf is the policy that a body describes.
func policyOf(name string, body object) (broker.Policy, error) {
	p := broker.Policy{Name: name}
	var err error
	if p.Pattern, err = body.text("pattern", ""); err != nil {
		return p, err
	}
	if p.ApplyTo, err = body.text("apply-to", ""); err != nil {
		return p, err
	}
	if p.Priority, err = body.integer("priority", 0); err != nil {
		return p, badRequest("Validation failed\n\npriority should be a number, actually was " +
			term(body["priority"]) + "\n")
	}
	p.Definition, err = body.arguments("definition")
	return p, err
}

func (k policyKind) delete(q *request) error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	if !k.remove(v, q.variable("name")) {
		return errNotFound
	}
	return q.done(false)
}

// operatorPolicyRoute refuses every method where the configuration fixes operator
// policies.
func operatorPolicyRoute(q *request) error {
	if q.s.cfg.FixedOperatorPolicies {
		return &failure{http.StatusMethodNotAllowed, "method_not_allowed",
			"Broker settings disallow editing of operator policies."}
	}
	return administrators(q)
}
