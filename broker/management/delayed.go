package management

import (
	"net/http"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

func (q *request) listDelayedExchanges() error {
	at, err := q.delayedPlaces()
	if err != nil {
		return err
	}
	return q.reply(func(e *encoder) {
		if !e.array("exchanges") {
			return
		}
		for _, p := range at {
			for _, x := range p.Exchanges() {
				info, err := p.Delayed(x.Name)
				if x.Type != "x-delayed-message" || err != nil {
					continue
				}
				e.open()
				e.str("vhost", p.name)
				e.str("exchange", x.Name)
				e.num("messages", int64(info.Count))
				if info.Next.IsZero() {
					e.null("next_at")
				} else {
					e.num("next_at", millis(info.Next))
				}
				e.shut()
			}
		}
		e.endArray()
	})
}

// delayedPlaces are the virtual hosts of the list: that of the parameter "vhost", or those
// of every list.
func (q *request) delayedPlaces() ([]place, error) {
	if name := q.query.Get("vhost"); name != "" {
		p, err := q.enter(name)
		return []place{p}, err
	}
	return q.places()
}

// delayedExchange is the exchange in the path, for which the user needs a permission.
func (q *request) delayedExchange(op access.Operation) (*broker.VHost, string, error) {
	v, err := q.vhost()
	if err != nil {
		return nil, "", err
	}
	name := q.exchange("exchange")
	if _, err := v.Delayed(name); err != nil {
		return nil, "", errNotFound
	}
	return v, name, q.mayExchange(name, op)
}

func (q *request) listDelayed() error {
	v, name, err := q.delayedExchange(access.Read)
	if err != nil {
		return err
	}
	b, err := q.browsing(standardTruncate)
	if err != nil {
		return err
	}
	info, err := v.Delayed(name)
	if err != nil {
		return refusal(err)
	}
	list, err := v.ListDelayed(name, q.query.Get("after"), b.limit+1)
	if err != nil {
		return badRequest(textOf(err))
	}
	return q.reply(func(e *encoder) {
		more := len(list) > b.limit
		if more {
			list = list[:b.limit]
		}
		if e.array("messages") {
			for i := range list {
				d := &list[i]
				m := shownMessage{id: d.ID, position: -1, Message: d.Message, priority: int(d.Properties.Priority)}
				e.open()
				m.write(e, b.truncate)
				e.num("due_at", millis(d.Due))
				e.shut()
			}
			e.endArray()
		}
		if more {
			e.str("next", list[len(list)-1].ID)
		} else {
			e.null("next")
		}
		e.num("total", int64(info.Count))
	})
}

func (q *request) cancelAllDelayed() error {
	v, name, err := q.delayedExchange(access.Configure)
	if err != nil {
		return err
	}
	n, err := v.PurgeDelayed(name)
	if err != nil {
		return refusal(err)
	}
	return q.reply(func(e *encoder) { e.num("cancelled", int64(n)) })
}

func (q *request) cancelDelayed() error {
	v, name, err := q.delayedExchange(access.Configure)
	if err != nil {
		return err
	}
	found, err := v.CancelDelayed(name, q.variable("id"))
	if err != nil || !found {
		return errNotFound
	}
	return q.done(false)
}

// oneDelayed finds the message in the path.
func (q *request) oneDelayed(v *broker.VHost, exchange string) (broker.DelayedMessage, error) {
	id := q.variable("id")
	for after := ""; ; {
		list, err := v.ListDelayed(exchange, after, maxBrowse)
		if err != nil {
			return broker.DelayedMessage{}, refusal(err)
		}
		for i := range list {
			if list[i].ID == id {
				return list[i], nil
			}
		}
		if len(list) < maxBrowse {
			return broker.DelayedMessage{}, errNotFound
		}
		after = list[len(list)-1].ID
	}
}

// republish sends a delayed message to its exchange anew and calls the old one off: a
// crash in between leaves both.
func (q *request) republish(delay time.Duration) error {
	v, name, err := q.delayedExchange(access.Write)
	if err != nil {
		return err
	}
	d, err := q.oneDelayed(v, name)
	if err != nil {
		return err
	}
	m := d.Message
	m.Properties.Headers = withDelay(m.Properties.Headers, delay)
	m.Properties.Flags |= amqp.HasHeaders
	if _, err := v.Publish(name, m.Key, m); err != nil {
		return refusal(err)
	}
	if _, err := v.CancelDelayed(name, d.ID); err != nil {
		return refusal(err)
	}
	return nil
}

// delayHeader is the header that says how long a message waits, in milliseconds.
const delayHeader = "x-delay"

// withDelay is headers with another delay; 0 is none.
func withDelay(headers amqp.Table, delay time.Duration) amqp.Table {
	var changed amqp.Table
	for _, f := range headers {
		if !strings.EqualFold(f.Key, delayHeader) {
			changed = append(changed, f)
		}
	}
	if delay > 0 {
		changed = append(changed, amqp.Field{Key: delayHeader, Value: max(delay.Milliseconds(), 1)})
	}
	return changed
}

func (q *request) deliverDelayed() error {
	if err := q.republish(0); err != nil {
		return err
	}
	return q.done(false)
}

func (q *request) rescheduleDelayed() error {
	body, err := q.body()
	if err != nil {
		return err
	}
	ms, err := body.integer("delay_ms", -1)
	if err != nil {
		return err
	}
	if _, ok := body["due_at"]; ok {
		at, err := body.integer("due_at", 0)
		if err != nil {
			return err
		}
		ms = max(at-int(millis(q.s.clock.Now())), 0)
	}
	if ms < 0 {
		return badRequest("due_at or delay_ms must be given")
	}
	if err := q.republish(time.Duration(ms) * time.Millisecond); err != nil {
		return err
	}
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.open()
		e.null("id")
		e.shut()
		return nil
	})
}
