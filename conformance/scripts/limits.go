// Scripts: queues that hold so much and drop the rest from their head
// (QUEUE-61 to QUEUE-64, QUEUE-67, QUEUE-68).

package scripts

import (
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var limitScripts = []Script{
	{Name: "limits/length", Covers: []string{"QUEUE-61", "QUEUE-62"}, Run: limitLength},
	{Name: "limits/bytes", Covers: []string{"QUEUE-61", "QUEUE-62"}, Run: limitBytes},
	{Name: "limits/bytes-of-bodies-only", Covers: []string{"QUEUE-61"}, Run: limitBodies},
	{Name: "limits/both", Covers: []string{"QUEUE-61", "QUEUE-62"}, Run: limitBoth},
	{Name: "limits/unacked-do-not-count", Covers: []string{"QUEUE-61"}, Run: limitUnacked},
	{Name: "limits/zero", Covers: []string{"QUEUE-62", "BASIC-21"}, Run: limitZero},
	{Name: "limits/one-too-large-empties-the-queue", Covers: []string{"QUEUE-62", "BASIC-21"}, Run: limitTooLarge},
	{Name: "limits/dropped-is-acked", Covers: []string{"QUEUE-62", "BASIC-21"}, Run: limitAcked},
	{Name: "limits/drop-head-by-name", Covers: []string{"QUEUE-62", "QUEUE-35"}, Run: limitDropHead},
	{Name: "limits/dead-letters-oldest-first", Covers: []string{"QUEUE-63", "QUEUE-70"}, Run: limitDeadLetters},
	{Name: "limits/drop-the-highest-priority", Covers: []string{"QUEUE-64"}, Run: limitPriority},
	{Name: "limits/requeued-over-the-limit", Covers: []string{"QUEUE-67"}, Run: limitRequeue},
	{Name: "limits/requeued-bytes-over-the-limit", Covers: []string{"QUEUE-67"}, Run: limitRequeueBytes},
	{Name: "limits/requeued-with-a-consumer", Covers: []string{"QUEUE-67"}, Run: limitRequeueConsumer},
	{Name: "limits/requeued-late-over-the-limit", Covers: []string{"QUEUE-55", "QUEUE-67"}, Run: limitRequeueLate},
	{Name: "limits/to-a-waiting-consumer", Covers: []string{"QUEUE-68"}, Run: limitConsumer},
	{Name: "limits/expired-behind-the-head", Covers: []string{"QUEUE-53", "QUEUE-61", "QUEUE-62"}, Run: limitExpired},
	{Name: "limits/expiring-at-once-drives-out-the-head", Covers: []string{"QUEUE-54", "QUEUE-62"}, Run: limitExpiring},
}

func limitLength(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(amqp.Table{"x-max-length": int32(3)})
	ch.Store(q, "a", "b", "c")
	ch.ExpectReady(q, 3)
	ch.Store(q, "d", "e")
	ch.ExpectDrain(q, "c", "d", "e")
}

func limitBytes(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(amqp.Table{"x-max-length-bytes": int32(10)})
	ch.Store(q, "1111", "2222", "33")
	ch.ExpectReady(q, 3)
	ch.Store(q, "4")
	ch.ExpectReady(q, 3)
	ch.Store(q, "5555555")
	ch.ExpectDrain(q, "33", "4", "5555555")
}

func limitBodies(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(amqp.Table{"x-max-length-bytes": int32(4)})
	for _, body := range []string{"", "1", "2", "", "34"} {
		ch.SendWith("", q, amqp.Publishing{
			Headers: amqp.Table{"long": strings.Repeat("x", 1000)}, MessageId: strings.Repeat("y", 200), Body: []byte(body),
		})
		ch.AllConfirmed(1)
	}
	ch.ExpectDrain(q, "", "1", "2", "", "34")
}

func limitBoth(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(amqp.Table{"x-max-length": int32(3), "x-max-length-bytes": int32(6)})
	ch.Store(q, "1", "2", "3", "4")
	ch.ExpectReady(q, 3)
	ch.Store(q, "5555")
	ch.ExpectDrain(q, "3", "4", "5555")
}

func limitUnacked(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(amqp.Table{"x-max-length": int32(2), "x-max-length-bytes": int32(2)})
	ch.Store(q, "a", "b")
	out := ch.fetchAll(q, 2)
	ch.Store(q, "c", "d")
	ch.ExpectReady(q, 2)
	for _, d := range out {
		ch.Acked(d)
	}
	ch.ExpectDrain(q, "c", "d")
}

func limitZero(t *T) {
	ch := t.Channel().Confirming()
	for _, name := range []string{"x-max-length", "x-max-length-bytes"} {
		t.Case(name, func() {
			q, grave := ch.newMortal(amqp.Table{name: int32(0)})
			ch.Store(q, "a", "b")
			ch.ExpectReady(q, 0)
			t.expectDeath(ch.attend(grave).Expect("a", "b"), q, "maxlen")
		})
	}
	q := ch.NewQueueWith(amqp.Table{"x-max-length-bytes": int32(0)})
	ch.Store(q, "", "")
	ch.ExpectReady(q, 2)
}

func limitTooLarge(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(amqp.Table{"x-max-length-bytes": int32(5)})
	ch.Store(q, "1", "2", "666666")
	ch.attend(grave).Expect("1", "2", "666666")
	ch.ExpectReady(q, 0)
	ch.Store(q, "55555")
	ch.ExpectDrain(q, "55555")
}

func limitAcked(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueueWith(amqp.Table{"x-max-length": int32(10)})
	const n = 200
	for i := range n {
		ch.SendWith("", q, amqp.Publishing{DeliveryMode: uint8(1 + i%2)})
	}
	ch.AllConfirmed(n)
	ch.ExpectReady(q, 10)
}

func limitDropHead(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(amqp.Table{"x-max-length": int32(1), "x-overflow": "drop-head"})
	ch.Store(q, "a", "b")
	ch.ExpectDrain(q, "b")
}

func limitDeadLetters(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(amqp.Table{"x-max-length": int32(5)})
	bodies := numbered(50)
	ch.SendAll(q, bodies...)
	consumer := ch.attend(grave)
	t.expectDeath(consumer.Expect(bodies[:45]...), q, "maxlen")
	ch.ExpectDrain(q, bodies[45:]...)
	consumer.ExpectNoMore()
}

func limitPriority(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(amqp.Table{"x-max-priority": int32(5), "x-max-length": int32(3)})
	ch.sendUrgent(q, 1, "1a", "1b")
	ch.sendUrgent(q, 4, "4a", "4b") // drives out 4a
	ch.sendUrgent(q, 2, "2")        // 4b
	ch.sendUrgent(q, 5, "5")        // itself
	ch.sendUrgent(q, 0, "0")        // 2
	ch.attend(grave).Expect("4a", "4b", "5", "2")
	ch.ExpectDrain(q, "1a", "1b", "0")
}

func limitRequeue(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(amqp.Table{"x-max-length": int32(1)})
	ch.Store(q, "a")
	d := ch.Fetch(q)
	ch.Store(q, "b")
	t.OK(d.Nack(false, true), "requeue")
	t.expectDeath(ch.attend(grave).Expect("a"), q, "maxlen")
	ch.ExpectFlags(q, "b")
}

func limitRequeueBytes(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(amqp.Table{"x-max-length-bytes": int32(6)})
	ch.Store(q, "11", "22", "33")
	out := ch.fetchAll(q, 3)
	ch.Store(q, "4444")
	t.OK(out[2].Nack(true, true), "requeue all")
	ch.attend(grave).Expect("11", "22")
	ch.ExpectFlags(q, "33*", "4444")
}

// What is over the limit goes before a consumer can have it.
func limitRequeueConsumer(t *T) {
	ch := t.Channel().Confirming().qos(2, false)
	q, grave := ch.newMortal(amqp.Table{"x-max-length": int32(1)})
	consumer := ch.Subscribe(q, Subscription{})
	ch.Store(q, "a", "b", "c")
	last := consumer.Expect("a", "b")
	t.OK(last.Nack(true, true), "requeue both")
	ch.attend(grave).Expect("a", "b")
	consumer.Expect("c")
	consumer.ExpectNoMore()
}

// What has also expired meanwhile has broken the limit.
func limitRequeueLate(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(amqp.Table{"x-max-length": int32(1)})
	holder := t.Channel().qos(1, false).Subscribe(q, Subscription{})
	ch.sendFor(q, soon, "a")
	ch.AllConfirmed(1)
	d := holder.Expect("a")
	ch.Store(q, "b")
	holder.Stop()
	ch.pass(2 * soon)
	t.OK(d.Nack(false, true), "requeue")
	t.expectDeath(ch.attend(grave).Expect("a"), q, "maxlen")
	ch.ExpectFlags(q, "b")
}

func limitConsumer(t *T) {
	ch := t.Channel()
	q := ch.NewQueueWith(amqp.Table{"x-max-length": int32(0)})
	bodies := numbered(20)
	consumer := ch.Subscribe(q, Subscription{})
	ch.SendAll(q, bodies...)
	consumer.Expect(bodies...)
	consumer.ExpectNoMore()
}

// What has expired behind the head counts until the head goes.
func limitExpired(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(amqp.Table{"x-max-length": int32(2)})
	ch.SendAll(q, "a")
	ch.sendFor(q, 1, "b")
	ch.AllConfirmed(2)
	ch.pass(30)
	ch.Store(q, "c")
	consumer := ch.attend(grave)
	t.expectDeath(consumer.Expect("a"), q, "maxlen")
	t.expectDeath(consumer.Expect("b"), q, "expired")
	ch.ExpectDrain(q, "c")
}

// A message without any time to live enters the queue all the same.
func limitExpiring(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(amqp.Table{"x-max-length": int32(1)})
	ch.SendAll(q, "a")
	ch.sendFor(q, 0, "b")
	ch.AllConfirmed(2)
	consumer := ch.attend(grave)
	t.expectDeath(consumer.Expect("a"), q, "maxlen")
	t.expectDeath(consumer.Expect("b"), q, "expired")
	ch.ExpectReady(q, 0)
}
