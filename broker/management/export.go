package management

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/export"
)

// Bounds of one part of an export: messages, and bytes after which no more are added.
const (
	maxExport   = 5000
	exportBytes = 8 << 20
)

// exportMessages answers with messages of a queue as package export writes them, from a
// position on, and says in headers what the queue had before it looked.
func (q *request) exportMessages() error {
	v, name, err := q.readableQueue()
	if err != nil {
		return err
	}
	from, err := q.bounded("from", 0, 0, 1<<31)
	if err != nil {
		return err
	}
	limit, err := q.bounded("limit", maxExport, 0, maxExport)
	if err != nil {
		return err
	}
	newest, err := v.Newest(name)
	if err != nil {
		return refusal(err)
	}
	counts, err := v.Counts(name)
	if err != nil {
		return refusal(err)
	}
	list, _, err := v.Browse(name, from, limit)
	if err != nil {
		return refusal(err)
	}
	h := q.w.Header()
	h.Set("Rabbet-Ready", strconv.Itoa(counts.Ready))
	h.Set("Rabbet-Unacked", strconv.Itoa(counts.Unacked))
	h.Set("Rabbet-Newest", strconv.FormatUint(newest, 10))
	var body []byte
	for i := range list {
		m := exported(&list[i].Message, list[i].ID)
		m.Deliveries = uint32(list[i].Deliveries)
		if !list[i].Expires.IsZero() {
			m.Expires = millis(list[i].Expires)
		}
		if body = export.Append(body, &m); len(body) >= exportBytes {
			break
		}
	}
	return q.sendExport(body)
}

func exported(m *broker.Message, id string) export.Message {
	return export.Message{ID: id, Exchange: m.Exchange, Key: m.Key, Properties: m.Properties.Append(nil), Body: m.Body}
}

func (q *request) sendExport(body []byte) error {
	q.w.Header().Set("Content-Type", "application/octet-stream")
	q.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_ = http.NewResponseController(q.w).SetWriteDeadline(q.s.wall.Now().Add(writeTimeout)) // a recorder in a test has none
	_, err := q.w.Write(body)
	return err
}

// exportDelayed is exportMessages for what waits in a delayed exchange, behind an ID.
func (q *request) exportDelayed() error {
	v, name, err := q.delayedExchange(access.Read)
	if err != nil {
		return err
	}
	limit, err := q.bounded("limit", maxExport, 1, maxExport)
	if err != nil {
		return err
	}
	list, err := v.ListDelayed(name, q.query.Get("after"), limit)
	if err != nil {
		return badRequest(textOf(err))
	}
	var body []byte
	for i := range list {
		m := exported(&list[i].Message, list[i].ID)
		m.Due = millis(list[i].Due)
		if body = export.Append(body, &m); len(body) >= exportBytes {
			break
		}
	}
	return q.sendExport(body)
}

// standStill is PUT …/stand-still, which has a queue stand still, or deliver and take publishes again.
func (q *request) standStill() error {
	v, name, err := q.readableQueue()
	if err != nil {
		return err
	}
	body, err := q.require("deliveries", "publishes")
	if err != nil {
		return err
	}
	deliveries, err := body.boolean("deliveries", true)
	if err != nil {
		return err
	}
	publishes, err := body.boolean("publishes", true)
	if err != nil {
		return err
	}
	return q.standing(v.StandStill(name, deliveries, publishes))
}

// emptyQueue is POST …/empty: it drops the messages of a queue in which nothing has happened.
func (q *request) emptyQueue() error {
	v, name, err := q.readableQueue()
	if err != nil {
		return err
	}
	body, err := q.require("ready", "newest")
	if err != nil {
		return err
	}
	ready, err := body.integer("ready", 0)
	if err != nil {
		return err
	}
	newest, err := body.integer("newest", 0)
	if err != nil {
		return err
	}
	return q.standing(v.Empty(name, ready, uint64(newest)))
}

// standing answers what has been done to a queue that can stand still.
func (q *request) standing(err error) error {
	switch {
	case errors.Is(err, broker.ErrMoved):
		return &failure{http.StatusConflict, "conflict", err.Error()}
	case errors.Is(err, broker.ErrNotTaker):
		return badRequest(err.Error())
	case err != nil:
		return refusal(err)
	}
	return q.done(false)
}
