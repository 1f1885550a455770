// Scripts: queues that serve one consumer at a time (BASIC-30, BASIC-40,
// BASIC-42), and how consumers' priorities decide who is served (BASIC-37).
//
// That the consumer after one that cancels is served at once is not among
// them: RabbitMQ 3.10 lets it wait (BASIC-41).

package scripts

import (
	amqp "github.com/rabbitmq/amqp091-go"
)

var singleActiveScripts = []Script{
	{Name: "single/only-the-first", Covers: []string{"BASIC-40"}, Run: singleFirst},
	{Name: "single/is-no-exclusive-consumer", Covers: []string{"BASIC-30", "BASIC-40"}, Run: singleExclusive},
	{Name: "single/next-after-channel-close", Covers: []string{"BASIC-40"}, Run: singleChannelClose},
	{Name: "single/next-after-connection-loss", Covers: []string{"BASIC-40", "BASIC-59"}, Run: singleConnectionLoss},
	{Name: "single/next-after-cancel", Covers: []string{"BASIC-40"}, Run: singleCancel},
	{Name: "single/in-order-of-registration", Covers: []string{"BASIC-40"}, Run: singleOrder},
	{Name: "single/waiting-one-leaves", Covers: []string{"BASIC-40"}, Run: singleWaitingLeaves},
	{Name: "single/blocked-by-prefetch", Covers: []string{"BASIC-40", "BASIC-44"}, Run: singleBlocked},
	{Name: "single/requeued-comes-back-to-it", Covers: []string{"BASIC-40", "BASIC-61"}, Run: singleRequeue},
	{Name: "single/higher-priority-does-not-take-over", Covers: []string{"BASIC-37", "BASIC-40"}, Run: singleNoTakeOver},
	{Name: "single/higher-priority-is-next", Covers: []string{"BASIC-37", "BASIC-40"}, Run: singlePriority},
	{Name: "single/get", Covers: []string{"BASIC-42"}, Run: singleGet},
	{Name: "single/off", Covers: []string{"BASIC-40"}, Run: singleOff},
	{Name: "single/with-priorities-and-limits", Covers: []string{"BASIC-40", "QUEUE-86", "QUEUE-62"}, Run: singleOthers},
	{Name: "consume/priorities-in-turn", Covers: []string{"BASIC-37"}, Run: consumerPriorities},
	{Name: "consume/higher-priority-comes-later", Covers: []string{"BASIC-37"}, Run: consumerPriorityLater},
	{Name: "consume/round-robin-within-a-priority", Covers: []string{"BASIC-36", "BASIC-37"}, Run: consumerPriorityRound},
}

var singleActive = amqp.Table{"x-single-active-consumer": true}

// newSingle declares a queue that every connection may use, with one active
// consumer.
func (ch *Channel) newSingle() string { return ch.NewSharedQueueWith(singleActive) }

func singleFirst(t *T) {
	ch, other := t.Channel().Confirming(), t.Channel()
	q := ch.newSingle()
	first := ch.Subscribe(q, Subscription{})
	second, third := ch.Subscribe(q, Subscription{}), other.Subscribe(q, Subscription{NoAck: true})
	bodies := numbered(30)
	ch.Store(q, bodies...)
	first.Expect(bodies...)
	third.ExpectNoMore()
	second.ExpectNoMore()
	first.ExpectNoMore()
}

func singleExclusive(t *T) {
	ch := t.Channel()
	q := ch.newSingle()
	refused := func() {
		t.ExpectError(403, t.QueueText(q)+" in exclusive use", func(ch *Channel) error {
			_, err := ch.Consume(q, "", false, true, false, false, nil)
			return err
		})
	}
	refused()
	ch.Subscribe(q, Subscription{})
	refused()
	ch.Subscribe(q, Subscription{})
	t.Equal(2, ch.Inspect(q).Consumers, "consumers")
}

func singleChannelClose(t *T) {
	publisher, first, second := t.Channel().Confirming(), t.Channel().qos(2, false), t.Channel()
	q := publisher.newSingle()
	active, next := first.Subscribe(q, Subscription{}), second.Subscribe(q, Subscription{})
	publisher.Store(q, "a", "b", "c", "d")
	active.Expect("a", "b")
	t.OK(first.Close(), "close the active consumer's channel")
	next.Expect("a", "b", "c", "d")
}

func singleConnectionLoss(t *T) {
	publisher := t.Channel().Confirming()
	q := publisher.newSingle()
	lost := t.Dial(amqp.Config{})
	active := lost.Open().qos(3, false).Subscribe(q, Subscription{})
	next := t.Channel().Subscribe(q, Subscription{})
	publisher.Store(q, "a", "b", "c", "d")
	active.Expect("a", "b", "c")
	lost.Cut()
	for _, want := range []struct {
		body        string
		redelivered bool
	}{{"a", true}, {"b", true}, {"c", true}, {"d", false}} {
		t.Equal(want.redelivered, next.Expect(want.body).Redelivered, want.body+" is redelivered")
	}
}

// The queue is empty when its consumer cancels.
func singleCancel(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newSingle()
	active, next := ch.Subscribe(q, Subscription{}), ch.Subscribe(q, Subscription{})
	ch.Store(q, "a")
	d := active.Expect("a")
	active.ExpectNoMore()
	ch.Store(q, "b")
	next.Expect("b")
	ch.Acked(d)
	next.ExpectNoMore()
}

func singleOrder(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newSingle()
	var channels []*Channel
	var consumers []*Consumer
	for range 5 {
		channels = append(channels, t.Channel())
		consumers = append(consumers, channels[len(channels)-1].Subscribe(q, Subscription{NoAck: true}))
	}
	for i, consumer := range consumers {
		ch.Store(q, "m")
		consumer.Expect("m")
		t.OK(channels[i].Close(), "close the active consumer's channel")
	}
}

func singleWaitingLeaves(t *T) {
	ch, leaving := t.Channel().Confirming(), t.Channel()
	q := ch.newSingle()
	active := ch.Subscribe(q, Subscription{NoAck: true})
	cancelled, closed := ch.Subscribe(q, Subscription{}), leaving.Subscribe(q, Subscription{})
	cancelled.ExpectNoMore()
	t.OK(leaving.Close(), "close a waiting consumer's channel")
	for range closed.deliveries {
		t.Errorf("a delivery to a waiting consumer")
	}
	ch.Store(q, "a", "b")
	active.Expect("a", "b")
	t.Equal(1, ch.Inspect(q).Consumers, "consumers")
}

// A consumer that takes no more for the moment keeps its place.
func singleBlocked(t *T) {
	ch, other := t.Channel().Confirming().qos(1, false), t.Channel()
	q := ch.newSingle()
	active, waiting := ch.Subscribe(q, Subscription{}), other.Subscribe(q, Subscription{})
	ch.Store(q, "a", "b", "c")
	d := active.Expect("a")
	waiting.ExpectNoMore()
	ch.ExpectReady(q, 2)
	ch.Acked(d)
	ch.Acked(active.Expect("b"))
	active.Expect("c")
}

func singleRequeue(t *T) {
	ch, other := t.Channel().Confirming(), t.Channel()
	q := ch.newSingle()
	active, waiting := ch.Subscribe(q, Subscription{}), other.Subscribe(q, Subscription{})
	ch.Store(q, "a", "b")
	last := active.Expect("a", "b")
	t.OK(last.Nack(true, true), "requeue both")
	t.Equal(true, active.Expect("a", "b").Redelivered, "redelivered")
	waiting.ExpectNoMore()
}

func singleNoTakeOver(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newSingle()
	active := ch.Subscribe(q, Subscription{})
	higher := ch.Subscribe(q, Subscription{Args: amqp.Table{"x-priority": int32(10)}})
	ch.Store(q, "a", "b")
	active.Expect("a", "b")
	higher.ExpectNoMore()
}

// Who takes over is the first of those with the highest priority.
func singlePriority(t *T) {
	ch, leaving := t.Channel().Confirming(), t.Channel()
	q := ch.newSingle()
	active := leaving.Subscribe(q, Subscription{})
	low := ch.Subscribe(q, Subscription{})
	high := ch.Subscribe(q, Subscription{Args: amqp.Table{"x-priority": int32(10)}})
	highToo := ch.Subscribe(q, Subscription{Args: amqp.Table{"x-priority": int32(10)}})
	ch.Store(q, "a")
	active.Expect("a")
	t.OK(leaving.Close(), "close the active consumer's channel")
	high.Expect("a")
	ch.Store(q, "b")
	high.Expect("b")
	low.ExpectNoMore()
	highToo.ExpectNoMore()
}

func singleGet(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newSingle()
	ch.Store(q, "a", "b")
	ch.Acked(ch.Fetch(q))
	consumer := ch.qos(1, false).Subscribe(q, Subscription{})
	d := consumer.Expect("b")
	ch.Store(q, "c")
	ch.ExpectDrain(q, "c")
	ch.Acked(d)
	consumer.ExpectNoMore()
}

func singleOff(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(amqp.Table{"x-single-active-consumer": false})
	one, two := ch.Subscribe(q, Subscription{}), ch.Subscribe(q, Subscription{})
	ch.Store(q, "a", "b")
	one.Expect("a")
	two.Expect("b")
	exclusive := ch.NewQueueWith(amqp.Table{"x-single-active-consumer": false})
	ch.Subscribe(exclusive, Subscription{Exclusive: true})
}

func singleOthers(t *T) {
	ch, leaving := t.Channel().Confirming(), t.Channel().qos(1, false)
	q := ch.NewSharedQueueWith(amqp.Table{
		"x-single-active-consumer": true, "x-max-priority": int32(5), "x-max-length": int32(3),
	})
	active, next := leaving.Subscribe(q, Subscription{}), ch.Subscribe(q, Subscription{})
	ch.sendUrgent(q, 1, "1")
	active.Expect("1")
	ch.sendUrgent(q, 3, "3")
	ch.sendUrgent(q, 5, "5")
	ch.sendUrgent(q, 2, "2")
	ch.AllConfirmed(4)
	t.OK(leaving.Close(), "close the active consumer's channel, which requeues 1 and drives out 5")
	next.Expect("3", "2", "1")
	next.ExpectNoMore()
}

func consumerPriorities(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	take := func(limit int, priority any) *Consumer {
		return ch.qos(limit, false).Subscribe(q, Subscription{Args: amqp.Table{"x-priority": priority}})
	}
	low, high, middle := take(0, int32(-5)), take(2, int64(10)), take(1, int8(3))
	ch.Store(q, "a", "b", "c", "d", "e")
	d := high.Expect("a", "b")
	middle.Expect("c")
	low.Expect("d", "e")
	ch.Acked(d)
	ch.Store(q, "f", "g")
	high.Expect("f")
	low.Expect("g")
}

func consumerPriorityLater(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	early := ch.Subscribe(q, Subscription{})
	ch.Store(q, "a")
	early.Expect("a")
	late := ch.Subscribe(q, Subscription{Args: amqp.Table{"x-priority": int32(1)}})
	ch.Store(q, "b", "c")
	late.Expect("b", "c")
	late.ExpectNoMore()
	ch.Store(q, "d")
	early.Expect("d")
}

func consumerPriorityRound(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	high := Subscription{Args: amqp.Table{"x-priority": int32(2)}}
	one, low, two := ch.Subscribe(q, high), ch.Subscribe(q, Subscription{}), ch.Subscribe(q, high)
	ch.Store(q, "a", "b", "c", "d")
	one.Expect("a", "c")
	two.Expect("b", "d")
	low.ExpectNoMore()
}
