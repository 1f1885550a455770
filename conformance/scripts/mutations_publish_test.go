// Mutations of what comes back to a publisher: confirms and returns; and of
// transactions.

package scripts

import (
	wire "github.com/rabbetmq/rabbet/amqp"
)

var publishMutations = []mutation{
	{"a confirm is lost", "confirm/numbers-start-at-one", "in vain for a confirm", faults{
		down(func(h *hop, m *wire.BasicAck) {
			if h.count() == 2 {
				h.drop()
			}
		})}},
	{"a confirm comes twice", "wire/confirm-of-one", "expected basic.ack .* got basic.ack", faults{
		down(func(h *hop, m *wire.BasicAck) { h.follow(m) })}},
	{"an ack instead of a nack", "confirm/nack-on-reject-publish", "Ack:true", faults{
		down(func(h *hop, m *wire.BasicNack) {
			h.swap(&wire.BasicAck{DeliveryTag: m.DeliveryTag, Multiple: m.Multiple})
		})}},
	{"a nack instead of an ack", "confirm/unroutable", "nack instead of ack", faults{
		down(func(h *hop, m *wire.BasicAck) {
			h.swap(&wire.BasicNack{DeliveryTag: m.DeliveryTag, Multiple: m.Multiple})
		})}},
	{"confirms count from zero", "confirm/numbers-start-at-one", "confirm", faults{
		down(func(h *hop, m *wire.BasicAck) { m.DeliveryTag-- })}},
	{"a confirm of one says multiple", "wire/confirm-of-one", "Multiple:true", faults{
		down(func(h *hop, m *wire.BasicAck) { m.Multiple = true })}},
	{"a confirm of many says one", "wire/confirm-of-many", "in vain for a frame", faults{
		down(func(h *hop, m *wire.BasicAck) { m.Multiple = false })}},
	{"a nack covers the acks before it", "reject/each-publish-is-told", "confirm", faults{
		down(func(h *hop, m *wire.BasicAck) { h.drop() }),
		down(func(h *hop, m *wire.BasicNack) { m.Multiple = true })}},
	{"a mandatory return is lost", "publish/mandatory-return", "in vain for a basic.return", faults{
		down(func(h *hop, m *wire.BasicReturn) { h.drop() })}},
	{"a return has another code", "publish/mandatory-return", "code: expected 0x138, got 0x139", faults{
		down(func(h *hop, m *wire.BasicReturn) { m.ReplyCode = 313 })}},
	{"a return has another text", "wire/return-then-ack", "NOT_ROUTED", faults{
		down(func(h *hop, m *wire.BasicReturn) { m.ReplyText = "NOT_ROUTED" })}},
	{"a return has no routing key", "publish/mandatory-return", "exchange, key and body: expected", faults{
		down(func(h *hop, m *wire.BasicReturn) { m.RoutingKey = "" })}},
	{"a return has no body", "publish/mandatory-return", "exchange, key and body: expected", faults{
		down(func(h *hop, m *wire.BasicReturn) { h.body = nil })}},
	{"a return has no properties", "publish/mandatory-return", `headers: .*got amqp091\.Table\(nil\)`, faults{
		down(func(h *hop, m *wire.BasicReturn) { h.props = wire.Properties{} })}},
	{"a return comes after the confirm", "wire/return-then-ack", "expected basic.return .* got basic.ack", faults{
		down(func(h *hop, m *wire.BasicReturn) { h.hold() }),
		down(func(h *hop, m *wire.BasicAck) {
			h.release()
		})}},
	{"what is not mandatory is returned", "publish/unroutable-is-dropped", `unexpected return of "dropped"`, faults{
		up(func(h *hop, m *wire.BasicPublish) { m.Mandatory = true })}},
	{"mandatory is ignored", "tx/returns-at-commit", "return", faults{
		up(func(h *hop, m *wire.BasicPublish) { m.Mandatory = false })}},
	{"immediate is ignored", "publish/immediate", "stayed open", faults{
		up(func(h *hop, m *wire.BasicPublish) { m.Immediate = false })}},
	{"a rollback commits", "tx/rollback-discards-publishes", "messages", faults{
		up(func(h *hop, m *wire.TxRollback) { h.link.seen++; h.swap(&wire.TxCommit{}) }),
		down(func(h *hop, m *wire.TxCommitOk) {
			if h.link.seen > 0 {
				h.link.seen--
				h.swap(&wire.TxRollbackOk{})
			}
		})}},
	{"a commit rolls back", "tx/publishes-wait-for-commit", "messages", faults{
		up(func(h *hop, m *wire.TxCommit) { h.swap(&wire.TxRollback{}) }),
		down(func(h *hop, m *wire.TxRollbackOk) { h.swap(&wire.TxCommitOk{}) })}},
	{"publishes do not wait for the commit", "tx/publishes-wait-for-commit", `messages of the queue: .*got \[\]string\{"a", "b"\}`, faults{
		up(func(h *hop, m *wire.TxSelect) { h.answer(&wire.TxSelectOk{}) }),
		up(func(h *hop, m *wire.TxCommit) { h.answer(&wire.TxCommitOk{}) })}},
	{"acks do not wait for the commit", "tx/acks-wait-for-commit", "vain for 3 ready messages, there are 2", faults{
		up(func(h *hop, m *wire.TxSelect) { h.answer(&wire.TxSelectOk{}) }),
		up(func(h *hop, m *wire.TxCommit) { h.answer(&wire.TxCommitOk{}) })}},
	{"confirm mode is not told from tx mode", "confirm/select", "stayed open", faults{
		up(func(h *hop, m *wire.TxSelect) { h.answer(&wire.TxSelectOk{}) })}},
	{"priorities are ignored", "priority/highest-first", "messages of the queue", faults{
		up(func(h *hop, m *wire.BasicPublish) { h.props.Flags &^= wire.HasPriority })}},
	{"expirations are ignored", "ttl/message", "in vain", faults{
		up(func(h *hop, m *wire.BasicPublish) { h.props.Flags &^= wire.HasExpiration })}},
	{"malformed expirations are taken", "publish/expiration", "stayed open", faults{
		up(func(h *hop, m *wire.BasicPublish) { h.props.Flags &^= wire.HasExpiration })}},
	{"the header CC is ignored", "cc/routes", "cc1: .*the queue is empty", faults{
		up(func(h *hop, m *wire.BasicPublish) { h.removeHeader("CC") })}},
	{"the header BCC is ignored", "cc/routes", "bcc: .*the queue is empty", faults{
		up(func(h *hop, m *wire.BasicPublish) { h.removeHeader("BCC") })}},
	{"the user id is not checked", "publish/user-id", "stayed open", faults{
		up(func(h *hop, m *wire.BasicPublish) { h.props.Flags &^= wire.HasUserID })}},
	{"every second message is lost", "publish/order", `delivery 2 to .*: .*got "00002"`, faults{
		up(func(h *hop, m *wire.BasicPublish) {
			if h.count()%2 == 0 {
				h.drop()
			}
		})}},
	{"a message is published twice", "publish/order", `delivery 2 to .*: expected "00001", got "00000"`, faults{
		up(func(h *hop, m *wire.BasicPublish) { h.after = append(h.after, h.packet) })}},
}
