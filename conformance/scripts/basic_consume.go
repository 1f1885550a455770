// Scripts: starting and cancelling consumers, and who gets which message
// (BASIC-25 to BASIC-39).

package scripts

import (
	"fmt"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

var basicConsumeScripts = []Script{
	{Name: "consume/tag-in-use", Covers: []string{"BASIC-25"}, Run: consumeTagInUse},
	{Name: "consume/tags-are-per-channel", Covers: []string{"BASIC-25"}, Run: consumeTagPerChannel},
	{Name: "consume/no-wait", Covers: []string{"BASIC-26"}, Run: consumeNoWait},
	{Name: "consume/cancel-unknown-tag", Covers: []string{"BASIC-27"}, Run: consumeCancelUnknown},
	{Name: "consume/cancel-ends-deliveries", Covers: []string{"BASIC-27", "BASIC-64"}, Run: consumeCancel},
	{Name: "consume/missing-queue", Covers: []string{"BASIC-28"}, Run: consumeMissing},
	{Name: "consume/exclusive", Covers: []string{"BASIC-29"}, Run: consumeExclusive},
	{Name: "consume/no-local-is-ignored", Covers: []string{"BASIC-31"}, Run: consumeNoLocal},
	{Name: "consume/arguments", Covers: []string{"BASIC-32"}, Run: consumeArguments},
	{Name: "consume/argument-ha-failover", Covers: []string{"BASIC-32"}, Before: V(4, 0, 0), Run: consumeArgumentFailover},
	{Name: "consume/cancelled-by-queue-delete", Covers: []string{"BASIC-34", "BASIC-35"}, Run: consumeQueueDeleted},
	{Name: "consume/cancelled-by-no-one-but-itself", Covers: []string{"BASIC-34", "QUEUE-21"}, Run: consumeAutoDeleted},
	{Name: "consume/round-robin", Covers: []string{"BASIC-36"}, Run: consumeRoundRobin},
	{Name: "consume/round-robin-skips-blocked", Covers: []string{"BASIC-36", "BASIC-44"}, Run: consumeRoundRobinBlocked},
	{Name: "consume/priority", Covers: []string{"BASIC-37"}, Run: consumePriority},
	{Name: "consume/each-message-once", Covers: []string{"BASIC-67", "BASIC-54"}, Run: consumeOnce},
	{Name: "consume/deliver-fields-and-tags", Covers: []string{"BASIC-39"}, Run: consumeFields},
}

// consuming gives a consume, for ExpectError.
func consuming(queue, tag string, exclusive bool, args amqp.Table) func(*Channel) error {
	return func(ch *Channel) error {
		_, err := ch.Consume(queue, tag, false, exclusive, false, false, args)
		return err
	}
}

func consumeTagInUse(t *T) {
	q := t.Channel().NewSharedQueue()
	t.ExpectError(530, "attempt to reuse consumer tag 'twice'", func(ch *Channel) error {
		ch.Subscribe(q, Subscription{Tag: "twice"})
		return consuming(q, "twice", false, nil)(ch)
	})
	t.ExpectError(404, "no previously declared queue", func(ch *Channel) error { // which is found out first
		ch.Subscribe(q, Subscription{Tag: "twice"})
		return consuming("", "twice", false, nil)(ch)
	})
}

func consumeTagPerChannel(t *T) {
	first, second := t.Channel(), t.Channel()
	q := first.NewQueue()
	first.Subscribe(q, Subscription{Tag: "same"}).ExpectNoMore()
	kept := first.Subscribe(q, Subscription{Tag: "same", NoAck: true})
	second.Subscribe(q, Subscription{Tag: "same"}).ExpectNoMore()
	first.SendAll(q, "m")
	kept.Expect("m")
}

func consumeNoWait(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a")
	consumer := ch.Subscribe(q, Subscription{NoWait: true, NoAck: true})
	ch.SendAll(q, "b")
	consumer.Expect("a", "b")
	t.OK(ch.Cancel(consumer.Tag, true), "cancel with no-wait")
	ch.SendAll(q, "c")
	ch.ExpectDrain(q, "c")
}

func consumeCancelUnknown(t *T) {
	ch := t.Channel()
	t.OK(ch.Cancel(t.Name("never"), false), "cancel a tag that is not in use")
	ch.ExpectOpen()
}

func consumeCancel(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b")
	consumer := ch.Subscribe(q, Subscription{})
	d := consumer.Expect("a", "b")
	consumer.ExpectNoMore()
	ch.SendAll(q, "c")
	ch.ExpectDrain(q, "c")
	t.OK(d.Ack(true), "ack what was delivered before the cancel")
	ch.ExpectOpen()
	t.OK(ch.recoverAll(true), "recover")
	ch.ExpectDrain(q)
}

func consumeMissing(t *T) {
	absent := t.Name("q")
	t.ExpectError(404, "no "+t.QueueText(absent), consuming(absent, "c", false, nil))
	foreign := t.Dial(amqp.Config{}).Open().NewQueue()
	t.ExpectError(405, t.lockedText(foreign), consuming(foreign, "c", false, nil))
}

func consumeExclusive(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	text := t.QueueText(q) + " in exclusive use"
	plain := ch.Subscribe(q, Subscription{})
	t.ExpectError(403, text, consuming(q, "c", true, nil))
	plain.ExpectNoMore()
	exclusive := ch.Subscribe(q, Subscription{Exclusive: true, NoAck: true})
	t.ExpectError(403, text, consuming(q, "c", false, nil))
	t.ExpectError(403, text, consuming(q, "c", true, nil))
	ch.SendAll(q, "m")
	exclusive.Expect("m")
	exclusive.ExpectNoMore()
	ch.Subscribe(q, Subscription{}).ExpectNoMore()
}

func consumeNoLocal(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	consumer := ch.Subscribe(q, Subscription{NoLocal: true, NoAck: true})
	ch.SendAll(q, "from the same connection")
	consumer.Expect("from the same connection")
}

func consumeArguments(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	for _, priority := range []any{int8(-1), int32(0), int64(1) << 40, uint16(7)} {
		ch.Subscribe(q, Subscription{Args: amqp.Table{"x-priority": priority, "unknown": "ignored", "x-unknown": nil}}).ExpectNoMore()
	}
	for kind, priority := range notIntegers {
		t.ExpectError(406, fmt.Sprintf(`invalid arg 'x-priority' for %s: "expected integer, got %s"`, t.QueueText(q), kind),
			consuming(q, "c", false, amqp.Table{"x-priority": priority}))
	}
	t.ExpectError(406, fmt.Sprintf("invalid arg 'x-stream-offset' for %s of queue type rabbit_classic_queue", t.QueueText(q)),
		consuming(q, "c", false, amqp.Table{"x-stream-offset": "first"}))
}

func consumeArgumentFailover(t *T) {
	const arg = "x-cancel-on-ha-failover"
	ch := t.Channel()
	q := ch.NewQueue()
	for _, value := range []bool{true, false} {
		ch.Subscribe(q, Subscription{Args: amqp.Table{arg: value}}).ExpectNoMore()
	}
	t.ExpectError(406, fmt.Sprintf("invalid arg '%s' for %s: {unacceptable_type,longstr}", arg, t.QueueText(q)),
		consuming(q, "c", false, amqp.Table{arg: "true"}))
}

func consumeQueueDeleted(t *T) {
	ch := t.Channel()
	q := ch.NewSharedQueue()
	own := ch.Subscribe(q, Subscription{})
	other := t.Dial(amqp.Config{}).Open().Subscribe(q, Subscription{})
	_, err := ch.QueueDelete(q, false, false, false)
	t.OK(err, "delete")
	own.ExpectCancelled()
	other.ExpectCancelled()
	ch.ExpectOpen()
}

// consumeAutoDeleted: a queue that goes because its last consumer has left has
// no one to tell.
func consumeAutoDeleted(t *T) {
	ch := t.Channel()
	q := ch.newAutoDeleteQueue()
	consumer := ch.Subscribe(q, Subscription{})
	consumer.ExpectNoMore()
	t.WaitFor("the queue to go", func() bool { return !t.Conn().QueueExists(q) })
	ch.ExpectOpen()
	select {
	case tag := <-ch.cancels:
		t.Errorf("basic.cancel of %s, which the client had cancelled", tag)
	default:
	}
}

func consumeRoundRobin(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	consumers := []*Consumer{
		ch.Subscribe(q, Subscription{}), t.Channel().Subscribe(q, Subscription{}), t.Channel().Subscribe(q, Subscription{NoAck: true}),
	}
	ch.SendAll(q, numbered(12)...)
	for i, body := range numbered(12) {
		consumers[i%len(consumers)].Expect(body)
	}
	consumers[1].ExpectNoMore()
	ch.SendAll(q, "a", "b", "c")
	consumers[0].Expect("a")
	consumers[2].Expect("b")
	consumers[0].Expect("c")
}

func consumeRoundRobinBlocked(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	narrow := t.Channel()
	t.OK(narrow.Qos(1, 0, false), "qos")
	blocked, free := narrow.Subscribe(q, Subscription{}), ch.Subscribe(q, Subscription{})
	ch.SendAll(q, "a", "b", "c", "d")
	held := blocked.Expect("a")
	free.Expect("b", "c", "d")
	t.OK(held.Ack(false), "ack")
	narrow.ExpectOpen()
	blocked.ExpectNoMore()
}

func consumePriority(t *T) {
	low, high := t.Channel(), t.Channel()
	q := low.Confirming().NewQueue()
	t.OK(high.Qos(2, 0, false), "qos")
	second := low.Subscribe(q, Subscription{})
	first := high.Subscribe(q, Subscription{Args: amqp.Table{"x-priority": int32(10)}})
	last := low.Subscribe(q, Subscription{Args: amqp.Table{"x-priority": int32(-10)}})
	low.Store(q, "a", "b", "c", "d")
	held := first.Expect("a", "b")
	second.Expect("c", "d")
	t.OK(held.Ack(true), "ack")
	high.ExpectOpen()
	low.Store(q, "e")
	first.Expect("e")
	last.ExpectNoMore()
}

func consumeFields(t *T) {
	ch := t.Channel()
	q, x := ch.NewQueue(), ch.NewExchange("topic")
	ch.Bind(q, x, "#")
	ch.Send(x, "one", "1")
	ch.Send(x, "two", "2")
	got := ch.Fetch(q)
	ch.ExpectDrain(q, "2")
	ch.Send(x, "three", "3")
	consumer := ch.Subscribe(q, Subscription{})
	d := consumer.Expect("3")
	t.Equal([]any{consumer.Tag, uint64(3), false, x, "three"},
		[]any{d.ConsumerTag, d.DeliveryTag, d.Redelivered, d.Exchange, d.RoutingKey}, "fields of the delivery")
	t.Equal([]any{uint64(1), false, x, "one"}, []any{got.DeliveryTag, got.Redelivered, got.Exchange, got.RoutingKey}, "fields of get-ok")
	consumer.ExpectNoMore()
	noAck := ch.Subscribe(q, Subscription{NoAck: true})
	ch.Send(x, "four", "4")
	t.Equal(uint64(4), noAck.Next().DeliveryTag, "tag of a delivery without acknowledgement")
	other := t.Channel()
	noAck.ExpectNoMore()
	ch.Confirming().Send(x, "five", "5")
	ch.AllConfirmed(1)
	t.Equal(uint64(1), other.Fetch(q).DeliveryTag, "tag of the first delivery of another channel")
	ch.Send(x, "six", "6")
	t.Equal(uint64(5), ch.Fetch(q).DeliveryTag, "tag of a get after deliveries")
}

// consumeOnce has several publishers and consumers at work at a time: each
// message goes to one consumer, and each consumer sees those of one publisher
// in their order.
func consumeOnce(t *T) {
	const publishers, each = 4, 300
	q := t.Channel().NewSharedQueue()
	var consumers []*Consumer
	for range 3 {
		consumers = append(consumers, t.Dial(amqp.Config{}).Open().qos(10, false).Subscribe(q, Subscription{}))
	}
	var sending []*Channel
	for range publishers {
		sending = append(sending, t.Dial(amqp.Config{}).Open().Confirming())
	}
	for i := range each {
		for p, ch := range sending {
			ch.Send("", q, fmt.Sprintf("%d %05d", p, i))
		}
	}
	came := t.merge(consumers)
	seen, order := map[string]bool{}, map[string]string{}
	for len(seen) < publishers*each {
		d := Receive(t, came, "a delivery")
		body := string(d.Body)
		line := d.ConsumerTag + body[:1]
		if seen[body] || d.Redelivered {
			t.Fatalf("%s came before", body)
		}
		if order[line] > body {
			t.Fatalf("%s came after %s", body, order[line])
		}
		seen[body], order[line] = true, body
		t.OK(d.Ack(false), "ack")
	}
	for _, ch := range sending {
		ch.AllConfirmed(each)
	}
	for _, c := range consumers {
		t.OK(c.ch.Cancel(c.Tag, false), "cancel")
	}
	for d := range came {
		t.Errorf("unexpected delivery of %q", d.Body)
	}
}

// merge gives what is delivered to any of the consumers, and is closed when
// all of them have ended.
func (t *T) merge(consumers []*Consumer) <-chan amqp.Delivery {
	all := make(chan amqp.Delivery)
	var running sync.WaitGroup
	for _, c := range consumers {
		running.Go(func() {
			for d := range c.deliveries {
				select {
				case all <- d:
				case <-t.ctx.Done():
				}
			}
		})
	}
	go func() {
		running.Wait()
		close(all)
	}()
	return all
}
