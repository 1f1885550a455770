package management

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/delay"
)

// A retrying is what POST /api/rabbet/retry asks for.
type retrying struct {
	at     place
	queue  string
	ids    []string
	filter deathFilter
	limit  int
	to     *target // nil is where each message came from
	edit   object  // nil changes nothing
	rate   int     // messages a second; 0 is at once
	dryRun bool
}

// retryHeader counts how often a message was retried.
const retryHeader = "x-rabbet-retry-count"

// mayRead asks for the permission to read from a queue.
func (q *request) mayRead(vhost, queue string) error {
	if err := q.may(access.Resource{VHost: vhost, Kind: access.Queue, Name: queue}, access.Read); err != nil {
		return refusal(err)
	}
	return nil
}

func (q *request) parseRetry() (*retrying, error) {
	body, err := q.require("queue")
	if err != nil {
		return nil, err
	}
	var r retrying
	if r.at, err = q.bodyVHost(body); err != nil {
		return nil, err
	}
	if r.queue, err = body.text("queue", ""); err != nil {
		return nil, err
	}
	if _, ok := r.at.Queue(r.queue); !ok {
		return nil, notFound("queue_not_found")
	}
	if err := q.mayRead(r.at.name, r.queue); err != nil {
		return nil, err
	}
	if r.ids, err = body.words("ids"); err != nil {
		return nil, err
	}
	filter, err := body.object("filter")
	if err != nil {
		return nil, err
	}
	for field, to := range map[string]*string{"queue": &r.filter.queue, "reason": &r.filter.reason, "q": &r.filter.text} {
		if *to, err = filter.text(field, ""); err != nil {
			return nil, err
		}
	}
	r.filter.text = strings.ToLower(r.filter.text)
	for field, to := range map[string]*int{"limit": &r.limit, "rate": &r.rate} {
		if *to, err = body.integer(field, 0); err != nil {
			return nil, err
		}
	}
	if r.dryRun, err = body.boolean("dry_run", false); err != nil {
		return nil, err
	}
	return &r, q.parseRetryTarget(body, &r)
}

func (q *request) parseRetryTarget(body object, r *retrying) error {
	if body["destination"] != nil {
		raw, err := body.object("destination")
		if err != nil {
			return err
		}
		to, err := q.target(raw, r.at.name)
		if err != nil {
			return err
		}
		r.to = &to
	}
	if body["edit"] == nil {
		return nil
	}
	var err error
	if r.edit, err = body.object("edit"); err != nil {
		return err
	}
	if len(r.ids) != 1 {
		return badRequest("one message alone can be edited")
	}
	return nil
}

// A retryStep is what is done with one message.
type retryStep struct {
	id, exchange, key, failure string
}

// choose finds the messages, and where each goes.
func (q *request) choose(r *retrying) ([]retryStep, error) {
	list, _, err := r.at.Browse(r.queue, 0, maxPosition)
	if err != nil {
		return nil, refusal(err)
	}
	limit := r.limit
	if limit <= 0 || limit > maxPosition {
		limit = maxPosition
	}
	wanted := make(map[string]bool, len(r.ids))
	for _, id := range r.ids {
		wanted[id] = true
	}
	var steps []retryStep
	for i := range list {
		if len(steps) == limit {
			break
		}
		m := shownQueued(&list[i], i)
		if r.ids != nil && !wanted[m.id] || r.ids == nil && !r.filter.matches(&m) {
			continue
		}
		steps = append(steps, q.retryStep(r, &m))
	}
	return steps, nil
}

func (q *request) retryStep(r *retrying, m *shownMessage) retryStep {
	s := retryStep{id: m.id}
	at := r.at
	switch {
	case r.to != nil:
		s.exchange, s.key, at = r.to.exchange, r.to.key, r.to.at
		if r.to.ownKey {
			s.key = m.Key
		}
	default:
		d, ok := deathOf(&m.Properties)
		if !ok {
			s.failure = "the message has no x-death: a destination must be given"
			return s
		}
		s.exchange, s.key = d.exchange, m.Key
		if len(d.keys) > 0 {
			s.key = d.keys[0]
		}
	}
	to := target{at: at, exchange: s.exchange}
	if ok, err := to.reaches(s.key, &m.Message); err != nil {
		s.failure = textOf(err)
	} else if !ok {
		s.failure = "no queue would get it"
	} else if q.mayWrite(at.name, s.exchange) != nil {
		s.failure = "no permission to write to exchange '" + s.exchange + "'"
	}
	return s
}

// retry publishes dead letters anew, where they came from or elsewhere. A message leaves
// its queue once it is where it goes.
func (q *request) retry() error {
	r, err := q.parseRetry()
	if err != nil {
		return err
	}
	steps, err := q.choose(r)
	if err != nil {
		return err
	}
	retried := 0
	if !r.dryRun {
		for i := range steps {
			if s := &steps[i]; s.failure == "" {
				s.failure = r.perform(s)
			}
			if steps[i].failure != "" {
				continue
			}
			retried++
			if r.rate > 0 {
				if delay.Wait(q.context(), q.s.wall, time.Second/time.Duration(r.rate)) != nil {
					steps = steps[:i+1]
					break
				}
			}
		}
	}
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.open()
		e.num("retried", int64(retried))
		writeSteps(e, "plan", steps, func(s retryStep) bool { return r.dryRun && s.failure == "" })
		writeSteps(e, "failed", steps, func(s retryStep) bool { return s.failure != "" })
		e.shut()
		return nil
	})
}

func writeSteps(e *encoder, field string, steps []retryStep, which func(retryStep) bool) {
	if !e.array(field) {
		return
	}
	n := 0
	for _, s := range steps {
		if !which(s) || n == maxBrowse {
			continue
		}
		n++
		e.open()
		e.str("id", s.id)
		if s.failure != "" {
			e.str("reason", s.failure)
		} else {
			e.str("exchange", s.exchange)
			e.str("routing_key", s.key)
		}
		e.shut()
	}
	e.endArray()
}

// perform retries one message and returns what went wrong.
func (r *retrying) perform(s *retryStep) string {
	taken, err := r.at.Claim(r.queue, []string{s.id})
	if err != nil {
		return textOf(err)
	}
	if len(taken) == 0 {
		return "the message is not ready any more"
	}
	d := taken[0]
	m := d.Message
	if err := r.change(&m); err != nil {
		_ = d.Nack(true) // what the broker's end has given back already
		return err.Error()
	}
	at := r.at
	if r.to != nil {
		at = r.to.at
	}
	if _, err := at.Publish(s.exchange, s.key, m); err != nil {
		_ = d.Nack(true)
		return textOf(err)
	}
	if err := d.Ack(); err != nil {
		return textOf(err)
	}
	return ""
}

// change counts the retry in the headers, and edits the message.
func (r *retrying) change(m *broker.Message) error {
	if r.edit != nil {
		if err := edit(m, r.edit); err != nil {
			return err
		}
	}
	var headers amqp.Table
	count := int64(0)
	for _, f := range m.Properties.Headers {
		if f.Key == retryHeader {
			count, _ = amqp.AsInt(f.Value)
			continue
		}
		headers = append(headers, f)
	}
	m.Properties.Headers = append(headers, amqp.Field{Key: retryHeader, Value: count + 1})
	m.Properties.Flags |= amqp.HasHeaders
	return nil
}

// edit replaces the body and the properties of a message, those that are given. The history
// of its deaths stays.
func edit(m *broker.Message, with object) error {
	if payload, ok := with["payload"].(string); ok {
		m.Body = []byte(payload)
		if encoding, _ := with.text("payload_encoding", "string"); encoding == "base64" {
			body, err := base64.StdEncoding.DecodeString(payload)
			if err != nil {
				return badRequest([]any{"not_base64", payload})
			}
			m.Body = body
		}
	}
	if with["properties"] == nil {
		return nil
	}
	raw, err := with.object("properties")
	if err != nil {
		return err
	}
	deaths, had := m.Properties.Headers.Get("x-death")
	if m.Properties, err = propertiesOf(without(raw, "x-death")); err != nil {
		return err
	}
	if had {
		m.Properties.Headers = append(m.Properties.Headers, amqp.Field{Key: "x-death", Value: deaths})
		m.Properties.Flags |= amqp.HasHeaders
	}
	return nil
}

// without is properties without one header.
func without(properties object, header string) object {
	headers, ok := properties["headers"].(map[string]any)
	if !ok {
		return properties
	}
	delete(headers, header)
	return properties
}
