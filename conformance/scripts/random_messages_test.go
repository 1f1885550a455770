// Random messages.

package scripts

import (
	"fmt"
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// publish is a few messages with the same properties, on the same way.
func (g *generator) publish(at place) {
	m := &wire.BasicPublish{Mandatory: g.chance(20), Immediate: g.chance(0)}
	if len(g.exchanges) > 0 && g.chance(45) {
		m.Exchange = g.exchange()
		m.RoutingKey = g.bindingKey(m.Exchange)
	} else {
		m.RoutingKey = g.queue()
	}
	s := step{conn: at.conn, channel: at.channel, method: m, props: g.properties()}
	n := 1 + g.IntN(4)
	if g.deadLetters && (m.Exchange != "" || s.props.Flags&wire.HasHeaders != 0) {
		n = 1 // a dead letter and a copy race each other
	}
	for range n {
		s.bodies = append(s.bodies, g.body())
	}
	g.program.steps = append(g.program.steps, s)
}

func (g *generator) body() string {
	g.messages++
	body := fmt.Sprintf("m%d", g.messages)
	switch {
	case g.chance(4):
		return ""
	case g.chance(4):
		return body + strings.Repeat(".", g.IntN(3*randomFrameMax))
	case g.chance(15):
		return body + strings.Repeat(".", g.IntN(20))
	}
	return body
}

func (g *generator) properties() (p wire.Properties) {
	set := func(chance int, flag wire.PropertyFlags, f func()) {
		if g.chance(chance) {
			p.Flags |= flag
			f()
		}
	}
	word := func() string { return oneOf(g, "", "text/plain", "guest", "ä", strings.Repeat("w", 255)) }
	set(8, wire.HasContentType, func() { p.ContentType = word() })
	set(4, wire.HasContentEncoding, func() { p.ContentEncoding = word() })
	set(35, wire.HasHeaders, func() { p.Headers = g.headers() })
	set(30, wire.HasDeliveryMode, func() { p.DeliveryMode = oneOf[uint8](g, 1, 1, 2) })
	set(30, wire.HasPriority, func() { p.Priority = oneOf[uint8](g, 0, 1, 2, 3, 5, 255) })
	set(5, wire.HasCorrelationID, func() { p.CorrelationID = word() })
	set(5, wire.HasReplyTo, func() { p.ReplyTo = word() })
	set(10, wire.HasExpiration, func() { p.Expiration = g.expiration() })
	set(5, wire.HasMessageID, func() { p.MessageID = word() })
	set(5, wire.HasTimestamp, func() { p.Timestamp = oneOf[uint64](g, 0, 1<<40, 1<<63) })
	set(5, wire.HasType, func() { p.Type = word() })
	set(4, wire.HasUserID, func() { p.UserID = oneOf(g, "guest", "guest", "guest", "", "other") })
	set(5, wire.HasAppID, func() { p.AppID = word() })
	set(2, wire.HasClusterID, func() { p.ClusterID = word() })
	return p
}

// expiration has no sign where it is good (QUEUE-77).
func (g *generator) expiration() string {
	if g.chance(8) {
		return oneOf(g, "", "x", " 1", "1.5", "-1", "1x", "315360000001", "0x1", "1 ", "+")
	}
	if g.shortLived && g.chance(50) {
		return fmt.Sprint(shortTTL)
	}
	if g.priorities { // QUEUE-88: RabbitMQ looks at the head only when there is cause
		return "600000"
	}
	return oneOf(g, "0", "600000")
}

// headers are of all types; CC and BCC name queues, for the most part.
func (g *generator) headers() wire.Table {
	t := g.table(2)
	for _, key := range []string{"CC", "BCC"} {
		if !g.chance(12) {
			continue
		}
		var keys wire.Array
		for range g.IntN(3) {
			keys = append(keys, oneOf(g, g.queue(), g.key()))
		}
		if g.chance(5) {
			keys = append(keys, g.value(1))
		}
		var value any = keys
		if g.chance(4) {
			value = g.value(1)
		}
		t = append(t, wire.Field{Key: key, Value: value})
	}
	if g.chance(3) {
		t = append(t, wire.Field{Key: "T", Value: wire.Timestamp(g.IntN(9))})
	}
	return t
}

// reply is a part of a conversation over amq.rabbitmq.reply-to.
func (g *generator) reply(at place) {
	const direct = "amq.rabbitmq.reply-to"
	if !g.replies {
		g.publish(at)
		return
	}
	switch g.IntN(5) {
	case 0:
		g.add(at, &wire.BasicConsume{Queue: direct, ConsumerTag: oneOf(g, "c1", "r"), NoAck: g.chance(90)})
	case 1, 2:
		g.publish(at)
		s := &g.program.steps[len(g.program.steps)-1]
		s.props.Flags |= wire.HasReplyTo
		s.props.ReplyTo = direct
		s.bodies = s.bodies[:1]
	case 3:
		g.publish(at)
		s := &g.program.steps[len(g.program.steps)-1]
		m := s.method.(*wire.BasicPublish)
		m.Exchange, m.RoutingKey = "", nameMark+"reply1"
	default:
		m := &wire.QueueDeclare{Queue: oneOf(g, direct, nameMark+"reply1"), Passive: g.chance(50)}
		g.add(at, m)
	}
}
