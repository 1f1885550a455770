// Mutations of errors, and of the connection as such.

package scripts

import (
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var errorMutations = []mutation{
	{"a channel closes with another code", "queue/purge-missing", "close: expected", faults{
		down(func(h *hop, m *wire.ChannelClose) { m.ReplyCode = 406 })}},
	{"a channel closes with another text", "queue/purge-missing", "close: expected", faults{
		down(func(h *hop, m *wire.ChannelClose) { m.ReplyText += "." })}},
	{"a channel's close blames no method", "channels/closed-by-the-server", `channel\.close: expected`, faults{
		down(func(h *hop, m *wire.ChannelClose) { m.ClassID, m.MethodID = 0, 0 })}},
	{"a connection's close blames no method", "channels/methods-of-the-server", `connection\.start-ok: connection\.close: expected`, faults{
		down(func(h *hop, m *wire.ConnectionClose) { m.ClassID, m.MethodID = 0, 0 })}},
	{"the connection is closed instead of the channel", "queue/purge-missing", "the connection is closed as well: .*got true", faults{
		down(func(h *hop, m *wire.ChannelClose) {
			h.channel = 0
			h.swap(&wire.ConnectionClose{ReplyCode: m.ReplyCode, ReplyText: m.ReplyText, ClassID: m.ClassID, MethodID: m.MethodID})
		})}},
	{"the channel is closed instead of the connection", "qos/prefetch-size", "the connection is closed as well: .*got false", faults{
		down(func(h *hop, m *wire.ConnectionClose) {
			h.channel = 1
			h.swap(&wire.ChannelClose{ReplyCode: m.ReplyCode, ReplyText: m.ReplyText, ClassID: m.ClassID, MethodID: m.MethodID})
		})}},
	{"an error is not told", "publish/order-of-checks", "but it stayed open", faults{
		down(func(h *hop, m *wire.ChannelClose) { h.drop() })}},
	{"a long text is not cut", "channels/long-reply-text", `channel\.close: expected`, faults{
		down(func(h *hop, m *wire.ChannelClose) { m.ReplyText = m.ReplyText[:len(m.ReplyText)-3] })}},
	{"a name is told without its virtual host", "exchange/publish-to-missing", "close: expected", faults{
		down(func(h *hop, m *wire.ChannelClose) { m.ReplyText, _, _ = strings.Cut(m.ReplyText, " in vhost") })}},
	{"a capability is missing", "connection/server-properties", "capabilities: expected", faults{
		down(func(h *hop, m *wire.ConnectionStart) {
			for i, field := range m.ServerProperties {
				if capabilities, ok := field.Value.(wire.Table); ok {
					m.ServerProperties[i].Value = capabilities[1:]
				}
			}
		})}},
	{"another channel-max is proposed", "connection/tune", "tune: expected", faults{
		down(func(h *hop, m *wire.ConnectionTune) { m.ChannelMax = 1024 })}},
	{"another heartbeat is proposed", "connection/tune", "tune: expected", faults{
		down(func(h *hop, m *wire.ConnectionTune) { m.Heartbeat = 580 })}},
	{"the broker sends no heartbeats", "connection/heartbeats-of-the-server", "waited for a heartbeat for 4s in vain", faults{
		{apply: func(h *hop) bool {
			if h.kind == wire.FrameHeartbeat {
				h.drop()
			}
			return false
		}}}},
	{"the broker does not listen for heartbeats", "connection/silent-client", "but it stayed open", faults{
		up(func(h *hop, m *wire.ConnectionTuneOk) { m.Heartbeat = 0 })}},
	{"channel.flow is not answered", "channels/flow", "waited in vain for a frame", faults{
		down(func(h *hop, m *wire.ChannelFlowOk) { h.drop() })}},
	{"a reserved name is taken", "queue/reserved-prefix", "but it stayed open", faults{
		up(func(h *hop, m *wire.QueueDeclare) {
			if strings.HasPrefix(m.Queue, "amq.") && !m.Passive {
				h.answer(&wire.QueueDeclareOk{Queue: m.Queue})
			}
		})}},
	{"a consumer tag may be used twice", "consume/tag-in-use", "but it stayed open", faults{
		up(func(h *hop, m *wire.BasicConsume) {
			if h.count() > 1 {
				m.ConsumerTag += "-2"
			}
		})}},
	{"a blocked connection is not told", "alarm/blocks-publishers", "in vain for connection.blocked", faults{
		down(func(h *hop, m *wire.ConnectionBlocked) { h.drop() })}},
	{"a connection is blocked for another reason", "alarm/of-two-resources", "notice: expected", faults{
		down(func(h *hop, m *wire.ConnectionBlocked) { m.Reason = "low on memory" })}},
	{"a connection is told twice that it is blocked", "alarm/of-two-resources", "notice: expected", faults{
		down(func(h *hop, m *wire.ConnectionBlocked) { h.follow(m) })}},
	{"a connection is not told that it goes on", "alarm/blocks-publishers", "in vain for connection.unblocked", faults{
		down(func(h *hop, m *wire.ConnectionUnblocked) { h.drop() })}},
	{"connection.blocked comes after its effects", "alarm/on-the-wire", "expected connection.blocked .* got basic.return", faults{
		down(func(h *hop, m *wire.ConnectionBlocked) { h.hold() }),
		down(func(h *hop, m *wire.BasicReturn) { h.release() })}},
	{"a missing virtual host is another", "connection/open-missing-vhost", "expected connection.close .* got connection.open-ok", faults{
		up(func(h *hop, m *wire.ConnectionOpen) { m.VirtualHost = "/" })}},
}
