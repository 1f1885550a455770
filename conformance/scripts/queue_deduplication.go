// Scripts: queues with the argument x-message-deduplication, and policies of deduplication
// (DEDUP-7, DEDUP-9 to DEDUP-11), read from the plugin's documentation.

package scripts

import (
	amqp "github.com/rabbitmq/amqp091-go"
)

var queueDeduplicationScripts = []Script{
	{Name: "queue/deduplication", Covers: []string{"DEDUP-9"}, Run: queueDeduplication},
	{Name: "queue/deduplication-forgets", Covers: []string{"DEDUP-10"}, Run: queueDeduplicationForgets},
	{Name: "queue/deduplication-expires", Covers: []string{"DEDUP-10"}, Run: queueDeduplicationExpires},
	{Name: "queue/deduplication-restart", Covers: []string{"DEDUP-10"}, Alone: true, Run: queueDeduplicationRestart},
	{Name: "queue/deduplication-redeclare", Covers: []string{"DEDUP-11"}, Run: queueDeduplicationRedeclare},
	{Name: "queue/deduplication-policy", Covers: []string{"DEDUP-7"}, Run: deduplicationPolicy},
	{Name: "queue/deduplication-policy-refused", Covers: []string{"DEDUP-7"}, Run: deduplicationPolicyRefused},
}

// newSingular declares a queue that takes each value once.
func (ch *Channel) newSingular(args amqp.Table) string {
	all := amqp.Table{deduplicationType: true}
	for key, v := range args {
		all[key] = v
	}
	return ch.NewSharedQueueWith(all)
}

// sendValue publishes to a queue, mandatory, a message with a value and waits for its ack.
func (ch *Channel) sendValue(q string, value any, body string) {
	ch.t.OK(ch.Publish("", q, true, false, amqp.Publishing{
		DeliveryMode: amqp.Persistent, Headers: amqp.Table{"x-deduplication-header": value}, Body: []byte(body),
	}), "publish")
	ch.AllConfirmed(1)
}

func queueDeduplication(t *T) {
	t.needsDeduplication()
	ch := t.Channel().Confirming()
	grave := ch.NewSharedQueue()
	q := ch.newSingular(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave})
	returns := ch.NotifyReturn(make(chan amqp.Return, 8))
	for _, value := range []any{"a", "a", int32(1), "1", int64(1), true} {
		ch.sendValue(q, value, "m")
	}
	ch.SendAll(q, "without", "without")
	ch.AllConfirmed(2)
	t.Equal(0, len(returns), "messages returned")
	ch.ExpectReady(q, 6)
	held := ch.Fetch(q)
	ch.sendValue(q, "a", "while it is out")
	t.OK(held.Nack(false, true), "requeue")
	ch.sendValue(q, "a", "after it has come back")
	ch.ExpectDrain(q, "m", "m", "m", "m", "without", "without")
	ch.ExpectDrain(grave)
	plain := ch.NewSharedQueueWith(amqp.Table{deduplicationType: false})
	quorum := ch.newQuorum(amqp.Table{deduplicationType: true})
	for _, other := range []string{plain, quorum} {
		ch.sendValue(other, "a", "1")
		ch.sendValue(other, "a", "2")
		ch.await(other, 2)
	}
}

// queueDeduplicationForgets: whatever takes a message out of the queue for good makes room
// for the next with its value.
func queueDeduplicationForgets(t *T) {
	t.needsDeduplication()
	ch := t.Channel().Confirming()
	q := ch.newSingular(nil)
	for _, end := range []func(){
		func() { t.OK(ch.Fetch(q).Ack(false), "ack") },
		func() { t.OK(ch.Fetch(q).Reject(false), "reject") },
		func() { ch.ExpectDrain(q, "m") }, // without acknowledgements
		func() {
			_, err := ch.QueuePurge(q, false)
			t.OK(err, "purge")
		},
		func() {
			c := ch.Subscribe(q, Subscription{NoAck: true})
			c.Expect("m")
			c.Stop()
		},
	} {
		ch.sendValue(q, "a", "m")
		ch.sendValue(q, "a", "again")
		ch.ExpectReady(q, 1)
		end()
	}
	ch.sendValue(q, "a", "m")
	held := ch.Fetch(q)
	_, err := ch.QueuePurge(q, false) // which leaves what is out
	t.OK(err, "purge")
	ch.sendValue(q, "a", "again")
	t.OK(held.Nack(false, true), "requeue")
	ch.ExpectDrain(q, "m")
	short := ch.newSingular(amqp.Table{"x-max-length": int32(1)})
	for _, value := range []string{"a", "b", "a", "b", "b"} {
		ch.sendValue(short, value, value)
	}
	ch.ExpectDrain(short, "b")
	full := ch.newSingular(amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	ch.sendValue(full, "a", "first")
	ch.SendWith("", full, amqp.Publishing{Headers: amqp.Table{"x-deduplication-header": "b"}})
	t.Equal(false, ch.Confirmed().Ack, "confirm of what a full queue rejects")
	ch.ExpectDrain(full, "first")
	ch.sendValue(full, "b", "second")
	ch.ExpectDrain(full, "second")
}

func queueDeduplicationExpires(t *T) {
	t.needsDeduplication()
	ch := t.Channel().Confirming()
	q := ch.newSingular(amqp.Table{"x-message-ttl": int32(1500)}) // time for it to be got, on a busy machine
	ch.sendValue(q, "a", "first")
	held := ch.Fetch(q)
	t.WaitFor("the value to be forgotten though its message is out", func() bool {
		ch.sendValue(q, "a", "second")
		return ch.Inspect(q).Messages > 0
	})
	t.OK(held.Ack(false), "ack")
	t.WaitFor("the second to expire", func() bool { return ch.Inspect(q).Messages == 0 })
	ch.sendValue(q, "a", "third")
}

// queueDeduplicationRestart: what survives a restart does not keep its like out.
func queueDeduplicationRestart(t *T) {
	t.needsDeduplication()
	ch := t.Channel().Confirming()
	q := ch.newSingular(nil)
	ch.sendValue(q, "a", "before")
	for _, restart := range []func(){t.Restart, t.Kill} {
		restart()
		ch = t.Channel().Confirming()
		ch.sendValue(q, "a", "after")
		ch.sendValue(q, "a", "again")
	}
	ch.ExpectDrain(q, "before", "after", "after")
}

func queueDeduplicationRedeclare(t *T) {
	t.needsDeduplication()
	ch := t.Channel().Confirming()
	q := ch.newSingular(nil)
	for _, args := range []amqp.Table{nil, {deduplicationType: false}, {deduplicationType: "yes"}} {
		_, err := ch.QueueDeclare(q, true, false, false, false, args)
		t.OK(err, "declare with another value")
	}
	ch.sendValue(q, "a", "first")
	ch.sendValue(q, "a", "second")
	ch.ExpectDrain(q, "first")
}

func deduplicationPolicy(t *T) {
	t.needsDeduplication()
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	ch.sendValue(q, "a", "before")
	p := t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{deduplicationType: true}})
	t.WaitFor("the policy", func() bool {
		ch.sendValue(q, "probe", "probe")
		n := ch.Inspect(q).Messages
		ch.sendValue(q, "probe", "probe")
		return ch.Inspect(q).Messages == n
	})
	ch.Drain(q)
	ch.sendValue(q, "a", "first")
	ch.sendValue(q, "a", "second")
	t.RemovePolicy(p)
	ch.sendValue(q, "a", "third")
	ch.ExpectDrain(q, "first", "third")

	x := ch.NewExchangeWith(deduplicationType, amqp.Table{"x-cache-size": int32(100)})
	ch.Bind(q, x, "")
	p = t.Policy(Policy{ApplyTo: "exchanges", Definition: map[string]any{"x-cache-size": 2, "x-cache-ttl": 60000}})
	for _, value := range []string{"a", "b", "c", "d", "a", "b", "c", "d"} {
		ch.sendOnce(x, value, value)
	}
	t.Equal(true, ch.Inspect(q).Messages >= 6, "a full cache forgets")
	t.RemovePolicy(p)
	ch.Drain(q)
	for _, value := range []string{"1", "2", "3", "4", "1", "2", "3", "4"} {
		ch.sendOnce(x, value, value)
	}
	ch.ExpectDrain(q, "1", "2", "3", "4")
}

func deduplicationPolicyRefused(t *T) {
	t.needsDeduplication()
	for _, key := range []string{"x-cache-size", "x-cache-ttl"} {
		t.refuses(`"`+key+`" must be an integer greater than 0, got 0`, t.tryPolicy(map[string]any{key: 0}))
		t.refuses(`"`+key+`" must be an integer greater than 0, got <<"1">>`, t.tryPolicy(map[string]any{key: "1"}))
	}
	t.refuses(`"x-message-deduplication" must be a boolean, got 1`, t.tryPolicy(map[string]any{deduplicationType: 1}))
	t.refuses(`"x-cache-persistence" must be either "disk" or "memory", got <<"ram">>`,
		t.tryPolicy(map[string]any{"x-cache-persistence": "ram"}))
	t.OK(t.tryPolicy(map[string]any{
		"x-cache-size": 1, "x-cache-ttl": 1, "x-cache-persistence": "disk", deduplicationType: true,
	}), "set a policy of all keys")
}
