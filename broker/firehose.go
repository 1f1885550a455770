package broker

import (
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/announce"
)

// The firehose: while a virtual host is traced, a copy of each publish and
// of each delivery of its clients goes to amq.rabbitmq.trace (TRACE-1 to TRACE-5).

// A firehose copies while it is on.
type firehose struct {
	announce.Channel
	on atomic.Bool
}

// tracedProperties are a message's properties by name.
func tracedProperties(raw amqp.RawProperties) amqp.Table {
	t := amqp.Table{}
	var p amqp.Properties
	if err := p.Decode(raw); err != nil { // checked when it was published
		return t
	}
	for _, f := range []struct {
		flag amqp.PropertyFlags
		name string
		v    any
	}{
		{amqp.HasContentType, "content_type", p.ContentType}, {amqp.HasContentEncoding, "content_encoding", p.ContentEncoding},
		{amqp.HasHeaders, "headers", p.Headers}, {amqp.HasDeliveryMode, "delivery_mode", int32(p.DeliveryMode)},
		{amqp.HasPriority, "priority", int32(p.Priority)}, {amqp.HasCorrelationID, "correlation_id", p.CorrelationID},
		{amqp.HasReplyTo, "reply_to", p.ReplyTo}, {amqp.HasExpiration, "expiration", p.Expiration},
		{amqp.HasMessageID, "message_id", p.MessageID}, {amqp.HasTimestamp, "timestamp", int32(p.Timestamp)},
		{amqp.HasType, "type", p.Type}, {amqp.HasUserID, "user_id", p.UserID}, {amqp.HasAppID, "app_id", p.AppID},
		{amqp.HasClusterID, "cluster_id", p.ClusterID},
	} {
		if p.Flags&f.flag != 0 {
			t = append(t, amqp.Field{Key: f.name, Value: f.v})
		}
	}
	return t
}

func traceCopy(key string, headers amqp.Table, body []byte) announce.Message {
	return announce.Message{Key: key, Props: amqp.Properties{Flags: amqp.HasHeaders, Headers: headers}, Body: body}
}
