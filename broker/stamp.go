package broker

import (
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// A Stamp is what the broker does to each message that has, or has not, a certain field.
type Stamp uint8

const (
	// NoStamp leaves the message as it is.
	NoStamp Stamp = iota
	// StampMissing adds the field where it is missing.
	StampMissing
	// StampAlways adds the field or replaces its value.
	StampAlways
)

// Stamps are what the broker adds to each message that is published, before it is routed.
// RabbitMQ does so from 3.12 on as message_interceptors.incoming says; names and types are
// those that 4.0.5 gave.
type Stamps struct {
	// Timestamp is for the property timestamp, in seconds, and for the header
	// timestamp_in_ms, in milliseconds.
	Timestamp Stamp
	// Node is for the header x-routed-by, whose value is NodeName.
	Node     Stamp
	NodeName string
}

// add adds the stamps to properties.
func (s *Stamps) add(p *amqp.Properties, now time.Time) {
	if s.Timestamp != NoStamp {
		p.Headers = s.Timestamp.header(p.Headers, "timestamp_in_ms", now.UnixMilli())
		if s.Timestamp == StampAlways || p.Flags&amqp.HasTimestamp == 0 {
			p.Timestamp = uint64(max(now.Unix(), 0))
			p.Flags |= amqp.HasTimestamp
		}
	}
	if s.Node != NoStamp {
		p.Headers = s.Node.header(p.Headers, "x-routed-by", s.NodeName)
	}
	p.Flags |= amqp.HasHeaders
}

// header returns the table with the field as the stamp says. The table that is given stays
// as it is.
func (s Stamp) header(t amqp.Table, key string, value any) amqp.Table {
	at := slices.IndexFunc(t, func(f amqp.Field) bool { return f.Key == key })
	switch {
	case at < 0:
		return append(slices.Clip(t), amqp.Field{Key: key, Value: value})
	case s == StampAlways:
		t = slices.Clone(t)
		t[at].Value = value
	}
	return t
}

// stamp adds the stamps to a message. Properties that cannot be read stay as they are: they
// are refused later.
func (n *node) stamp(m *queue.Message) {
	var p amqp.Properties
	if p.Decode(m.Props) == nil {
		n.cfg.Stamps.add(&p, n.cfg.Clock.Now())
		m.Props = p.Append(nil)
	}
}
