package management

import "github.com/rabbetmq/rabbet/broker"

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
		r.lengths(e, t.Ready, t.Unacked, w.lengths)
		r.messageStats(e, &t.Messages, w.messages, false)
	})
}
