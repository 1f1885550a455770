package management

import (
	"encoding/json"

	"github.com/rabbetmq/rabbet/broker"
)

func (q *request) listParameters() error {
	at, err := q.places()
	if err != nil {
		return err
	}
	var params []broker.Parameter
	for _, p := range at {
		params = append(params, p.Parameters(q.variable("component"))...)
	}
	return list(q, listing[broker.Parameter]{items: params, write: q.writeParameter})
}

func (q *request) writeParameter(e *encoder, p broker.Parameter) bool {
	p = q.shown(p)
	e.raw("value", p.Value)
	e.str("vhost", p.VHost)
	e.str("component", p.Component)
	e.str("name", p.Name)
	return true
}

func (q *request) getParameter() error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	p, ok := v.Parameter(q.variable("component"), q.variable("name"))
	if !ok {
		return errNotFound
	}
	return q.reply(func(e *encoder) { q.writeParameter(e, p) })
}

func (q *request) putParameter() error {
	v, err := q.vhost()
	if err != nil {
		return errVHostNotFound
	}
	value, err := q.parameterValue()
	if err != nil {
		return err
	}
	component, name := q.variable("component"), q.variable("name")
	_, existed := v.Parameter(component, name)
	p := q.restored(broker.Parameter{Component: component, VHost: v.Name(), Name: name, Value: value})
	if err := v.SetParameterBy(q.login, component, name, p.Value); err != nil {
		return refusal(err)
	}
	return q.done(!existed)
}

// parameterValue is the value in a body, as it was sent.
func (q *request) parameterValue() (json.RawMessage, error) {
	raw, err := q.readBody()
	if err != nil {
		return nil, err
	}
	if _, err := parseObject(raw); err != nil {
		return nil, err
	}
	var body struct{ Value json.RawMessage }
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &body); err != nil {
			return nil, badRequest("not_json")
		}
	}
	if body.Value == nil {
		return nil, keysMissing([]string{"value"})
	}
	return body.Value, nil
}

func (q *request) deleteParameter() error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	if !v.DeleteParameter(q.variable("component"), q.variable("name")) {
		return errNotFound
	}
	return q.done(false)
}

func (q *request) listGlobalParameters() error {
	return list(q, listing[broker.GlobalParameter]{items: q.s.broker.GlobalParameters(), write: writeGlobalParameter})
}

func writeGlobalParameter(e *encoder, p broker.GlobalParameter) bool {
	e.str("name", p.Name)
	e.raw("value", p.Value)
	return true
}

// globalParameter finds the one that the path names.
func (q *request) globalParameter() (broker.GlobalParameter, bool) {
	for _, p := range q.s.broker.GlobalParameters() {
		if p.Name == q.variable("name") {
			return p, true
		}
	}
	return broker.GlobalParameter{}, false
}

func (q *request) getGlobalParameter() error {
	p, ok := q.globalParameter()
	if !ok {
		return errNotFound
	}
	return q.reply(func(e *encoder) { writeGlobalParameter(e, p) })
}

func (q *request) putGlobalParameter() error {
	value, err := q.parameterValue()
	if err != nil {
		return err
	}
	_, existed := q.globalParameter()
	if err := q.s.broker.SetGlobalParameter(q.variable("name"), value); err != nil {
		return refusal(err)
	}
	return q.done(!existed)
}

func (q *request) deleteGlobalParameter() error {
	if !q.s.broker.DeleteGlobalParameter(q.variable("name")) {
		return errNotFound
	}
	return q.done(false)
}

func (q *request) putClusterName() error {
	if err := administrators(q); err != nil {
		return err
	}
	body, err := q.require("name")
	if err != nil {
		return err
	}
	name, err := body.text("name", "")
	if err != nil {
		return err
	}
	if err := q.s.broker.SetGlobalParameter("cluster_name", appendString(nil, name)); err != nil {
		return refusal(err)
	}
	return q.done(false)
}
