package shovel

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
)

// An editor changes properties of messages: those that the definition sets, and the headers
// that tell of the shovel (SHOVEL-6).
type editor struct {
	w       *worker
	target  *target
	mark    amqp.Table // of this shovel, in x-shovelled
	seconds int64      // now, since 1970; 0 is not known
	props   amqp.Properties
	raw     []byte
}

const (
	shovelledHeader = "x-shovelled"
	timestampHeader = "x-shovelled-timestamp"
	invalidHeader   = "x-invalid-headers"
)

// newEditor returns nil if nothing is to be changed.
func newEditor(w *worker, from, to string) *editor {
	t := &w.def.target
	if !t.forwardHeaders && !t.stamped && len(t.properties) == 0 {
		return nil
	}
	e := &editor{w: w, target: t}
	if t.forwardHeaders {
		e.mark = amqp.Table{
			{Key: "shovelled-by", Value: w.cluster()}, {Key: "shovel-type", Value: "dynamic"},
			{Key: "shovel-name", Value: w.def.name}, {Key: "shovel-vhost", Value: w.def.vhost},
			{Key: "src-uri", Value: from}, {Key: "dest-uri", Value: to},
		}
		ends, others := w.def.endpoints()
		for _, p := range slices.Concat(ends, others) {
			e.mark = append(e.mark, amqp.Field{Key: p.name, Value: p.value})
		}
	}
	return e
}

// renew forgets the time: a batch has one.
func (e *editor) renew() { e.seconds = 0 }

// appendHeader appends a content header with the changed properties.
func (e *editor) appendHeader(out []byte, size uint64, raw amqp.RawProperties) ([]byte, error) {
	p := &e.props
	*p = amqp.Properties{}
	if err := p.Decode(raw); err != nil {
		return out, err
	}
	for name, v := range e.target.properties {
		setProperty(p, name, v)
	}
	if e.mark != nil {
		e.addMark(p)
	}
	if e.target.stamped {
		if e.seconds == 0 {
			e.seconds = e.w.clock.Now().Unix()
		}
		setHeader(p, timestampHeader, e.seconds)
	}
	e.raw = p.Append(e.raw[:0])
	return amqp.AppendHeader(out, channel, amqp.BasicPublishID.Class(), size, e.raw), nil
}

// addMark puts this shovel before those that had the message earlier.
func (e *editor) addMark(p *amqp.Properties) {
	list := amqp.Array{e.mark}
	if had, ok := p.Headers.Get(shovelledHeader); ok {
		if before, ok := had.(amqp.Array); ok {
			list = append(list, before...)
		} else { // what somebody else has put there
			setHeader(p, invalidHeader, amqp.Table{{Key: shovelledHeader, Value: amqp.Array{had}}})
		}
	}
	setHeader(p, shovelledHeader, list)
}

func setHeader(p *amqp.Properties, name string, v any) {
	p.Flags |= amqp.HasHeaders
	i := slices.IndexFunc(p.Headers, func(f amqp.Field) bool { return f.Key == name })
	if i < 0 {
		p.Headers = append(p.Headers, amqp.Field{Key: name, Value: v})
		return
	}
	p.Headers[i].Value = v
}

// setProperty sets a property by the name that definitions have for it.
func setProperty(p *amqp.Properties, name string, v any) {
	if n, ok := v.(json.Number); ok {
		f, _ := n.Float64()
		switch name {
		case "delivery_mode":
			p.Flags, p.DeliveryMode = p.Flags|amqp.HasDeliveryMode, uint8(f)
		case "priority":
			p.Flags, p.Priority = p.Flags|amqp.HasPriority, uint8(f)
		case "timestamp":
			p.Flags, p.Timestamp = p.Flags|amqp.HasTimestamp, uint64(f)
		}
		return
	}
	text, _ := v.(string)
	for _, t := range []struct {
		name string
		flag amqp.PropertyFlags
		to   *string
	}{
		{"content_type", amqp.HasContentType, &p.ContentType}, {"content_encoding", amqp.HasContentEncoding, &p.ContentEncoding},
		{"correlation_id", amqp.HasCorrelationID, &p.CorrelationID}, {"reply_to", amqp.HasReplyTo, &p.ReplyTo},
		{"expiration", amqp.HasExpiration, &p.Expiration}, {"message_id", amqp.HasMessageID, &p.MessageID},
		{"type", amqp.HasType, &p.Type}, {"user_id", amqp.HasUserID, &p.UserID}, {"app_id", amqp.HasAppID, &p.AppID},
		{"cluster_id", amqp.HasClusterID, &p.ClusterID},
	} {
		if t.name == name {
			p.Flags |= t.flag
			*t.to = text
		}
	}
}

// statusTime is a time as a status has it (SHOVEL-9).
func statusTime(t time.Time) string { return t.Format("2006-01-02 15:04:05") }

// underscored is an endpoint's name as a status has it.
func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }
