// Scripts: queues with priorities (QUEUE-86 to QUEUE-88).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var priorityScripts = []Script{
	{Name: "priority/highest-first", Covers: []string{"QUEUE-86"}, Run: priorityOrder},
	{Name: "priority/first-in-first-out-within-one", Covers: []string{"QUEUE-86"}, Run: priorityFifo},
	{Name: "priority/above-the-highest", Covers: []string{"QUEUE-86"}, Run: priorityClamped},
	{Name: "priority/absent-is-lowest", Covers: []string{"QUEUE-86"}, Run: priorityAbsent},
	{Name: "priority/all-of-them", Covers: []string{"QUEUE-34", "QUEUE-86"}, Run: priorityAll},
	{Name: "priority/none", Covers: []string{"QUEUE-87"}, Run: priorityNone},
	{Name: "priority/zero", Covers: []string{"QUEUE-87"}, Before: V(4, 0, 0), Run: priorityZero},
	{Name: "priority/to-consumers", Covers: []string{"QUEUE-86", "QUEUE-88"}, Run: priorityConsumer},
	{Name: "priority/prefetched-are-not-overtaken", Covers: []string{"QUEUE-88"}, Run: priorityPrefetched},
	{Name: "priority/requeued", Covers: []string{"QUEUE-86", "BASIC-58"}, Run: priorityRequeue},
	{Name: "priority/counted-and-purged", Covers: []string{"QUEUE-86", "QUEUE-24"}, Run: priorityPurge},
	{Name: "priority/expires-at-its-head", Covers: []string{"QUEUE-53", "QUEUE-88"}, Run: priorityExpires},
	{Name: "priority/expired-behind-a-higher-one", Covers: []string{"QUEUE-53", "QUEUE-88"}, Run: priorityExpiresBehind},
	{Name: "priority/expires-from-the-top", Covers: []string{"QUEUE-88"}, Run: priorityExpiresAll},
	{Name: "priority/of-dead-letters", Covers: []string{"QUEUE-74", "QUEUE-86"}, Run: priorityDeadLetter},
}

// sendUrgent publishes messages of a priority.
func (ch *Channel) sendUrgent(queue string, priority uint8, bodies ...string) {
	for _, body := range bodies {
		ch.SendWith("", queue, amqp.Publishing{Priority: priority, Body: []byte(body)})
	}
}

func (ch *Channel) newPriorityQueue(levels int32) string {
	return ch.NewQueueWith(amqp.Table{"x-max-priority": levels})
}

func priorityOrder(t *T) {
	ch := t.Channel()
	q := ch.newPriorityQueue(5)
	for _, p := range []uint8{2, 0, 5, 1, 4, 3} {
		ch.sendUrgent(q, p, fmt.Sprint(p))
	}
	ch.ExpectDrain(q, "5", "4", "3", "2", "1", "0")
}

func priorityFifo(t *T) {
	ch := t.Channel()
	q := ch.newPriorityQueue(3)
	want := make([][]string, 4)
	for i, body := range numbered(200) {
		p := i * 7 % 4
		ch.sendUrgent(q, uint8(p), body)
		want[3-p] = append(want[3-p], body)
	}
	var all []string
	for _, bodies := range want {
		all = append(all, bodies...)
	}
	ch.ExpectDrain(q, all...)
}

func priorityClamped(t *T) {
	ch := t.Channel()
	q := ch.newPriorityQueue(3)
	ch.sendUrgent(q, 2, "2")
	ch.sendUrgent(q, 3, "3")
	ch.sendUrgent(q, 200, "200")
	ch.sendUrgent(q, 4, "4")
	ch.sendUrgent(q, 3, "3 again")
	for i, want := range []amqp.Publishing{
		{Priority: 3, Body: []byte("3")}, {Priority: 200, Body: []byte("200")}, {Priority: 4, Body: []byte("4")},
		{Priority: 3, Body: []byte("3 again")}, {Priority: 2, Body: []byte("2")},
	} {
		d := ch.Fetch(q)
		t.Equal(fmt.Sprint(string(want.Body), " ", want.Priority), fmt.Sprint(string(d.Body), " ", d.Priority),
			fmt.Sprintf("body and priority of message %d", i+1))
	}
}

func priorityAbsent(t *T) {
	ch := t.Channel()
	q := ch.newPriorityQueue(3)
	ch.SendAll(q, "a")       // the client leaves out a priority of zero
	ch.sendUrgent(q, 0, "b") // and so does this
	ch.sendUrgent(q, 1, "1")
	ch.ExpectDrain(q, "1", "a", "b")
}

func priorityAll(t *T) {
	ch := t.Channel()
	q := ch.newPriorityQueue(255)
	var want []string
	for p := range 256 {
		ch.sendUrgent(q, uint8(p), fmt.Sprint(p))
		want = append([]string{fmt.Sprint(p)}, want...)
	}
	ch.ExpectDrain(q, want...)
}

func priorityNone(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.sendUrgent(q, 1, "1")
	ch.sendUrgent(q, 9, "9")
	ch.sendUrgent(q, 5, "5")
	ch.ExpectDrain(q, "1", "9", "5")
}

func priorityZero(t *T) {
	ch := t.Channel()
	q := ch.newPriorityQueue(0)
	ch.sendUrgent(q, 0, "0")
	ch.sendUrgent(q, 1, "1")
	ch.sendUrgent(q, 9, "9")
	ch.ExpectDrain(q, "0", "1", "9")
}

func priorityConsumer(t *T) {
	ch := t.Channel().Confirming().qos(1, false)
	q := ch.newPriorityQueue(9)
	for _, p := range []uint8{1, 5, 3, 9} {
		ch.sendUrgent(q, p, fmt.Sprint(p))
	}
	ch.AllConfirmed(4)
	consumer := ch.Subscribe(q, Subscription{})
	d := consumer.Expect("9")
	ch.sendUrgent(q, 7, "7")
	ch.AllConfirmed(1)
	for _, want := range []string{"7", "5", "3", "1"} {
		ch.Acked(d)
		d = consumer.Expect(want)
	}
}

func priorityPrefetched(t *T) {
	ch := t.Channel().Confirming().qos(2, false)
	q := ch.newPriorityQueue(9)
	consumer := ch.Subscribe(q, Subscription{})
	ch.sendUrgent(q, 1, "1a", "1b", "1c")
	ch.sendUrgent(q, 9, "9")
	ch.AllConfirmed(4)
	first := consumer.Expect("1a")
	ch.Acked(first)
	last := consumer.Expect("1b", "9")
	t.OK(last.Ack(true), "ack both")
	consumer.Expect("1c")
}

func priorityRequeue(t *T) {
	ch := t.Channel()
	q := ch.newPriorityQueue(5)
	ch.sendUrgent(q, 1, "1a", "1b")
	ch.sendUrgent(q, 3, "3a", "3b", "3c")
	out := ch.fetchAll(q, 4)
	t.Equal("1a", string(out[3].Body), "the fourth message")
	ch.sendUrgent(q, 5, "5")
	ch.sendUrgent(q, 3, "3d")
	t.OK(out[3].Nack(true, true), "requeue all")
	ch.ExpectFlags(q, "5", "3a*", "3b*", "3c*", "3d", "1a*", "1b")
}

func priorityPurge(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newPriorityQueue(5)
	for p := range uint8(6) {
		ch.sendUrgent(q, p, "a", "b")
	}
	ch.AllConfirmed(12)
	ch.Fetch(q)
	ch.ExpectReady(q, 11)
	n, err := ch.QueuePurge(q, false)
	t.OK(err, "purge")
	t.Equal(11, n, "messages purged")
	ch.sendUrgent(q, 2, "2")
	ch.ExpectDrain(q, "2")
}

func priorityExpires(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(amqp.Table{"x-max-priority": int32(5)})
	ch.SendWith("", q, amqp.Publishing{Priority: 4, Expiration: "20", Body: []byte("high")})
	ch.sendUrgent(q, 1, "low")
	ch.attend(grave).Expect("high")
	ch.ExpectDrain(q, "low")
}

// An expired message waits for all that are to be delivered before it, those
// of higher priority too.
func priorityExpiresBehind(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(amqp.Table{"x-max-priority": int32(5)})
	ch.SendWith("", q, amqp.Publishing{Priority: 1, Expiration: fmt.Sprint(soon), Body: []byte("low")})
	ch.sendUrgent(q, 4, "high")
	ch.AllConfirmed(2)
	ch.pass(2 * soon)
	ch.ExpectReady(q, 2)
	ch.ExpectReady(grave, 0)
	d := ch.Fetch(q)
	t.Equal("high", string(d.Body), "the head")
	t.Equal(uint32(0), d.MessageCount, "messages left")
	ch.attend(grave).Expect("low")
}

func priorityExpiresAll(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(amqp.Table{"x-max-priority": int32(5), "x-message-ttl": int32(100)})
	for _, p := range []uint8{1, 4, 0, 5, 4} {
		ch.sendUrgent(q, p, fmt.Sprint(p))
	}
	ch.AllConfirmed(5)
	ch.await(q, 0)
	got := ch.attend(grave)
	seen := map[string]int{}
	for range 5 {
		seen[string(got.Next().Body)]++
	}
	t.Equal(map[string]int{"0": 1, "1": 1, "4": 2, "5": 1}, seen, "dead letters")
}

func priorityDeadLetter(t *T) {
	ch := t.Channel()
	grave := ch.newPriorityQueue(5)
	q := ch.newMortalTo(grave, nil)
	ch.sendUrgent(q, 1, "1")
	ch.sendUrgent(q, 5, "5")
	ch.sendUrgent(q, 3, "3")
	for range 3 {
		ch.reject(q)
	}
	ch.await(grave, 3)
	ch.ExpectDrain(grave, "5", "3", "1")
}
