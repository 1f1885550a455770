package management

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/ledger"
)

// maySeeTraced reports whether the user may see a traced message: who may read all that
// has it or, if it went nowhere, the exchange that it was published to.
func (q *request) maySeeTraced(p *ledger.Publication) bool {
	may := func(kind access.Kind, name string) bool {
		return q.may(access.Resource{VHost: p.VHost, Kind: kind, Name: name}, access.Read) == nil
	}
	for i := range p.Routes {
		if !may(access.Queue, p.Routes[i].Queue) {
			return false
		}
	}
	return len(p.Routes) > 0 || may(access.Exchange, cmp.Or(p.Exchange, access.DefaultExchange))
}

// listTraced answers with a page of what a trace has, the newest first; with since, of what
// has changed since then, in the order of the changes.
func (q *request) listTraced() error {
	t, err := q.tracing()
	if err != nil {
		return err
	}
	limit, err := q.bounded("limit", 50, 1, maxBrowse)
	if err != nil {
		return err
	}
	before, err := strconv.ParseUint(cmp.Or(q.query.Get("before"), "0"), 10, 64)
	if err != nil {
		return badRequest("before must be the ID of a message")
	}
	since, err := strconv.ParseUint(cmp.Or(q.query.Get("since"), "0"), 10, 64)
	if err != nil {
		return badRequest("since must be the number of a change")
	}
	change := t.ledger.Usage().Change
	var found []ledger.Publication
	for p := range t.ledger.All() {
		if (before == 0 || p.ID < before) && p.Change > since && q.asksFor(p) {
			found = append(found, *p)
		}
	}
	slices.Reverse(found)
	if since > 0 {
		slices.SortFunc(found, func(a, b ledger.Publication) int { return cmp.Compare(a.Change, b.Change) })
	}
	// Permissions are asked of what is shown, not of all that there is.
	shown := found[:0]
	more := false
	for i := range found {
		if !q.maySeeTraced(&found[i]) {
			continue
		}
		if more = len(shown) == limit; more {
			break
		}
		shown = append(shown, found[i])
	}
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.open()
		if e.array("messages") {
			for i := range shown {
				e.open()
				writeTracedLine(e, &shown[i])
				e.shut()
			}
			e.endArray()
		}
		if more {
			e.str("next", strconv.FormatUint(shown[len(shown)-1].ID, 10))
		} else {
			e.null("next")
		}
		if more && since > 0 {
			change = shown[len(shown)-1].Change
		}
		e.count("change", change)
		e.shut()
		return nil
	})
}

// asksFor reports whether the query's filter lets a message through.
func (q *request) asksFor(p *ledger.Publication) bool {
	get := q.query.Get
	if x := get("exchange"); x != "" && p.Exchange != x && (x != "amq.default" || p.Exchange != "") {
		return false
	}
	if queue := get("queue"); queue != "" && !slices.ContainsFunc(p.Routes, func(r ledger.Route) bool { return r.Queue == queue }) {
		return false
	}
	if key := get("routing_key"); key != "" && !matchesTopic(key, p.Key) {
		return false
	}
	if id := get("message_id"); id != "" && p.Properties.MessageID != id {
		return false
	}
	if id := get("correlation_id"); id != "" && p.Properties.CorrelationID != id {
		return false
	}
	if state := get("state"); state != "" && traceState(p) != state {
		return false
	}
	text := strings.ToLower(get("q"))
	return text == "" || strings.Contains(strings.ToLower(p.Key), text) || bytes.Contains(bytes.ToLower(p.Body), []byte(text))
}

// writeTracedLine writes what a list shows of a message.
func writeTracedLine(e *encoder, p *ledger.Publication) {
	e.str("id", strconv.FormatUint(p.ID, 10))
	e.num("at", millis(p.Time))
	e.str("exchange", p.Exchange)
	e.str("routing_key", p.Key)
	e.strOrNull("message_id", p.Properties.MessageID)
	e.strOrNull("correlation_id", p.Properties.CorrelationID)
	e.str("state", traceState(p))
	queues := make([]string, len(p.Routes))
	for i := range p.Routes {
		queues[i] = p.Routes[i].Queue
	}
	e.strs("queues", queues)
	e.count("change", p.Change)
}

// traceState sums up where a message is, or how it ended.
func traceState(p *ledger.Publication) string {
	switch {
	case p.Err != nil:
		return "refused"
	case p.Returned:
		return "unroutable, returned"
	case p.Unroutable():
		return "unroutable"
	}
	count := make(map[ledger.RouteState]int)
	for i := range p.Routes {
		if p.Routes[i].DeadLetter != 0 {
			return "dead-lettered"
		}
		count[p.Routes[i].State]++
	}
	for _, d := range p.Delays {
		if len(p.Routes) == 0 && d.State != ledger.Due {
			return traceWord(d.State, "delayed")
		}
	}
	switch {
	case count[ledger.Out] > 0:
		return "delivered"
	case count[ledger.Waiting] > 0:
		return "queued"
	}
	for i := range p.Routes {
		if s := p.Routes[i].State; s != ledger.Acked {
			return traceWord(s, "")
		}
	}
	return "acked"
}

// traceWord is a state in a word; waiting is what it is called where a message waits.
func traceWord(s ledger.RouteState, waiting string) string {
	switch s {
	case ledger.Waiting:
		return waiting
	case ledger.Out:
		return "delivered"
	case ledger.GivenUp:
		return "rejected"
	case ledger.GoneWithIt:
		return "purged"
	case ledger.Undone:
		return "rolled back"
	}
	return string(s)
}

// A moment is one station of a message's life.
type moment struct {
	at                               time.Time
	kind, place, reason, tag, client string
	peer                             string
	channel                          uint16
	redelivered                      bool
	as                               uint64 // the dead letter that it went on as
}

// life is what has happened to a message, in order.
func life(p *ledger.Publication) []moment {
	list := []moment{{at: p.Time, kind: "published", client: p.Connection, peer: p.Peer, channel: p.Channel, reason: deadReason(p)}}
	switch {
	case p.Err != nil:
		list = append(list, moment{at: p.Time, kind: "refused", reason: textOf(p.Err)})
	case p.Returned:
		list = append(list, moment{at: p.Time, kind: "unroutable", reason: "returned to the publisher"})
	case p.Unroutable():
		list = append(list, moment{at: p.Time, kind: "unroutable"})
	}
	for _, d := range p.Delays {
		list = append(list, moment{at: p.Time, kind: "delayed", place: d.Exchange})
		if d.State != ledger.Waiting {
			list = append(list, moment{at: d.Ended, kind: traceWord(d.State, ""), place: d.Exchange, as: d.DeadLetter})
		}
	}
	for i := range p.Routes {
		list = append(list, routeLife(p, &p.Routes[i])...)
	}
	switch p.Confirm {
	case ledger.Confirmed, ledger.Nacked:
		list = append(list, moment{at: p.Told, kind: string(p.Confirm), client: p.Connection, peer: p.Peer, channel: p.Channel})
	}
	slices.SortStableFunc(list, func(a, b moment) int { return a.at.Compare(b.at) })
	return list
}

// deadReason says what a dead letter is of.
func deadReason(p *ledger.Publication) string {
	if p.Of == 0 {
		return ""
	}
	return p.Reason + " in " + cmp.Or(p.DeadFrom, "a delayed exchange") + ", as message " + strconv.FormatUint(p.Of, 10)
}

// routeLife is what has happened to a message in one queue.
func routeLife(p *ledger.Publication, r *ledger.Route) (list []moment) {
	if len(p.Delays) == 0 {
		list = append(list, moment{at: p.Time, kind: "queued", place: r.Queue})
	}
	settled := ledger.Waiting
	for i := range r.Deliveries {
		a := &r.Deliveries[i]
		m := moment{
			at: a.Time, kind: "delivered", place: r.Queue, tag: a.Consumer, client: a.Connection, peer: a.Peer, channel: a.Channel,
			redelivered: a.Redelivered,
		}
		list = append(list, m)
		if a.State == ledger.Out || a.Settled.IsZero() {
			continue
		}
		m.at, m.kind, m.redelivered = a.Settled, traceWord(a.State, "requeued"), false
		settled = a.State
		list = append(list, m)
	}
	if r.State != ledger.Waiting && r.State != ledger.Out && r.State != settled {
		list = append(list, moment{at: r.Changed, kind: traceWord(r.State, ""), place: r.Queue})
	}
	if r.DeadLetter != 0 {
		list = append(list, moment{at: r.Changed, kind: "dead-lettered", place: r.Queue, as: r.DeadLetter})
	}
	return list
}

// traced is the message that the path names.
func (q *request) traced() (*ledger.Publication, error) {
	t, err := q.tracing()
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseUint(q.variable("id"), 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	p, ok := t.ledger.Get(id)
	if !ok {
		return nil, errNotFound
	}
	if !q.maySeeTraced(&p) {
		return nil, notAuthorised("Access refused.")
	}
	return &p, nil
}

func (q *request) getTraced() error {
	p, err := q.traced()
	if err != nil {
		return err
	}
	names := q.connectionNames()
	return q.reply(func(e *encoder) { writeTraced(e, p, names) })
}

// connectionNames are the names of the connections that are open, by the client's address.
func (q *request) connectionNames() map[string]string {
	conns := q.s.broker.Connections()
	names := make(map[string]string, len(conns))
	for i := range conns {
		names[conns[i].Peer] = conns[i].ID
	}
	return names
}

// writeTraced writes all that is known of a message.
func writeTraced(e *encoder, p *ledger.Publication, names map[string]string) {
	writeTracedLine(e, p)
	e.str("vhost", p.VHost)
	e.strOrNull("user", p.User)
	e.boolean("mandatory", p.Mandatory)
	e.num("payload_bytes", int64(p.BodySize))
	writePayload(e, p.Body, false, -1)
	e.boolean("truncated", len(p.Body) < p.BodySize)
	if e.object("properties") {
		writeProperties(e, &p.Properties)
		e.end()
	}
	if p.Of != 0 {
		e.str("dead_letter_of", strconv.FormatUint(p.Of, 10))
	}
	if !e.array("events") {
		return
	}
	for _, m := range life(p) {
		e.open()
		m.write(e, names)
		e.shut()
	}
	e.endArray()
}

func (m *moment) write(e *encoder, names map[string]string) {
	e.str("type", m.kind)
	e.num("at", millis(m.at))
	switch {
	case m.kind == "delayed" || m.kind == "due" || m.kind == "cancelled":
		e.strOrNull("exchange", m.place)
	default:
		e.strOrNull("queue", m.place)
	}
	e.strOrNull("consumer_tag", m.tag)
	e.strOrNull("connection_name", names[m.peer])
	e.strOrNull("user_provided_name", m.client)
	e.strOrNull("peer", m.peer)
	e.num("channel", int64(m.channel))
	e.boolean("redelivered", m.redelivered)
	e.strOrNull("reason", m.reason)
	if m.as != 0 {
		e.str("dead_letter", strconv.FormatUint(m.as, 10))
	}
}

// exportTrace answers with all that a trace has, one message a line.
func (q *request) exportTrace() error {
	t, err := q.tracing()
	if err != nil {
		return err
	}
	names := q.connectionNames()
	h := q.w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Content-Disposition", `attachment; filename="trace.jsonl"`)
	h.Set("Cache-Control", "no-cache")
	q.out = &responder{q: q, started: true}
	q.w.WriteHeader(http.StatusOK)
	if q.r.Method == http.MethodHead {
		return nil
	}
	u := t.ledger.Usage()
	var e encoder
	for id := u.Forgotten + 1; id <= u.Forgotten+uint64(u.Publications); id++ {
		p, ok := t.ledger.Get(id)
		if !ok || !q.maySeeTraced(&p) {
			continue
		}
		e.buf = append(e.buf, '{')
		writeTraced(&e, &p, names)
		e.buf = append(e.buf, '}', '\n')
		if len(e.buf) < flushSize && id < u.Forgotten+uint64(u.Publications) {
			continue
		}
		_ = http.NewResponseController(q.w).SetWriteDeadline(q.s.wall.Now().Add(writeTimeout)) // a recorder in a test has none
		if _, err := q.w.Write(e.buf); err != nil {
			return nil // the client has gone
		}
		e.buf = e.buf[:0]
	}
	_, _ = q.w.Write(e.buf) // the last may be one that the user must not see
	return nil
}
