// Scripts: deliveries that are not acknowledged in time (BASIC-65, BASIC-66).

package scripts

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var ackTimeoutScripts = []Script{
	{Name: "acktimeout/closes-the-channel", Covers: []string{"BASIC-65", "ERR-2"}, Before: V(4, 3, 0), Alone: true, Run: ackTimeoutCloses},
	{Name: "acktimeout/of-the-queue", Covers: []string{"BASIC-65"}, Since: V(3, 12, 0), Before: V(4, 3, 0), Alone: true, Run: ackTimeoutOfQueue},
	{Name: "acktimeout/cancels-the-consumer", Covers: []string{"BASIC-66"}, Since: V(4, 3, 0), Alone: true, Run: ackTimeoutCancels},
}

// overdueText is how the broker refuses a delivery that is held for too long.
func overdueText(channel int, limit time.Duration) string {
	return fmt.Sprintf("delivery acknowledgement on channel %d timed out. Timeout value used: %d ms. "+
		"This timeout value can be configured, see consumers doc guide to learn more", channel, limit.Milliseconds())
}

func ackTimeoutCloses(t *T) {
	const limit = 400 * time.Millisecond
	t.AckTimeout(limit)
	settled := t.Channel().Confirming()
	q, other := settled.NewSharedQueue(), settled.NewSharedQueue()
	settled.Store(q, "consumed")
	settled.Store(other, "got", "acked")

	r := t.RawOpen().OpenChannel(2)
	r.SendMethod(1, &wire.BasicConsume{Queue: q, ConsumerTag: "c"})
	r.Expect(1, &wire.BasicConsumeOk{ConsumerTag: "c"})
	r.Expect(1, &wire.BasicDeliver{ConsumerTag: "c", DeliveryTag: 1, RoutingKey: q})
	r.Content(1)
	r.ExpectChannelClose(1, 406, overdueText(1, limit), Nobody)
	r.SendMethod(2, &wire.BasicGet{Queue: other})
	r.Expect(2, &wire.BasicGetOk{DeliveryTag: 1, RoutingKey: other, MessageCount: 1})
	r.Content(2)
	r.ExpectChannelClose(2, 406, overdueText(2, limit), Nobody)

	settled.ExpectOpen() // who holds nothing is left alone
	for queue, body := range map[string]string{q: "consumed", other: "got"} {
		t.WaitFor("the message to be back", func() bool { return settled.Inspect(queue).Messages > 0 })
		d := settled.Fetch(queue)
		t.Equal([]any{body, true}, []any{string(d.Body), d.Redelivered}, "body and redelivered flag")
		settled.Acked(d)
	}
}

// A queue, by its argument or by a policy, has its own limit.
func ackTimeoutOfQueue(t *T) {
	const short, long = 300 * time.Millisecond, time.Hour
	t.AckTimeout(short)
	ch := t.Channel().Confirming()
	patient := ch.NewSharedQueueWith(amqp.Table{"x-consumer-timeout": long.Milliseconds()})
	hasty, both := ch.NewSharedQueue(), ch.NewSharedQueueWith(amqp.Table{"x-consumer-timeout": long.Milliseconds()})
	t.Policy(Policy{ApplyTo: "queues", Pattern: ExactNames(hasty, both), Definition: map[string]any{"consumer-timeout": 200}})
	holder := t.Channel()
	for _, q := range []string{patient, hasty, both} {
		ch.Store(q, "m")
	}
	holder.Fetch(patient)
	for _, q := range []string{hasty, both} {
		r := t.RawOpen()
		r.SendMethod(1, &wire.BasicGet{Queue: q})
		r.Expect(1, &wire.BasicGetOk{DeliveryTag: 1, RoutingKey: q})
		r.Content(1)
		r.ExpectChannelClose(1, 406, overdueText(1, 200*time.Millisecond), Nobody)
	}
	holder.ExpectOpen()
}

// Only quorum queues count the time, and give the message to another consumer.
func ackTimeoutCancels(t *T) {
	t.AckTimeout(300 * time.Millisecond)
	ch := t.Channel().Confirming()
	q, classic := ch.newQuorum(nil), ch.NewSharedQueue()
	ch.Store(classic, "m")
	ch.Store(q, "a", "b")
	holder := t.Channel()
	holder.Fetch(classic)
	kept := holder.qos(1, false).Subscribe(classic, Subscription{})
	late := holder.Subscribe(q, Subscription{})
	late.Expect("a")
	late.ExpectCancelled()
	ch.await(q, 2)
	t.Equal([]string{"a", "b"}, ch.Drain(q), "messages of the quorum queue")
	holder.ExpectOpen()
	kept.ExpectNoMore()
}
