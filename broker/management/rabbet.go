package management

import (
	"strings"

	"github.com/rabbetmq/rabbet/broker"
)

// The routes below /api/rabbet are the broker's own: what RabbitMQ's API does not offer
// and the page shows.

// extensionNames are what the page may count on.
var extensionNames = []string{
	"messages", "unacked", "consumers", "move", "delayed", "deadletters", "retry", "route-test", "permission-test", "policies-preview",
	"definitions-preview", "topology", "events", "live", "trace", "export",
	"streams",
}

func (s *Server) addExtensionRoutes() {
	s.route("/rabbet", get(anyUser, (*request).describeExtensions))
	s.route("/rabbet/queues/{vhost}/{queue}/messages", get(vhostUsers, (*request).browse))
	s.route("/rabbet/queues/{vhost}/{queue}/messages/{id}",
		get(vhostUsers, (*request).browseOne), remove(vhostUsers, (*request).deleteMessage))
	s.route("/rabbet/queues/{vhost}/{queue}/unacked", get(vhostUsers, (*request).listUnacked))
	s.route("/rabbet/queues/{vhost}/{queue}/move", post(vhostUsers, (*request).moveMessages))
	s.route("/rabbet/queues/{vhost}/{queue}/export", get(vhostUsers, (*request).exportMessages))
	s.route("/rabbet/queues/{vhost}/{queue}/stand-still", put(administrators, (*request).standStill))
	s.route("/rabbet/queues/{vhost}/{queue}/empty", post(administrators, (*request).emptyQueue))
	s.route("/rabbet/consumers/{vhost}/{queue}/{tag}", remove(vhostUsers, (*request).cancelConsumer))
	s.route("/rabbet/delayed", get(anyUser, (*request).listDelayedExchanges))
	s.route("/rabbet/delayed/{vhost}/{exchange}",
		get(vhostUsers, (*request).listDelayed), remove(vhostUsers, (*request).cancelAllDelayed))
	s.route("/rabbet/delayed/{vhost}/{exchange}/export", get(vhostUsers, (*request).exportDelayed))
	s.route("/rabbet/delayed/{vhost}/{exchange}/{id}", remove(vhostUsers, (*request).cancelDelayed))
	s.route("/rabbet/delayed/{vhost}/{exchange}/{id}/deliver", post(vhostUsers, (*request).deliverDelayed))
	s.route("/rabbet/delayed/{vhost}/{exchange}/{id}/reschedule", post(vhostUsers, (*request).rescheduleDelayed))
	s.route("/rabbet/deadletters", get(anyUser, (*request).listDeadLetterQueues))
	s.route("/rabbet/deadletters/{vhost}", get(vhostUsers, (*request).listDeadLetterQueues))
	s.route("/rabbet/deadletters/{vhost}/{queue}", get(vhostUsers, (*request).browseDeadLetters))
	s.route("/rabbet/retry", post(anyUser, (*request).retry))
	s.route("/rabbet/route-test", post(anyUser, (*request).testRoute))
	s.route("/rabbet/permission-test", post(administrators, (*request).testPermission))
	s.route("/rabbet/policies/preview", post(anyUser, (*request).previewPolicy))
	s.route("/rabbet/definitions/preview", post(administrators, (*request).previewDefinitions))
	s.route("/rabbet/definitions/preview/{vhost}", post(administrators, (*request).previewDefinitions))
	s.route("/rabbet/topology", get(anyUser, (*request).showTopology))
	s.route("/rabbet/topology/{vhost}", get(vhostUsers, (*request).showTopology))
	s.route("/rabbet/traces", get(anyUser, (*request).listTraces))
	s.route("/rabbet/traces/{vhost}", get(vhostUsers, (*request).getTrace), put(policymakers, (*request).startTrace),
		remove(policymakers, (*request).stopTrace))
	s.route("/rabbet/traces/{vhost}/messages", get(vhostUsers, (*request).listTraced))
	s.route("/rabbet/traces/{vhost}/messages/{id}", get(vhostUsers, (*request).getTraced))
	s.route("/rabbet/traces/{vhost}/export", get(vhostUsers, (*request).exportTrace))
	s.route("/rabbet/events", get(anyUser, (*request).followEvents))
	s.route("/rabbet/live", get(anyUser, (*request).followNumbers))
}

func (q *request) describeExtensions() error {
	return q.reply(func(e *encoder) {
		version := q.s.broker.Version()
		e.str("version", version)
		e.str("profile", version[:strings.LastIndexByte(version, '.')])
		e.strs("extensions", extensionNames)
	})
}

// bodyVHost is the virtual host that a body names, which the user has to be able to enter.
func (q *request) bodyVHost(body object) (place, error) {
	name, err := body.text("vhost", "/")
	if err != nil {
		return place{}, err
	}
	return q.enter(name)
}

// enter finds a virtual host that the user may enter.
func (q *request) enter(name string) (place, error) {
	v, err := q.s.vhost(name)
	if err != nil {
		return place{}, errVHostNotFound
	}
	if !q.isAdministrator() && !q.mayEnter(name) {
		return place{}, notAuthorised(notInVHost)
	}
	return place{name, v}, nil
}

// standardTruncate is how much of a body is shown in lists.
const standardTruncate = 1000

// A shownMessage is a message as the extensions show it.
type shownMessage struct {
	id       string
	position int // negative is none
	broker.Message
	priority, deliveries int
	expires              int64 // milliseconds; 0 is never
}

func shownQueued(m *broker.QueuedMessage, position int) shownMessage {
	shown := shownMessage{
		id: m.ID, position: position, Message: m.Message, priority: int(m.Properties.Priority), deliveries: m.Deliveries,
	}
	if !m.Expires.IsZero() {
		shown.expires = millis(m.Expires)
	}
	return shown
}

// write writes the message; a negative truncate shows all of the body.
func (m *shownMessage) write(e *encoder, truncate int) {
	e.str("id", m.id)
	if m.position >= 0 {
		e.num("position", int64(m.position))
	} else {
		e.null("position")
	}
	e.str("exchange", m.Exchange)
	e.str("routing_key", m.Key)
	e.boolean("redelivered", m.Redelivered)
	e.num("priority", int64(m.priority))
	e.num("delivery_count", int64(m.deliveries))
	numOrNull(e, "expires_at", m.expires)
	e.num("payload_bytes", int64(len(m.Body)))
	writePayload(e, m.Body, false, truncate)
	e.boolean("truncated", truncate >= 0 && len(m.Body) > truncate)
	if e.object("properties") {
		writeProperties(e, &m.Properties)
		e.end()
	}
}

func numOrNull(e *encoder, name string, v int64) {
	if v == 0 {
		e.null(name)
		return
	}
	e.num(name, v)
}

// contains reports whether a text, in lower case, is in a message: its body, its key or
// its properties.
func (m *shownMessage) contains(text string) bool {
	if text == "" || strings.Contains(strings.ToLower(m.Key), text) || strings.Contains(strings.ToLower(string(m.Body)), text) {
		return true
	}
	var e encoder
	e.open()
	writeProperties(&e, &m.Properties)
	return strings.Contains(strings.ToLower(string(e.buf)), text)
}
