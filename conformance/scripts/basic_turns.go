// Scripts: which consumer is served next, where it is the settling of deliveries that
// makes room (BASIC-36, BASIC-37, BASIC-45, BASIC-56, BASIC-58).

package scripts

import (
	"fmt"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var basicTurnScripts = []Script{
	{Name: "turns/shared-limit-in-order-of-waiting", Covers: []string{"BASIC-36", "BASIC-45"}, Before: V(4, 3, 0), Run: turnsShared},
	{Name: "turns/shared-limit-one-by-one", Covers: []string{"BASIC-36", "BASIC-45"}, Before: V(4, 3, 0), Run: turnsSharedRounds},
	{Name: "turns/shared-limit-starves-no-queue", Covers: []string{"BASIC-45"}, Before: V(4, 3, 0), Run: turnsQueues},
	{Name: "turns/shared-limit-and-priority", Covers: []string{"BASIC-37", "BASIC-45"}, Before: V(4, 3, 0), Run: turnsPriority},
	{Name: "turns/shared-limit-counts-gets", Covers: []string{"BASIC-45", "BASIC-47"}, Before: V(4, 3, 0), Run: turnsGets},
	{Name: "turns/multiple-frees-by-tag", Covers: []string{"BASIC-36", "BASIC-56"}, Run: turnsMultiple},
	{Name: "turns/recover-by-tag", Covers: []string{"BASIC-58", "BASIC-62"}, Run: turnsRecover},
	{Name: "quorum/nack-by-consumer", Covers: []string{"QUEUE-93", "BASIC-56"}, Run: quorumByConsumer},
	{Name: "turns/requeues-of-a-transaction", Covers: []string{"BASIC-58", "BASIC-84"}, Run: turnsTx},
}

// sendAll publishes each body to a queue, one write for all.
func (r *Raw) sendAll(channel uint16, queue string, bodies ...string) {
	var b []byte
	for _, body := range bodies {
		b = wire.AppendMethod(b, channel, &wire.BasicPublish{RoutingKey: queue})
		b = wire.AppendHeader(b, channel, wire.BasicPublishID.Class(), uint64(len(body)), noProps)
		b = wire.AppendBody(b, channel, []byte(body), 0)
	}
	r.Send(b)
}

// consume starts a consumer and waits for consume-ok.
func (r *Raw) consume(channel uint16, m wire.BasicConsume) {
	r.SendMethod(channel, &m)
	r.Expect(channel, &wire.BasicConsumeOk{ConsumerTag: m.ConsumerTag})
}

// qos sets a prefetch count, for each consumer or for all of the channel.
func (r *Raw) qos(channel uint16, count uint16, global bool) {
	r.SendMethod(channel, &wire.BasicQos{PrefetchCount: count, Global: global})
	r.Expect(channel, &wire.BasicQosOk{})
}

// delivered waits for deliveries, which must be these in this order, as "tag body",
// and gives the delivery tag of the last.
func (r *Raw) delivered(channel uint16, want ...string) (tag uint64) {
	for i, w := range want {
		d := Await[*wire.BasicDeliver](r, channel)
		_, body, _ := r.Content(channel)
		r.t.Equal(w, d.ConsumerTag+" "+string(body), fmt.Sprintf("delivery %d", i+1))
		tag = d.DeliveryTag
	}
	return tag
}

// turns is a connection with channels 1 and 2, and a queue.
func (t *T) turns() (r *Raw, q string) {
	r = t.RawOpen().OpenChannel(2)
	return r, r.RawQueue(1)
}

func turnsShared(t *T) {
	r, q := t.turns()
	r.qos(2, 2, true)
	r.consume(2, wire.BasicConsume{Queue: q, ConsumerTag: "t1"})
	r.consume(2, wire.BasicConsume{Queue: q, ConsumerTag: "f9"})
	r.sendAll(1, q, "a", "b", "c")
	last := r.delivered(2, "t1 a", "f9 b")
	r.ExpectOpen(1) // the third has been offered, and waits
	r.SendMethod(2, &wire.BasicNack{DeliveryTag: last, Multiple: true})
	r.delivered(2, "t1 c")
	r.sendAll(1, q, "d")
	r.delivered(2, "f9 d")
}

// With room for one delivery the consumers of a channel take turns.
func turnsSharedRounds(t *T) {
	r, q := t.turns()
	r.qos(2, 1, true)
	for _, tag := range []string{"c0", "c1", "c2"} {
		r.consume(2, wire.BasicConsume{Queue: q, ConsumerTag: tag})
	}
	r.sendAll(1, q, "0", "1", "2", "3", "4", "5")
	for i := range 6 {
		tag := r.delivered(2, fmt.Sprintf("c%d %d", i%3, i))
		r.ExpectOpen(1)
		r.SendMethod(2, &wire.BasicAck{DeliveryTag: tag})
	}
}

// The consumers of several queues all get something.
func turnsQueues(t *T) {
	r := t.RawOpen().OpenChannel(2)
	r.qos(2, 1, true)
	const messages = 40
	var consumes []wire.Method
	for _, tag := range []string{"c0", "c1", "c2"} {
		q := r.RawQueue(1)
		r.sendAll(1, q, numbered(messages)...)
		consumes = append(consumes, &wire.BasicConsume{Queue: q, ConsumerTag: tag})
	}
	r.ExpectOpen(1)
	r.SendMethod(2, consumes...)
	served := map[string]int{}
	for range 2 * messages {
		d, _ := r.nextDelivery(2)
		served[d.ConsumerTag]++
		r.SendMethod(2, &wire.BasicAck{DeliveryTag: d.DeliveryTag})
	}
	for _, tag := range []string{"c0", "c1", "c2"} {
		if served[tag] < 3 { // where a round begins is random: a third of 80 is far more
			t.Errorf("consumer %s: %d of %d deliveries", tag, served[tag], 2*messages)
		}
	}
}

// nextDelivery waits for a delivery and its body, whatever else comes before.
func (r *Raw) nextDelivery(channel uint16) (*wire.BasicDeliver, string) {
	for {
		m, err := r.Next().method()
		r.t.OK(err, "read a method")
		if d, ok := m.(*wire.BasicDeliver); ok {
			_, body, _ := r.Content(channel)
			return d, string(body)
		}
	}
}

func turnsPriority(t *T) {
	r, q := t.turns()
	r.sendAll(1, q, "a", "b")
	r.ExpectOpen(1)
	r.qos(2, 1, true)
	r.consume(2, wire.BasicConsume{Queue: q, ConsumerTag: "i2"})
	first := r.delivered(2, "i2 a")
	r.consume(2, wire.BasicConsume{Queue: q, ConsumerTag: "p4", NoAck: true, Arguments: wire.Table{{Key: "x-priority", Value: int32(2)}}})
	r.sendAll(1, q, "c")
	r.ExpectOpen(1)
	r.SendMethod(2, &wire.BasicReject{DeliveryTag: first, Requeue: true})
	r.delivered(2, "p4 a", "p4 b", "p4 c")
}

// What basic.get holds counts from the moment at which the limit is set, and still
// does when it is settled.
func turnsGets(t *T) {
	r, q := t.turns()
	other := r.RawQueue(1)
	r.consume(2, wire.BasicConsume{Queue: q, ConsumerTag: "y1"})
	r.sendAll(1, q, "a", "b")
	r.sendAll(1, other, "c", "d")
	r.delivered(2, "y1 a", "y1 b")
	r.ExpectOpen(1)
	for range 2 {
		r.SendMethod(2, &wire.BasicGet{Queue: other})
		Await[*wire.BasicGetOk](r, 2)
		r.Content(2)
	}
	r.qos(2, 3, true)
	r.SendMethod(2, &wire.BasicNack{DeliveryTag: 4}, &wire.BasicNack{DeliveryTag: 3})
	r.SendMethod(2, &wire.BasicNack{DeliveryTag: 1, Requeue: true})
	r.ExpectOpen(2)
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Passive: true})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q, MessageCount: 1, ConsumerCount: 1})
	r.SendMethod(2, &wire.BasicNack{DeliveryTag: 2})
	r.delivered(2, "y1 a")
}

func turnsMultiple(t *T) {
	r, q := t.turns()
	r.qos(1, 2, false)
	r.consume(1, wire.BasicConsume{Queue: q, ConsumerTag: "l6"})
	r.sendAll(2, q, "a", "b", "c", "d", "e", "f", "g")
	r.delivered(1, "l6 a", "l6 b")
	r.ExpectOpen(2)
	r.consume(1, wire.BasicConsume{Queue: q, ConsumerTag: "i9"})
	r.delivered(1, "i9 c", "i9 d")
	r.SendMethod(1, &wire.BasicAck{DeliveryTag: 0, Multiple: true})
	got := map[string]string{}
	for range 3 {
		d, body := r.nextDelivery(1)
		got[body] = d.ConsumerTag
	}
	t.Equal(map[string]string{"e": "i9", "f": "i9", "g": "l6"}, got, "consumers of the further messages")
}

func turnsRecover(t *T) {
	r, q := t.turns()
	r.consume(1, wire.BasicConsume{Queue: q, ConsumerTag: "c02"})
	r.sendAll(2, q, "a")
	r.delivered(1, "c02 a")
	r.qos(1, 1, false)
	r.consume(1, wire.BasicConsume{Queue: q, ConsumerTag: "c03", Arguments: wire.Table{{Key: "x-priority", Value: int32(1)}}})
	r.sendAll(2, q, "b")
	r.delivered(1, "c03 b")
	r.SendMethod(1, &wire.BasicRecover{Requeue: true})
	got := map[string]string{}
	for range 2 {
		d, body := r.nextDelivery(1)
		got[body] = d.ConsumerTag
	}
	t.Equal(map[string]string{"a": "c02", "b": "c03"}, got, "consumers of the returned messages")
}

// A nack of several consumers' deliveries returns each one's by themselves, in the
// order of their tags, and serves before the next.
func quorumByConsumer(t *T) {
	ch := t.Channel()
	q := ch.newQuorum(nil)
	r := t.RawOpen().OpenChannel(2)
	r.consume(1, wire.BasicConsume{Queue: q, ConsumerTag: "c02"})
	r.sendAll(2, q, "a")
	r.delivered(1, "c02 a")
	r.qos(1, 1, false)
	r.consume(1, wire.BasicConsume{Queue: q, ConsumerTag: "c03", Arguments: wire.Table{{Key: "x-priority", Value: int32(1)}}})
	r.sendAll(2, q, "b")
	last := r.delivered(1, "c03 b")
	r.SendMethod(1, &wire.BasicNack{DeliveryTag: last, Multiple: true, Requeue: true})
	r.delivered(1, "c02 a", "c03 b")
}

// Settlements of one kind that follow each other in a transaction are one at its
// commit, so that the messages come back in the queue's order.
func turnsTx(t *T) {
	r, q := t.turns()
	r.consume(1, wire.BasicConsume{Queue: q, ConsumerTag: "c"})
	r.sendAll(2, q, "a", "b")
	r.delivered(1, "c a", "c b")
	r.SendMethod(1, &wire.TxSelect{})
	r.Expect(1, &wire.TxSelectOk{})
	r.SendMethod(1, &wire.BasicReject{DeliveryTag: 2, Requeue: true}, &wire.BasicReject{DeliveryTag: 1, Requeue: true}, &wire.TxCommit{})
	var got []string
	for range 2 {
		d, body := r.nextDelivery(1)
		got = append(got, d.ConsumerTag+" "+body)
	}
	t.Equal([]string{"c a", "c b"}, got, "deliveries after the commit")
}
