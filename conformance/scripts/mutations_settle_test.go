// Mutations of settling: what ack, nack, reject and recover do, and what happens
// to what was not settled.

package scripts

import (
	wire "github.com/rabbetmq/rabbet/amqp"
)

var settleMutations = []mutation{
	{"acks are ignored", "get/needs-an-ack", "vain for 1 ready messages, there are 2", faults{
		up(func(h *hop, m *wire.BasicAck) { h.drop() })}},
	{"an ack of many settles one", "ack/multiple", "vain for 1 ready messages, there are 3", faults{
		up(func(h *hop, m *wire.BasicAck) { m.Multiple = false })}},
	{"an ack of one settles all before it", "ack/settled-tag", "but it stayed open", faults{
		up(func(h *hop, m *wire.BasicAck) { m.Multiple = true; m.DeliveryTag = 0 })}},
	{"a nack of many settles one", "ack/nack-multiple-drops", `get: Exception \(406\) Reason: "PRECONDITION_FAILED - unknown `, faults{
		up(func(h *hop, m *wire.BasicNack) { m.Multiple = false })}},
	{"a nack of many requeues one", "requeue/multiple", `messages, redelivered ones with a star: .*got \[\]string\{"b\*", "d"\}`, faults{
		up(func(h *hop, m *wire.BasicNack) { m.Multiple = false })}},
	{"a nack always requeues", "ack/nack-and-reject-drop", "messages of the queue", faults{
		up(func(h *hop, m *wire.BasicNack) { m.Requeue = true })}},
	{"a nack never requeues", "requeue/multiple", `messages, redelivered ones with a star: .*got \[\]string\{"d"\}`, faults{
		up(func(h *hop, m *wire.BasicNack) { m.Requeue = false })}},
	{"a reject always requeues", "ack/nack-and-reject-drop", "messages of the queue", faults{
		up(func(h *hop, m *wire.BasicReject) { m.Requeue = true })}},
	{"a reject never requeues", "requeue/original-position", `messages, redelivered ones with a star: .*got \[\]string\{"e", "f"\}`, faults{
		up(func(h *hop, m *wire.BasicReject) { m.Requeue = false })}},
	{"recover does not requeue", "recover/requeues", `messages, redelivered ones with a star: .*got \[\]string\{"d"\}`, faults{
		up(func(h *hop, m *wire.BasicRecover) { h.answer(&wire.BasicRecoverOk{}) })}},
	{"recover without requeue is taken", "recover/without-requeue", "stayed open", faults{
		up(func(h *hop, m *wire.BasicRecover) { m.Requeue = true })}},
	{"recover-ok does not come", "recover/requeues", `recover without anything to recover: Exception \(501\) Reason:`, faults{
		down(func(h *hop, m *wire.BasicRecoverOk) { h.drop() })}},
	{"an unknown delivery tag is let pass", "ack/unknown-tag", "stayed open", faults{
		up(func(h *hop, m *wire.BasicAck) { h.drop() })}},
	{"a channel that closes keeps its messages", "requeue/channel-close", "vain for 3 ready messages, there are 1", faults{
		up(func(h *hop, m *wire.ChannelClose) { h.answer(&wire.ChannelCloseOk{}) })}},
	{"a nack is an ack", "deadletter/rejected", "in vain for a delivery", faults{
		up(func(h *hop, m *wire.BasicNack) {
			h.swap(&wire.BasicAck{DeliveryTag: m.DeliveryTag, Multiple: m.Multiple})
		}),
		up(func(h *hop, m *wire.BasicReject) { h.swap(&wire.BasicAck{DeliveryTag: m.DeliveryTag}) })}},
}
