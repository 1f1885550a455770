package management

import (
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// An exchangeRef is an exchange in a list.
type exchangeRef struct {
	at   place
	info broker.ExchangeInfo
}

func (q *request) listExchanges() error {
	at, err := q.places()
	if err != nil {
		return err
	}
	w, err := q.windows()
	if err != nil {
		return err
	}
	var refs []exchangeRef
	for _, p := range at {
		for _, info := range p.Exchanges() {
			refs = append(refs, exchangeRef{p, info})
		}
	}
	return list(q, listing[exchangeRef]{
		items: refs,
		name:  func(r exchangeRef) string { return r.info.Name },
		write: func(e *encoder, r exchangeRef) bool {
			q.writeExchange(e, r.at, r.info, w)
			return true
		},
	})
}

func (q *request) getExchange() error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	info, ok := v.Exchange(q.exchange("exchange"))
	if !ok {
		return errNotFound
	}
	w, err := q.windows()
	if err != nil {
		return err
	}
	return q.reply(func(e *encoder) {
		q.writeExchange(e, place{q.variable("vhost"), v}, info, w)
		if !q.statsDisabled() {
			e.strs("incoming", nil)
			e.strs("outgoing", nil)
		}
	})
}

// internalUser is who RabbitMQ says has made what is there from the beginning.
const internalUser = "rmq-internal"

func (q *request) writeExchange(e *encoder, at place, info broker.ExchangeInfo, w windows) {
	e.arguments("arguments", info.Args)
	e.boolean("auto_delete", info.AutoDelete)
	if c := info.Cache; c != nil && e.object("cache_info") { // DEDUP-8: the entries that it holds
		e.num("bytes", c.Bytes)
		e.num("entries", int64(c.Entries))
		e.strs("nodes", []string{q.s.cfg.NodeName})
		e.num("size", int64(c.Size))
		e.end()
	}
	e.boolean("durable", info.Durable)
	e.boolean("internal", info.Internal)
	if info.Type == "x-delayed-message" {
		e.num("messages_delayed", int64(info.MessagesDelayed))
	}
	if !q.statsDisabled() && info.Stats != (broker.ExchangeStats{}) {
		q.s.lookAtExchange(at, info, w, func(r recorded) {
			if e.object("message_stats") {
				r.figure(e, "publish_in", info.Stats.PublishIn, 0, w.messages)
				r.figure(e, "publish_out", info.Stats.PublishOut, 1, w.messages)
				e.end()
			}
		})
	}
	e.str("name", info.Name)
	if info.Policy != "" {
		e.str("policy", info.Policy)
	}
	e.str("type", info.Type)
	e.str("user_who_performed_action", internalUser)
	e.str("vhost", at.name)
}

func (q *request) putExchange() error {
	v, err := q.vhost()
	if err != nil {
		return errVHostNotFound
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	d := broker.Exchange{Name: q.exchange("exchange")}
	if d.Type, err = body.text("type", "direct"); err != nil {
		return err
	}
	for key, to := range map[string]*bool{"durable": &d.Durable, "auto_delete": &d.AutoDelete, "internal": &d.Internal} {
		if *to, err = body.boolean(key, false); err != nil {
			return err
		}
	}
	if d.Args, err = body.arguments("arguments"); err != nil {
		return err
	}
	if len(d.Name) > maxName {
		return badRequest("exchange, value should not be longer than 255 bytes, actually was " + d.Name + "\n")
	}
	if err := q.mayDeclareExchange(d); err != nil {
		return err
	}
	_, existed := v.Exchange(d.Name)
	if err := v.DeclareExchange(d); err != nil {
		return refusal(err)
	}
	return q.done(!existed)
}

// mayDeclareExchange asks for the permissions that a client needs: to configure the
// exchange and, if it has an alternate, to read from it and to write to that.
func (q *request) mayDeclareExchange(d broker.Exchange) error {
	if err := q.mayExchange(d.Name, access.Configure); err != nil {
		return err
	}
	alternate, ok := d.Args["alternate-exchange"].(string)
	if !ok {
		return nil
	}
	if err := q.mayExchange(d.Name, access.Read); err != nil {
		return err
	}
	return q.mayExchange(alternate, access.Write)
}

func (q *request) deleteExchange() error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	name := q.exchange("exchange")
	if _, ok := v.Exchange(name); !ok {
		return errNotFound
	}
	if err := q.mayExchange(name, access.Configure); err != nil {
		return err
	}
	if err := v.DeleteExchangeIf(name, q.flag("if-unused")); err != nil {
		return refusal(err)
	}
	return q.done(false)
}
