// Mutations of what a consumer is given: deliveries, their properties and flags,
// the limits on them, and what basic.get answers.

package scripts

import (
	wire "github.com/rabbetmq/rabbet/amqp"
)

// content is a fault in each message that the broker hands to a client.
func content(f func(*hop)) fault {
	return fault{apply: func(h *hop) bool {
		switch h.method.(type) {
		case *wire.BasicDeliver, *wire.BasicGetOk:
			f(h)
			return true
		}
		return false
	}}
}

// removeHeader takes a header out of the message.
func (h *hop) removeHeader(key string) {
	kept := wire.Table{}
	for _, field := range h.props.Headers {
		if field.Key != key {
			kept = append(kept, field)
		}
	}
	h.props.Headers = kept
}

var deliveryMutations = []mutation{
	{"two deliveries change places", "consume/cancel-ends-deliveries", `delivery 1 to .*: .*got "b"`, faults{
		down(func(h *hop, m *wire.BasicDeliver) {
			if h.count()%2 == 1 {
				h.hold()
				return
			}
			first := h.link.held[0].method.(*wire.BasicDeliver)
			first.DeliveryTag, m.DeliveryTag = m.DeliveryTag, first.DeliveryTag
			h.release()
		})}},
	{"a delivery is lost", "consume/deliver-fields-and-tags", "waited in vain for a delivery", faults{
		down(func(h *hop, m *wire.BasicDeliver) {
			if h.count() == 2 {
				h.drop()
			}
		})}},
	{"a delivery comes twice", "consume/each-message-once", "came before", faults{
		down(func(h *hop, m *wire.BasicDeliver) {
			if h.count() == 5 {
				h.after = append(h.after, h.packet)
			}
		})}},
	{"the redelivered flag is lost", "requeue/channel-close", "redelivered", faults{
		down(func(h *hop, m *wire.BasicDeliver) { m.Redelivered = false }),
		down(func(h *hop, m *wire.BasicGetOk) { m.Redelivered = false })}},
	{"the redelivered flag is always set", "consume/deliver-fields-and-tags", "fields of the delivery: expected", faults{
		down(func(h *hop, m *wire.BasicDeliver) { m.Redelivered = true })}},
	{"the redelivered flag survives dead-lettering", "deadletter/redelivered-is-reset", "redelivered", faults{
		content(func(h *hop) {
			if deliver, ok := h.method.(*wire.BasicDeliver); ok {
				deliver.Redelivered = true
			}
		})}},
	{"delivery tags have gaps", "consume/deliver-fields-and-tags", "fields of the delivery: expected", faults{
		down(func(h *hop, m *wire.BasicDeliver) { m.DeliveryTag *= 2 })}},
	{"delivery tags are not shared by get and deliver", "consume/deliver-fields-and-tags", "tag of a get after deliveries: .*got 0x1", faults{
		down(func(h *hop, m *wire.BasicGetOk) { m.DeliveryTag = 1 })}},
	{"a delivery has another consumer's tag", "wire/consume-ok-first", "ConsumerTag", faults{
		down(func(h *hop, m *wire.BasicDeliver) { m.ConsumerTag = "other" })}},
	{"the exchange is lost", "consume/deliver-fields-and-tags", "fields of the delivery: expected", faults{
		down(func(h *hop, m *wire.BasicDeliver) { m.Exchange = "" })}},
	{"the exchange is the last on the way", "binding/exchange-to-exchange", "exchange of the delivery: expected", faults{
		content(func(h *hop) {
			if get, ok := h.method.(*wire.BasicGetOk); ok {
				get.Exchange += "-2"
			} else {
				h.method.(*wire.BasicDeliver).Exchange += "-2"
			}
		})}},
	{"the routing key is changed", "consume/deliver-fields-and-tags", "fields of the delivery: expected", faults{
		down(func(h *hop, m *wire.BasicDeliver) { m.RoutingKey += "." })}},
	{"bodies are cut short", "publish/bodies", "a body of 131063 bytes came whole: .*got false", faults{
		content(func(h *hop) { h.body = h.body[:min(len(h.body), 4096)] })}},
	{"empty messages are dropped", "publish/bodies", "a body of 0 bytes came whole: .*got false", faults{
		up(func(h *hop, m *wire.BasicPublish) {
			if len(h.body) == 0 {
				h.drop()
			}
		})}},
	{"an empty body has a frame", "wire/properties", "got frame of type 3", faults{
		down(func(h *hop, m *wire.BasicGetOk) {
			if len(h.body) == 0 {
				raw := wire.AppendFrame(nil, wire.FrameBody, h.channel, nil)
				h.after = append(h.after, &packet{raw: raw})
			}
		})}},
	{"frames exceed frame-max", "frames/of-the-server-within-frame-max", `sizes of the body frames: .*got \[\]int\{4089\}`, faults{
		content(func(h *hop) { h.frameMax = 0 })}},
	{"a property is lost", "publish/properties-pass", "the message: expected", faults{
		content(func(h *hop) { h.props.Flags &^= wire.HasAppID })}},
	{"an absent delivery mode is delivered as 1", "publish/absent-properties-stay-absent", "delivery mode, of which the client says 0 if it is absent: .*got 0x1", faults{
		content(func(h *hop) {
			if h.props.Flags&wire.HasDeliveryMode == 0 {
				h.props.Flags |= wire.HasDeliveryMode
				h.props.DeliveryMode = 1
			}
		})}},
	{"an empty property is taken for an absent one", "wire/empty-properties", `properties: .*got "\\x00\\x00"`, faults{
		content(func(h *hop) {
			if h.props.MessageID == "" {
				h.props.Flags &^= wire.HasMessageID
			}
		})}},
	{"an integer in the headers is widened", "types/round-trip", "signedint: expected", faults{
		content(func(h *hop) {
			for i, field := range h.props.Headers {
				if n, ok := field.Value.(int32); ok {
					h.props.Headers[i].Value = int64(n)
				}
			}
		})}},
	{"a header is lost", "publish/properties-pass", "the message: expected", faults{
		content(func(h *hop) {
			if len(h.props.Headers) > 0 {
				h.props.Headers = h.props.Headers[1:]
			}
		})}},
	{"headers are not sorted", "wire/header-order", "properties: expected", faults{
		content(func(h *hop) {
			for i, j := 0, len(h.props.Headers)-1; i < j; i, j = i+1, j-1 {
				h.props.Headers[i], h.props.Headers[j] = h.props.Headers[j], h.props.Headers[i]
			}
		})}},
	{"the header BCC is delivered", "cc/routes", "headers of the delivery: expected", faults{
		content(func(h *hop) {
			h.props.Headers = append(h.props.Headers, wire.Field{Key: "BCC", Value: wire.Array{"bcc"}})
		})}},
	{"prefetch is off by one", "qos/per-consumer", "ready messages: .*got 3", faults{
		up(func(h *hop, m *wire.BasicQos) { m.PrefetchCount++ })}},
	{"prefetch is ignored", "qos/per-consumer", "ready messages: .*got 0", faults{
		up(func(h *hop, m *wire.BasicQos) { m.PrefetchCount = 0 })}},
	{"the shared prefetch is each consumer's own", "qos/shared", "ready messages: .*got 0", faults{
		up(func(h *hop, m *wire.BasicQos) { m.Global = false })}},
	{"prefetch holds for the whole channel", "qos/per-consumer", "ready messages: .*got 8", faults{
		up(func(h *hop, m *wire.BasicQos) { m.Global = true })}},
	{"no-ack deliveries want an ack", "ack/no-ack-delivery", "but it stayed open", faults{
		up(func(h *hop, m *wire.BasicConsume) { m.NoAck = false })}},
	{"get takes no-ack for granted", "get/needs-an-ack", `get: Exception \(406\) Reason: "PRECONDITION_FAILED - unknown `, faults{
		up(func(h *hop, m *wire.BasicGet) { m.NoAck = true })}},
	{"an exclusive consumer is not", "consume/exclusive", "but it stayed open", faults{
		up(func(h *hop, m *wire.BasicConsume) { m.Exclusive = false })}},
	{"a consumer's priority is ignored", "consume/priority", `delivery 1 to .*: .*got "b"`, faults{
		up(func(h *hop, m *wire.BasicConsume) { m.Arguments = nil })}},
	{"deliveries go on after cancel-ok", "wire/cancel", "expected .* got basic.deliver", faults{
		down(func(h *hop, m *wire.BasicDeliver) { h.link.held = []*packet{h.packet} }),
		down(func(h *hop, m *wire.BasicCancelOk) { h.release() })}},
	{"a delivery comes before consume-ok", "wire/consume-ok-first", "expected basic.consume-ok .* got basic.deliver", faults{
		down(func(h *hop, m *wire.BasicConsumeOk) { h.hold() }),
		down(func(h *hop, m *wire.BasicDeliver) {
			h.release()
		})}},
	{"cancel-ok names another consumer", "wire/cancel", "expected basic.cancel-ok .* got basic.cancel-ok .*c-2", faults{
		down(func(h *hop, m *wire.BasicCancelOk) { m.ConsumerTag += "-2" })}},
	{"the end of a queue is not told to its consumers", "consume/cancelled-by-queue-delete", "in vain for a basic.cancel", faults{
		down(func(h *hop, m *wire.BasicCancel) { h.drop() })}},
	{"the end of a queue is told to who cannot know", "wire/cancel-not-asked-for", "expected queue.delete-ok .* got basic.cancel", faults{
		down(func(h *hop, m *wire.QueueDeleteOk) {
			h.before = append(h.before, &packet{channel: 1, method: &wire.BasicCancel{ConsumerTag: "c", NoWait: true}})
		})}},
	{"consumers are served in turns that skip one", "consume/round-robin", "waited in vain for a delivery", faults{
		up(func(h *hop, m *wire.BasicConsume) {
			if h.count() == 2 {
				m.Arguments = wire.Table{{Key: "x-priority", Value: int32(-1)}}
			}
		})}},
	{"get-empty instead of a message", "get/count", "the queue is empty", faults{
		down(func(h *hop, m *wire.BasicGetOk) { h.swap(&wire.BasicGetEmpty{}) })}},
	{"get-ok counts the message itself", "get/count", "messages left", faults{
		down(func(h *hop, m *wire.BasicGetOk) { m.MessageCount++ })}},
	{"a reply's address is not rewritten", "replyto/request-and-reply", `reply-to of the request: .*got "amq\.rabbitmq\.reply-to"`, faults{
		content(func(h *hop) {
			if h.props.Flags&wire.HasReplyTo != 0 {
				h.props.ReplyTo = "amq.rabbitmq.reply-to"
			}
		})}},
	{"a reply is lost", "replyto/request-and-reply", "in vain for a delivery", faults{
		down(func(h *hop, m *wire.BasicDeliver) {
			if h.props.Flags&wire.HasReplyTo == 0 {
				h.drop()
			}
		})}},
}
