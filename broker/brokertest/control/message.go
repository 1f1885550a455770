package control

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// A content is a body: as text where it is, in base64 otherwise.
type content struct {
	Body       *string `json:"body,omitempty"`
	BodyBase64 []byte  `json:"body_base64,omitempty"`
}

func contentOf(body []byte) content {
	if !utf8.Valid(body) {
		return content{BodyBase64: body}
	}
	text := string(body)
	return content{Body: &text}
}

func (c content) bytes() ([]byte, error) {
	switch {
	case c.Body != nil && c.BodyBase64 != nil:
		return nil, bad("give body or body_base64, not both")
	case c.Body != nil:
		return []byte(*c.Body), nil
	}
	return c.BodyBase64, nil
}

// properties are those of AMQP, by the names that RabbitMQ's own HTTP API uses.
type properties struct {
	ContentType     string         `json:"content_type,omitempty"`
	ContentEncoding string         `json:"content_encoding,omitempty"`
	Headers         map[string]any `json:"headers,omitempty"`
	DeliveryMode    uint8          `json:"delivery_mode,omitempty"`
	Priority        uint8          `json:"priority,omitempty"`
	CorrelationID   string         `json:"correlation_id,omitempty"`
	ReplyTo         string         `json:"reply_to,omitempty"`
	Expiration      string         `json:"expiration,omitempty"`
	MessageID       string         `json:"message_id,omitempty"`
	Timestamp       uint64         `json:"timestamp,omitempty"`
	Type            string         `json:"type,omitempty"`
	UserID          string         `json:"user_id,omitempty"`
	AppID           string         `json:"app_id,omitempty"`
	ClusterID       string         `json:"cluster_id,omitempty"`
}

func propertiesOf(p *amqp.Properties) properties {
	out := properties{
		p.ContentType, p.ContentEncoding, nil, p.DeliveryMode, p.Priority, p.CorrelationID, p.ReplyTo, p.Expiration, p.MessageID,
		p.Timestamp, p.Type, p.UserID, p.AppID, p.ClusterID,
	}
	if len(p.Headers) > 0 {
		out.Headers, _ = shown(p.Headers.Map()).(map[string]any)
	}
	return out
}

func (p *properties) amqp() (amqp.Properties, error) {
	headers, err := arguments(p.Headers)
	if err != nil {
		return amqp.Properties{}, err
	}
	t, err := amqp.TableOf(headers)
	return amqp.Properties{
		ContentType: p.ContentType, ContentEncoding: p.ContentEncoding, Headers: t, DeliveryMode: p.DeliveryMode,
		Priority: p.Priority, CorrelationID: p.CorrelationID, ReplyTo: p.ReplyTo, Expiration: p.Expiration,
		MessageID: p.MessageID, Timestamp: p.Timestamp, Type: p.Type, UserID: p.UserID, AppID: p.AppID, ClusterID: p.ClusterID,
	}, err
}

// arguments are JSON values as field tables have them: a number without a
// fraction is an integer.
func arguments(in map[string]any) (map[string]any, error) {
	v, err := argument(in)
	if err != nil {
		return nil, err
	}
	out, _ := v.(map[string]any)
	return out, nil
}

func argument(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, bad("%s is no number that a field table can hold", v)
		}
		return f, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			var err error
			if out[key], err = argument(value); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			var err error
			if out[i], err = argument(value); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// shown is a field table's value as JSON can show it: what has no place in JSON
// is text.
func shown(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = shown(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = shown(value)
		}
		return out
	case nil, bool, string, int8, int16, int32, int64, int, uint8, uint16, uint32, uint64, time.Time:
		return v
	case []byte:
		return string(v)
	case float32, float64:
		if _, err := json.Marshal(v); err == nil { // neither infinite nor no number
			return v
		}
	}
	return fmt.Sprint(v)
}

// A message is one in a queue.
type message struct {
	Exchange    string     `json:"exchange"`
	Key         string     `json:"key"`
	Redelivered bool       `json:"redelivered"`
	Properties  properties `json:"properties"`
	content
}

func messageOf(m *broker.Message) message {
	return message{m.Exchange, m.Key, m.Redelivered, propertiesOf(&m.Properties), contentOf(m.Body)}
}

// A publication is one of the ledger's.
type publication struct {
	ID         uint64       `json:"id"`
	Time       time.Time    `json:"time"`
	Connection string       `json:"connection,omitempty"`
	Peer       string       `json:"peer,omitempty"`
	User       string       `json:"user,omitempty"`
	Channel    uint16       `json:"channel,omitempty"`
	VHost      string       `json:"vhost"`
	Exchange   string       `json:"exchange"`
	Key        string       `json:"key"`
	Mandatory  bool         `json:"mandatory"`
	Properties properties   `json:"properties"`
	Routes     []routeState `json:"routes"`
	Delays     []delayState `json:"delays,omitempty"`
	Unroutable bool         `json:"unroutable"`
	Returned   bool         `json:"returned"`
	Confirm    string       `json:"confirm,omitempty"`
	Tx         string       `json:"tx,omitempty"`
	Error      string       `json:"error,omitempty"`
	Fault      string       `json:"fault,omitempty"`
	Of         uint64       `json:"dead_letter_of,omitempty"`
	DeadFrom   string       `json:"died_in,omitempty"`
	Reason     string       `json:"died_of,omitempty"`
	content
}

type routeState struct {
	Queue      string    `json:"queue"`
	State      string    `json:"state"`
	Deliveries []attempt `json:"deliveries"`
	DeadLetter uint64    `json:"dead_letter,omitempty"`
}

type delayState struct {
	Exchange   string `json:"exchange"`
	State      string `json:"state"`
	DeadLetter uint64 `json:"dead_letter,omitempty"`
}

type attempt struct {
	Time        time.Time `json:"time"`
	Connection  string    `json:"connection,omitempty"`
	Peer        string    `json:"peer,omitempty"`
	Channel     uint16    `json:"channel,omitempty"`
	Consumer    string    `json:"consumer,omitempty"`
	Redelivered bool      `json:"redelivered"`
	State       string    `json:"state"`
	Fault       string    `json:"fault,omitempty"`
}

func publicationOf(p *brokertest.Publication) publication {
	out := publication{
		ID: p.ID, Time: p.Time, Connection: p.Connection, Peer: p.Peer, User: p.User, Channel: p.Channel, VHost: p.VHost,
		Exchange: p.Exchange, Key: p.Key, Mandatory: p.Mandatory, Properties: propertiesOf(&p.Properties),
		Routes: []routeState{}, Unroutable: p.Unroutable(), Returned: p.Returned, Confirm: string(p.Confirm),
		Tx: string(p.Tx), Fault: p.Fault, Of: p.Of, DeadFrom: p.DeadFrom, Reason: p.Reason, content: contentOf(p.Body),
	}
	if p.Err != nil {
		out.Error = p.Err.Error()
	}
	for _, d := range p.Delays {
		out.Delays = append(out.Delays, delayState{d.Exchange, string(d.State), d.DeadLetter})
	}
	for _, r := range p.Routes {
		state := routeState{Queue: r.Queue, State: string(r.State), Deliveries: []attempt{}, DeadLetter: r.DeadLetter}
		for _, a := range r.Deliveries {
			state.Deliveries = append(state.Deliveries, attempt{
				a.Time, a.Connection, a.Peer, a.Channel, a.Consumer, a.Redelivered, string(a.State), a.Fault,
			})
		}
		out.Routes = append(out.Routes, state)
	}
	return out
}
