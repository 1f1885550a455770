package management

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// publish is POST …/publish: always mandatory, and answered once the queues have the
// message.
func (q *request) publish() error {
	v, err := q.vhost()
	if err != nil {
		return errVHostNotFound
	}
	name := q.exchange("exchange")
	if _, ok := v.Exchange(name); !ok {
		return notFound("exchange_not_found")
	}
	body, err := q.require("routing_key", "properties", "payload", "payload_encoding")
	if err != nil {
		return err
	}
	key, err := body.text("routing_key", "")
	if err != nil {
		return err
	}
	m, err := messageOf(body)
	if err != nil {
		return err
	}
	if err := q.mayPublish(v, name, key); err != nil {
		return err
	}
	if m.Properties.UserID != "" && m.Properties.UserID != q.login.User && !q.hasTag("impersonator") {
		return badRequest("406 PRECONDITION_FAILED - user_id property set to '" + m.Properties.UserID +
			"' but authenticated user was '" + q.login.User + "'")
	}
	reached, nacked, err := v.PublishConfirmed(name, key, m)
	switch {
	case err != nil:
		return channelRefusal(err)
	case nacked:
		return badRequest("rejected Unable to publish message. Check queue limits.")
	}
	return q.reply(func(e *encoder) { e.boolean("routed", reached > 0) })
}

// mayPublish asks for the permission to write to an exchange and, to a topic exchange, to
// use the key.
func (q *request) mayPublish(v *broker.VHost, exchange, key string) error {
	if err := q.mayExchange(exchange, access.Write); err != nil {
		return err
	}
	if info, _ := v.Exchange(exchange); info.Type != "topic" {
		return nil
	}
	r := access.Resource{VHost: q.variable("vhost"), Kind: access.Exchange, Name: exchange}
	if err := q.s.broker.MayUseTopic(q.context(), q.login, r, key, access.Write); err != nil {
		return refusal(err)
	}
	return nil
}

// messageOf is the message that a body describes.
func messageOf(body object) (broker.Message, error) {
	var m broker.Message
	properties, err := body.object("properties")
	if err != nil {
		return m, err
	}
	if m.Properties, err = propertiesOf(properties); err != nil {
		return m, err
	}
	payload, ok := body["payload"].(string)
	if !ok {
		return m, badRequest("payload_not_string")
	}
	encoding, err := body.text("payload_encoding", "string")
	if err != nil {
		return m, err
	}
	switch encoding {
	case "string":
		m.Body = []byte(payload)
	case "base64":
		if m.Body, err = base64.StdEncoding.DecodeString(payload); err != nil {
			return m, badRequest([]any{"not_base64", payload})
		}
	default:
		return m, badRequest([]any{"unsupported_encoding", encoding})
	}
	return m, nil
}

// propertiesOf reads the properties of a message. Names that are none are left out.
func propertiesOf(o object) (amqp.Properties, error) {
	var p amqp.Properties
	for _, f := range []struct {
		name string
		flag amqp.PropertyFlags
		to   *string
	}{
		{"content_type", amqp.HasContentType, &p.ContentType},
		{"content_encoding", amqp.HasContentEncoding, &p.ContentEncoding},
		{"correlation_id", amqp.HasCorrelationID, &p.CorrelationID},
		{"reply_to", amqp.HasReplyTo, &p.ReplyTo},
		{"expiration", amqp.HasExpiration, &p.Expiration},
		{"message_id", amqp.HasMessageID, &p.MessageID},
		{"type", amqp.HasType, &p.Type},
		{"user_id", amqp.HasUserID, &p.UserID},
		{"app_id", amqp.HasAppID, &p.AppID},
		{"cluster_id", amqp.HasClusterID, &p.ClusterID},
	} {
		if _, ok := o[f.name]; !ok {
			continue
		}
		v, err := o.text(f.name, "")
		if err != nil {
			return p, err
		}
		*f.to = v
		p.Flags |= f.flag
	}
	if err := numbersOf(o, &p); err != nil {
		return p, err
	}
	if _, ok := o["headers"]; !ok {
		return p, nil
	}
	headers, err := o.arguments("headers")
	if err != nil {
		return p, err
	}
	if p.Headers, err = amqp.TableOf(headers); err != nil {
		return p, badRequest(err.Error())
	}
	p.Flags |= amqp.HasHeaders
	return p, nil
}

// numbersOf reads those properties that are numbers. Texts are refused.
func numbersOf(o object, p *amqp.Properties) error {
	for _, f := range []struct {
		name string
		flag amqp.PropertyFlags
		bits int
		to   func(uint64)
	}{
		{"delivery_mode", amqp.HasDeliveryMode, 8, func(n uint64) { p.DeliveryMode = uint8(n) }},
		{"priority", amqp.HasPriority, 8, func(n uint64) { p.Priority = uint8(n) }},
		{"timestamp", amqp.HasTimestamp, 64, func(n uint64) { p.Timestamp = n }},
	} {
		v, ok := o[f.name]
		if !ok {
			continue
		}
		number, _ := v.(json.Number)
		n, err := strconv.ParseUint(number.String(), 10, f.bits)
		if err != nil {
			return badRequest([]any{"not_int", f.name})
		}
		f.to(n)
		p.Flags |= f.flag
	}
	return nil
}

// A getRequest is what POST …/get asks for.
type getRequest struct {
	count    int
	noAck    bool // taken for good
	requeue  bool // given back, if not taken for good
	reject   bool // which counts as a failed delivery (RETRY-6)
	base64   bool
	truncate int // negative is not at all
}

// maxGet bounds what one call takes out of a queue, in messages and in bytes of bodies.
const (
	maxGet      = 100_000
	maxGetBytes = 128 << 20
)

func parseGet(body object) (getRequest, error) {
	g := getRequest{truncate: -1}
	var err error
	if g.count, err = body.integer("count", 0); err != nil {
		return g, err
	}
	if g.count < 0 {
		return g, badRequest("count must not be negative")
	}
	mode, err := body.text("ackmode", "")
	if err != nil {
		return g, err
	}
	switch mode {
	case "ack_requeue_false":
		g.noAck = true
	case "ack_requeue_true":
		g.requeue = true
	case "reject_requeue_true":
		g.requeue, g.reject = true, true
	case "reject_requeue_false":
		g.reject = true
	default:
		return g, badRequest("Unsupported ackmode. Please use ack_requeue_true, ack_requeue_false, reject_requeue_true " +
			"or reject_requeue_false.")
	}
	encoding, err := body.text("encoding", "")
	if err != nil {
		return g, err
	}
	if encoding != "auto" && encoding != "base64" {
		return g, badRequest("Unsupported encoding. Please use auto or base64.")
	}
	g.base64 = encoding == "base64"
	if _, ok := body["truncate"]; ok {
		if g.truncate, err = body.integer("truncate", 0); err != nil {
			return g, err
		}
		g.truncate = max(g.truncate, 0)
	}
	return g, nil
}

// get is POST …/get.
func (q *request) get() error {
	if err := q.requireQueue(); err != nil {
		return err
	}
	v, err := q.vhost()
	if err != nil {
		return errVHostNotFound
	}
	body, err := q.require("ackmode", "count", "encoding")
	if err != nil {
		return err
	}
	g, err := parseGet(body)
	if err != nil {
		return err
	}
	name := q.variable("queue")
	if err := q.mayQueue(name, access.Read); err != nil {
		return err
	}
	taken, err := takeMessages(v, name, g)
	if err != nil {
		return channelRefusal(err)
	}
	defer func() {
		if g.noAck {
			return
		}
		for _, d := range taken { // only now, or the first would be got again and again
			if g.reject {
				_ = d.Reject(g.requeue) // what the broker's end has given back already
			} else {
				_ = d.Nack(g.requeue)
			}
		}
	}()
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.buf = append(e.buf, '[')
		for _, d := range taken {
			e.open()
			writeGot(e, d, g)
			e.shut()
			if err := q.out.flush(e); err != nil {
				return err
			}
		}
		e.buf = append(e.buf, ']')
		return nil
	})
}

func takeMessages(v *broker.VHost, name string, g getRequest) ([]*broker.Delivery, error) {
	var taken []*broker.Delivery
	bytes := 0
	for len(taken) < min(g.count, maxGet) && bytes < maxGetBytes {
		d, ok, err := v.Get(name, g.noAck)
		if err != nil || !ok {
			return taken, err
		}
		taken = append(taken, d)
		bytes += len(d.Body)
	}
	return taken, nil
}

func writeGot(e *encoder, d *broker.Delivery, g getRequest) {
	e.num("payload_bytes", int64(len(d.Body)))
	e.boolean("redelivered", d.Redelivered)
	e.str("exchange", d.Exchange)
	e.str("routing_key", d.Key)
	e.num("message_count", int64(d.Left))
	if d.Properties.Flags == 0 {
		e.strs("properties", nil)
	} else if e.object("properties") {
		writeProperties(e, &d.Properties)
		e.end()
	}
	writePayload(e, d.Body, g.base64, g.truncate)
}

// writePayload writes a body: as text if it is one, cut to so many bytes if that is not
// negative.
func writePayload(e *encoder, body []byte, forceBase64 bool, truncate int) {
	if truncate >= 0 && len(body) > truncate {
		body = body[:truncate]
	}
	if !forceBase64 && utf8.Valid(body) {
		e.str("payload", string(body))
		e.str("payload_encoding", "string")
		return
	}
	e.str("payload", base64.StdEncoding.EncodeToString(body))
	e.str("payload_encoding", "base64")
}

// writeProperties writes the properties that are present.
func writeProperties(e *encoder, p *amqp.Properties) {
	for _, f := range []struct {
		flag  amqp.PropertyFlags
		name  string
		value string
	}{
		{amqp.HasContentType, "content_type", p.ContentType},
		{amqp.HasContentEncoding, "content_encoding", p.ContentEncoding},
		{amqp.HasCorrelationID, "correlation_id", p.CorrelationID},
		{amqp.HasReplyTo, "reply_to", p.ReplyTo},
		{amqp.HasExpiration, "expiration", p.Expiration},
		{amqp.HasMessageID, "message_id", p.MessageID},
		{amqp.HasType, "type", p.Type},
		{amqp.HasUserID, "user_id", p.UserID},
		{amqp.HasAppID, "app_id", p.AppID},
		{amqp.HasClusterID, "cluster_id", p.ClusterID},
	} {
		if p.Flags&f.flag != 0 {
			e.str(f.name, f.value)
		}
	}
	for _, f := range []struct {
		flag  amqp.PropertyFlags
		name  string
		value uint64
	}{
		{amqp.HasDeliveryMode, "delivery_mode", uint64(p.DeliveryMode)},
		{amqp.HasPriority, "priority", uint64(p.Priority)},
		{amqp.HasTimestamp, "timestamp", p.Timestamp},
	} {
		if p.Flags&f.flag != 0 {
			e.count(f.name, f.value)
		}
	}
	if p.Flags&amqp.HasHeaders != 0 {
		e.value("headers", p.Headers)
	}
}
