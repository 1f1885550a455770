// Scripts: quorum queues as one node shows them (QUEUE-92 to QUEUE-98).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var quorumScripts = []Script{
	{Name: "quorum/delivery-limit", Covers: []string{"QUEUE-92", "QUEUE-70"}, Run: quorumLimit},
	{Name: "quorum/delivery-limit-drops", Covers: []string{"QUEUE-92"}, Run: quorumLimitDrops},
	{Name: "quorum/delivery-count", Covers: []string{"QUEUE-94"}, Run: quorumCount},
	{Name: "quorum/returned-first-in-order-of-return", Covers: []string{"QUEUE-93"}, Run: quorumReturned},
	{Name: "quorum/counts-lost-channels", Covers: []string{"QUEUE-92", "QUEUE-93"}, Run: quorumLostChannel},
	{Name: "quorum/lost-consumers-messages-first", Covers: []string{"QUEUE-93"}, Run: quorumLostConsumer},
	{Name: "quorum/no-shared-limit", Covers: []string{"QUEUE-95", "BASIC-50"}, Before: V(4, 3, 0), Run: quorumGlobalQos},
	{Name: "quorum/delete-conditions", Covers: []string{"QUEUE-96"}, Run: quorumDelete},
	{Name: "quorum/get-with-single-active-consumer", Covers: []string{"QUEUE-97"}, Run: quorumGet},
	{Name: "quorum/get-counts-as-consumer", Covers: []string{"QUEUE-5"}, Run: quorumGetCounts},
	{Name: "quorum/returned-past-the-limit", Covers: []string{"QUEUE-67"}, Run: quorumReturnedPastLimit},
	{Name: "quorum/arguments-of-consumers", Covers: []string{"BASIC-32"}, Run: quorumConsumeArguments},
	{Name: "quorum/lost-in-order-of-delivery", Covers: []string{"QUEUE-93"}, Run: quorumLostOrder},
	{Name: "quorum/exclusive-consumers", Covers: []string{"BASIC-29", "BASIC-30"}, Run: quorumExclusive},
	{Name: "quorum/waiting-consumers-do-not-count", Covers: []string{"QUEUE-5", "BASIC-40"}, Run: quorumWaiting},
	{Name: "quorum/redeclare", Covers: []string{"QUEUE-13", "QUEUE-11"}, Run: quorumRedeclare},
	{Name: "quorum/rejects-for-good", Covers: []string{"QUEUE-70"}, Run: quorumReject},
}

// newQuorum declares a quorum queue.
func (ch *Channel) newQuorum(args amqp.Table) string {
	ch.t.NeedsQueueType("quorum")
	all := amqp.Table{"x-queue-type": "quorum"}
	for key, v := range args {
		all[key] = v
	}
	return ch.NewSharedQueueWith(all)
}

// newDoomed declares a quorum queue that delivers twice, and the queue that what
// it gives up ends in.
func (ch *Channel) newDoomed() (queue, grave string) {
	grave = ch.NewSharedQueue()
	return ch.newQuorum(amqp.Table{
		"x-delivery-limit": int32(1), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave,
	}), grave
}

func quorumLimit(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newDoomed()
	end := ch.Subscribe(grave, Subscription{NoAck: true})
	c := ch.Subscribe(q, Subscription{})
	ch.Store(q, "poison")
	t.OK(c.Expect("poison").Reject(true), "reject")
	again := c.Expect("poison")
	t.Equal(true, again.Redelivered, "redelivered")
	t.OK(again.Reject(true), "reject")
	t.expectDeath(end.Expect("poison"), q, "delivery_limit")
}

func quorumLimitDrops(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(amqp.Table{"x-delivery-limit": int64(0)})
	c := ch.Subscribe(q, Subscription{})
	ch.Store(q, "once", "next")
	t.OK(c.Expect("once").Reject(true), "reject")
	c.Expect("next")
	c.ExpectNoMore()
}

func quorumCount(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(nil)
	c := ch.Subscribe(q, Subscription{})
	ch.Store(q, "m")
	first := c.Next()
	if count, there := first.Headers["x-delivery-count"]; there { // 3.10 says 0
		t.Equal(int64(0), count, "x-delivery-count of the first delivery")
	}
	t.OK(first.Reject(true), "reject")
	for n := range int64(3) {
		d := c.Next()
		t.Equal(n+1, d.Headers["x-delivery-count"], "x-delivery-count")
		t.OK(d.Reject(true), "reject")
	}
	d := c.Next()
	t.OK(d.Ack(false), "ack")
}

// With a delivery limit; without one they go to the end.
func quorumReturned(t *T) {
	orders := map[string][]string{"limit": {"c", "a", "d"}}
	if !t.Version().AtLeast(4, 0, 0) { // from then on there is one by default
		orders["no limit"] = []string{"d", "e", "c"}
	}
	for args, want := range orders {
		t.Case(args, func() {
			ch := t.Channel().Confirming()
			q := ch.newQuorum(nil)
			if args == "limit" {
				q = ch.newQuorum(amqp.Table{"x-delivery-limit": int32(5)})
			}
			ch.Store(q, "a", "b", "c", "d", "e")
			c := ch.qos(3, false).Subscribe(q, Subscription{})
			first, second, third := c.Next(), c.Next(), c.Next()
			t.OK(third.Nack(false, true), "nack")
			c.Expect(want[0])
			t.OK(first.Nack(false, true), "nack")
			c.Expect(want[1])
			t.OK(second.Ack(false), "ack")
			c.Expect(want[2])
		})
	}
}

func quorumLostChannel(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newDoomed()
	ch.Store(q, "a", "b")
	for range 2 {
		holder := t.Channel()
		c := holder.Subscribe(q, Subscription{})
		c.Expect("a", "b")
		t.OK(holder.Close(), "close the channel")
	}
	ch.Subscribe(grave, Subscription{NoAck: true}).Expect("a", "b")
}

// What a lost channel held comes first, limit or not.
func quorumLostConsumer(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(nil)
	ch.Store(q, "a", "b", "c", "d")
	holder := t.Channel().qos(2, false)
	holder.Subscribe(q, Subscription{}).Expect("a", "b")
	t.OK(holder.Close(), "close the channel")
	ch.await(q, 4)
	ch.Subscribe(q, Subscription{}).Expect("a", "b", "c", "d")
}

func quorumGlobalQos(t *T) {
	ch := t.Channel()
	q := ch.newQuorum(nil)
	t.ExpectError(540, t.QueueText(q)+" does not support global qos", func(ch *Channel) error {
		ch.qos(5, true)
		_, err := ch.Consume(q, "", false, false, false, false, nil)
		return err
	})
}

func quorumDelete(t *T) {
	q := t.Channel().newQuorum(nil)
	for flag, unused := range map[string]bool{"if-unused": true, "if-empty": false} {
		t.Case(flag, func() {
			text := "cannot delete " + t.QueueText(q) + ". queue.delete operations with " + flag +
				" flag set are not supported by quorum queues"
			t.ExpectError(540, text, func(ch *Channel) error {
				_, err := ch.QueueDelete(q, unused, !unused, false)
				return err
			})
		})
	}
}

// Quorum queues take no notice of the flag.
func quorumExclusive(t *T) {
	for what, args := range map[string]amqp.Table{"plain": nil, "single active": {"x-single-active-consumer": true}} {
		t.Case(what, func() {
			ch := t.Channel().Confirming()
			q := ch.newQuorum(args)
			first := ch.Subscribe(q, Subscription{Exclusive: true})
			ch.Subscribe(q, Subscription{})
			ch.Subscribe(q, Subscription{Exclusive: true})
			ch.Store(q, "m")
			first.Expect("m")
		})
	}
}

func quorumWaiting(t *T) {
	ch := t.Channel()
	q := ch.newQuorum(amqp.Table{"x-single-active-consumer": true})
	first, other := ch.Subscribe(q, Subscription{}), t.Channel()
	other.Subscribe(q, Subscription{})
	t.Equal(1, other.Inspect(q).Consumers, "consumers, one of them active")
	first.Stop()
	t.Equal(1, other.Inspect(q).Consumers, "consumers when the active one has gone")
}

func quorumGet(t *T) {
	q := t.Channel().newQuorum(amqp.Table{"x-single-active-consumer": true})
	kind := "quorum"
	if t.Version().AtLeast(4, 3, 0) {
		kind = `<<"quorum">>`
	}
	text := "cannot obtain access to locked " + t.QueueText(q) +
		". basic.get operations are not supported by " + kind + " queues with single active consumer"
	t.ExpectError(405, text, func(ch *Channel) error {
		_, _, err := ch.Get(q, true)
		return err
	})
}

// A channel that has got a message and not settled it is counted among the consumers.
func quorumGetCounts(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(nil)
	ch.Store(q, "a", "b", "c")
	counts := func(ready, consumers int) {
		t.WaitFor(fmt.Sprintf("%d ready, %d consumers", ready, consumers), func() bool {
			return ch.Inspect(q) == amqp.Queue{Name: q, Messages: ready, Consumers: consumers}
		})
	}
	get := func(noAck bool) amqp.Delivery {
		d, ok, err := ch.Get(q, noAck)
		t.OK(err, "get")
		t.Equal(true, ok, "there is a message")
		return d
	}
	a, b := get(false), get(false)
	counts(1, 2)
	get(true)
	counts(0, 2)
	t.OK(a.Ack(false), "ack")
	counts(0, 1)
	t.OK(b.Nack(false, true), "nack")
	counts(1, 0)
	get(false)
	counts(0, 1)
	t.OK(ch.recoverAll(true), "recover")
	counts(1, 0)
}

// A message that comes back goes to a consumer, if there is one, and only then counts
// towards the limit; in a classic queue it is dropped.
func quorumReturnedPastLimit(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(amqp.Table{"x-max-length": int32(0)})
	c := ch.Subscribe(q, Subscription{})
	ch.Store(q, "a")
	t.OK(c.Expect("a").Nack(false, true), "nack")
	again := c.Expect("a")
	t.Equal(true, again.Redelivered, "redelivered")
	t.OK(again.Ack(false), "ack")
	ch.await(q, 0)
}

// What the consumers of other queues may have is refused whatever its value.
func quorumConsumeArguments(t *T) {
	q := t.Channel().newQuorum(nil)
	refused := map[string]any{"x-stream-offset": true}
	if !t.Version().AtLeast(4, 0, 0) {
		refused["x-cancel-on-ha-failover"] = int32(1)
	}
	for arg, value := range refused {
		t.ExpectError(406, fmt.Sprintf("invalid arg '%s' for %s of queue type rabbit_quorum_queue", arg, t.QueueText(q)),
			consuming(q, "", false, amqp.Table{arg: value}))
	}
}

// What a lost channel had got again comes after what it had got before.
func quorumLostOrder(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(nil)
	ch.Store(q, "a", "b")
	lost := t.Channel()
	c := lost.Subscribe(q, Subscription{})
	a := c.Next()
	c.Expect("b")
	t.OK(a.Nack(false, true), "nack")
	c.Expect("a")
	t.OK(lost.Close(), "close the channel")
	ch.await(q, 2)
	ch.ExpectDrain(q, "b", "a")
}

func quorumRedeclare(t *T) {
	ch := t.Channel()
	q := ch.newQuorum(amqp.Table{"x-delivery-limit": int32(3)})
	_, err := ch.QueueDeclare(q, true, false, false, false, amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": int64(3)})
	t.OK(err, "redeclare")
	difference := "received none but current is the value 'quorum' of type 'longstr'"
	if t.Version().AtLeast(4, 0, 0) { // the type is added (QUEUE-14)
		difference = "received 'classic' but current is 'quorum'"
	}
	t.refuseRedeclare(q, "x-queue-type", difference, amqp.Table{"x-delivery-limit": int32(3)})
}

func quorumReject(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newDoomed()
	ch.Store(q, "m")
	ch.reject(q)
	t.expectDeath(ch.Subscribe(grave, Subscription{NoAck: true}).Expect("m"), q, "rejected")
}
