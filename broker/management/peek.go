package management

import (
	"net/http"
	"strings"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// Bounds of browsing.
const (
	maxBrowse   = 500
	maxPosition = 100_000
	maxScan     = 10_000 // messages that a search looks at
)

// A browsing is a page of messages that the query asks for.
type browsing struct {
	from, limit, truncate int
	text                  string
}

func (q *request) browsing(truncate int) (b browsing, err error) {
	if b.from, err = q.bounded("from", 0, 0, maxPosition); err != nil {
		return b, err
	}
	if b.limit, err = q.bounded("limit", 50, 1, maxBrowse); err != nil {
		return b, err
	}
	if b.truncate, err = q.bounded("truncate", truncate, 0, 1<<30); err != nil {
		return b, err
	}
	b.text = strings.ToLower(q.query.Get("q"))
	return b, nil
}

// readableQueue is the queue in the path, which the user has to be permitted to read.
func (q *request) readableQueue() (*broker.VHost, string, error) {
	v, name, err := q.namedQueue()
	if err != nil {
		return nil, "", err
	}
	return v, name, q.mayQueue(name, access.Read)
}

func (q *request) browse() error {
	v, name, err := q.readableQueue()
	if err != nil {
		return err
	}
	b, err := q.browsing(50_000)
	if err != nil {
		return err
	}
	if q.query.Has("offset") {
		return q.browseStream(v, name, b)
	}
	return q.showMessages(v, name, b, func(m *shownMessage) bool { return m.contains(b.text) }, nil)
}

// showMessages answers with the messages of a queue that match, from a position on.
func (q *request) showMessages(v *broker.VHost, name string, b browsing, match func(*shownMessage) bool,
	more func(*encoder, *shownMessage)) error {
	look := b.limit
	if b.text != "" || more != nil {
		look = maxScan
	}
	list, total, err := v.Browse(name, b.from, look)
	if err != nil {
		return refusal(err)
	}
	return q.reply(func(e *encoder) {
		scanned, shown := 0, 0
		if e.array("messages") {
			for i := range list {
				if shown == b.limit {
					break
				}
				scanned++
				m := shownQueued(&list[i], b.from+i)
				if !match(&m) {
					continue
				}
				shown++
				e.open()
				m.write(e, b.truncate)
				if more != nil {
					more(e, &m)
				}
				e.shut()
			}
			e.endArray()
		}
		e.num("from", int64(b.from))
		if next := b.from + scanned; next < total && scanned > 0 {
			e.num("next", int64(next))
		} else {
			e.null("next")
		}
		e.num("scanned", int64(scanned))
		e.num("total", int64(total))
	})
}

func (q *request) browseOne() error {
	v, name, err := q.readableQueue()
	if err != nil {
		return err
	}
	truncate := -1
	if q.query.Has("truncate") {
		if truncate, err = q.bounded("truncate", 0, 0, 1<<30); err != nil {
			return err
		}
	}
	if info, _ := v.Queue(name); info.Type == "stream" {
		m, err := inStream(v, name, q.variable("id"))
		if err != nil {
			return err
		}
		return q.reply(func(e *encoder) { m.write(e, truncate) })
	}
	list, _, err := v.Browse(name, 0, maxPosition)
	if err != nil {
		return refusal(err)
	}
	for i := range list {
		if list[i].ID == q.variable("id") {
			m := shownQueued(&list[i], i)
			return q.reply(func(e *encoder) { m.write(e, truncate) })
		}
	}
	return errNotFound
}

func (q *request) deleteMessage() error {
	v, name, err := q.readableQueue()
	if err != nil {
		return err
	}
	taken, err := v.Claim(name, []string{q.variable("id")})
	if err != nil {
		return badRequest(textOf(err))
	}
	if len(taken) == 0 {
		return errNotFound
	}
	for _, d := range taken {
		if err := d.Ack(); err != nil {
			return refusal(err)
		}
	}
	return q.done(false)
}

func (q *request) listUnacked() error {
	v, name, err := q.readableQueue()
	if err != nil {
		return err
	}
	b, err := q.browsing(standardTruncate)
	if err != nil {
		return err
	}
	held, err := v.Unacked(name)
	if err != nil {
		return refusal(err)
	}
	now := q.s.broker.Clock().Now()
	return q.reply(func(e *encoder) {
		if e.array("unacked") {
			for i := range held[:min(b.limit, len(held))] {
				u := &held[i]
				m := shownMessage{
					id: u.ID, position: -1, Message: u.Message, priority: int(u.Properties.Priority), deliveries: u.Deliveries,
				}
				e.open()
				m.write(e, b.truncate)
				e.count("delivery_tag", u.DeliveryTag)
				e.str("consumer_tag", u.Consumer)
				e.strOrNull("connection_name", u.ConnectionID)
				e.strOrNull("user_provided_name", u.Connection)
				numOrNull(e, "channel", int64(u.Channel))
				e.boolean("in_transaction", u.InTx)
				if u.Delivered.IsZero() {
					e.null("delivered_at")
					e.null("held_ms")
				} else {
					e.num("delivered_at", millis(u.Delivered))
					e.num("held_ms", now.Sub(u.Delivered).Milliseconds())
				}
				numOrNull(e, "timeout_ms", u.Timeout.Milliseconds())
				e.shut()
			}
			e.endArray()
		}
		e.num("total", int64(len(held)))
	})
}

// A target is where messages are moved.
type target struct {
	at            place
	exchange, key string
	ownKey        bool // the message's own key
}

// target reads the destination in a body, and asks whether the user may write there.
func (q *request) target(body object, standard string) (target, error) {
	name, err := body.text("vhost", standard)
	if err != nil {
		return target{}, err
	}
	at, err := q.enter(name)
	if err != nil {
		return target{}, err
	}
	t := target{at: at}
	queue, err := body.text("queue", "")
	if err != nil {
		return t, err
	}
	if queue != "" {
		if _, ok := at.Queue(queue); !ok {
			return t, notFound("no queue '" + queue + "' in vhost '" + name + "'")
		}
		t.key = queue
		return t, q.mayWrite(at.name, "")
	}
	if t.exchange, err = body.text("exchange", ""); err != nil {
		return t, err
	}
	if _, ok := at.Exchange(t.exchange); !ok {
		return t, notFound("no exchange '" + t.exchange + "' in vhost '" + name + "'")
	}
	_, keyed := body["routing_key"]
	t.ownKey = !keyed
	if t.key, err = body.text("routing_key", ""); err != nil {
		return t, err
	}
	return t, q.mayWrite(at.name, t.exchange)
}

// mayWrite asks for the permission to write to an exchange.
func (q *request) mayWrite(vhost, exchange string) error {
	if exchange == "" {
		exchange = access.DefaultExchange
	}
	if err := q.may(access.Resource{VHost: vhost, Kind: access.Exchange, Name: exchange}, access.Write); err != nil {
		return refusal(err)
	}
	return nil
}

// reaches reports whether a message published so would reach a queue, or a delayed
// exchange.
func (t *target) reaches(key string, m *broker.Message) (bool, error) {
	r, err := t.at.Route(t.exchange, key, m.Properties.Headers.Map())
	return len(r.Queues)+len(r.Delayed) > 0, err
}

func (q *request) moveMessages() error {
	v, name, err := q.readableQueue()
	if err != nil {
		return err
	}
	body, err := q.require("destination")
	if err != nil {
		return err
	}
	ids, err := body.words("ids")
	if err != nil {
		return err
	}
	count, err := body.integer("count", 0)
	if err != nil {
		return err
	}
	raw, err := body.object("destination")
	if err != nil {
		return err
	}
	to, err := q.target(raw, q.variable("vhost"))
	if err != nil {
		return err
	}
	if ids == nil {
		if ids, err = firstIDs(v, name, count); err != nil {
			return err
		}
	}
	return q.move(v, name, ids, to)
}

// firstIDs are those of the first messages of a queue; a count of 0 is all.
func firstIDs(v *broker.VHost, name string, count int) ([]string, error) {
	if count <= 0 || count > maxPosition {
		count = maxPosition
	}
	list, _, err := v.Browse(name, 0, count)
	if err != nil {
		return nil, refusal(err)
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids, nil
}

// move publishes messages where they go and then takes them off their queue: a crash in
// between leaves them in both.
func (q *request) move(v *broker.VHost, name string, ids []string, to target) error {
	taken, err := v.Claim(name, ids)
	if err != nil {
		return badRequest(textOf(err))
	}
	moved := 0
	var unroutable []string
	claimed := make(map[string]bool, len(taken))
	for _, d := range taken {
		claimed[d.ID] = true
		key := to.key
		if to.ownKey {
			key = d.Key
		}
		ok, err := to.reaches(key, &d.Message)
		if err == nil && ok {
			_, err = to.at.Publish(to.exchange, key, d.Message)
		}
		if err != nil || !ok {
			unroutable = append(unroutable, d.ID)
			_ = d.Nack(true) // what the broker's end has given back already
			continue
		}
		if err := d.Ack(); err != nil {
			return refusal(err)
		}
		moved++
	}
	var missing []string
	for _, id := range ids {
		if !claimed[id] {
			missing = append(missing, id)
		}
	}
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.open()
		e.num("moved", int64(moved))
		e.strs("missing", missing)
		e.strs("unroutable", unroutable)
		e.shut()
		return nil
	})
}
