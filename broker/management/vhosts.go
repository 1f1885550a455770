package management

import (
	"net/http"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

func (q *request) listVHosts() error {
	w, err := q.windows()
	if err != nil {
		return err
	}
	at, err := q.visiblePlaces()
	if err != nil {
		return err
	}
	return list(q, listing[place]{
		items: at, name: func(p place) string { return p.name },
		write: func(e *encoder, p place) bool {
			q.writeVHost(e, p, w)
			return true
		},
	})
}

func (q *request) getVHost() error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	w, err := q.windows()
	if err != nil {
		return err
	}
	return q.reply(func(e *encoder) { q.writeVHost(e, place{q.variable("vhost"), v}, w) })
}

func (q *request) writeVHost(e *encoder, p place, w windows) {
	s := p.Settings()
	kind := s.DefaultQueueType
	if kind == "" {
		kind = "undefined"
		if !q.s.before4() {
			kind = "classic"
		}
	}
	e.str("name", p.name)
	e.str("description", s.Description)
	e.strs("tags", s.Tags)
	e.str("default_queue_type", kind)
	if e.object("metadata") {
		e.str("description", s.Description)
		e.strs("tags", s.Tags)
		if kind != "undefined" {
			e.str("default_queue_type", kind)
		}
		e.end()
	}
	e.boolean("tracing", s.Tracing)
	if !q.s.before4() {
		e.boolean("protected_from_deletion", s.Protected)
	}
	if e.object("cluster_state") {
		e.str(q.s.cfg.NodeName, "running")
		e.end()
	}
	if q.statsDisabled() {
		return
	}
	t := p.Totals()
	if t.Queues == 0 && t.Received == 0 && t.Messages == (broker.MessageStats{}) {
		return
	}
	q.s.lookAtVHost(p, w, func(r recorded) {
		r.figure(e, "recv_oct", t.Received, figureReceived, w.data)
		r.figure(e, "send_oct", t.Sent, figureSent, w.data)
		r.lengths(e, t.Ready, t.Unacked, t.Away, w.lengths)
		r.messageStats(e, &t.Messages, w.messages, false)
	})
}

func (q *request) putVHost() error {
	body, err := q.body()
	if err != nil {
		return err
	}
	name := q.variable("vhost")
	var s broker.VHostSettings
	if s.Description, err = body.text("description", ""); err != nil {
		return err
	}
	if s.Tags, err = body.words("tags"); err != nil {
		return err
	}
	if s.Tracing, err = body.boolean("tracing", false); err != nil {
		return err
	}
	kind, err := body.text("defaultqueuetype", "")
	if err != nil {
		return err
	}
	if s.DefaultQueueType, err = body.text("default_queue_type", kind); err != nil {
		return err
	}
	v, err := q.s.vhost(name)
	if err == nil {
		s.Protected = v.Settings().Protected
		if err := v.SetSettings(s); err != nil {
			return refusal(err)
		}
		return q.done(false)
	}
	if name == "" || len(name) > maxName {
		return badRequest("a virtual host needs a name of at most 255 bytes")
	}
	if _, err := q.s.broker.CreateVHost(name, s); err != nil {
		return refusal(err)
	}
	// The user who creates it may do everything there.
	if _, ok := q.s.broker.User(q.login.User); ok {
		p := access.Permission{User: q.login.User, VHost: name, Configure: ".*", Write: ".*", Read: ".*"}
		if err := q.s.setPermission(p); err != nil {
			return err
		}
	}
	return q.done(true)
}

func (q *request) deleteVHost() error {
	found, err := q.s.broker.DeleteVHost(q.variable("vhost"))
	switch {
	case err != nil:
		return &failure{http.StatusPreconditionFailed, "precondition_failed", textOf(err)}
	case !found:
		return errNotFound
	}
	return q.done(false)
}

func (q *request) protectVHost() error   { return q.setProtected(true) }
func (q *request) unprotectVHost() error { return q.setProtected(false) }

func (q *request) setProtected(on bool) error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	s := v.Settings()
	s.Protected = on
	if err := v.SetSettings(s); err != nil {
		return refusal(err)
	}
	return q.done(false)
}

func (q *request) listVHostLimits() error {
	at, err := q.visiblePlaces()
	if err != nil {
		return err
	}
	var limited []place
	for _, p := range at {
		if len(p.Limits()) > 0 {
			limited = append(limited, p)
		}
	}
	return list(q, listing[place]{items: limited, write: func(e *encoder, p place) bool {
		e.str("vhost", p.name)
		writeLimits(e, "value", p.Limits())
		return true
	}})
}

func (q *request) putVHostLimit() error {
	v, err := q.vhost()
	if err != nil {
		return errVHostNotFound
	}
	limit := q.variable("name")
	n, err := q.limitValue(limit)
	if err != nil {
		return err
	}
	if err := v.SetLimits(access.Limits{limit: n}); err != nil {
		return badRequest("Validation failed\n\n" + textOf(err) + "\n")
	}
	return q.done(false)
}

func (q *request) deleteVHostLimit() error {
	v, err := q.vhost()
	if err != nil {
		return errVHostNotFound
	}
	v.ClearLimit(q.variable("name"))
	return q.done(false)
}
