// Scripts: dead letters with several routing keys (QUEUE-72, QUEUE-73,
// QUEUE-75, QUEUE-77), and those that come back to where they have been
// (QUEUE-81).

package scripts

import (
	amqp "github.com/rabbitmq/amqp091-go"
)

var deadRouteScripts = []Script{
	{Name: "deadletter/carbon-copies", Covers: []string{"QUEUE-72", "QUEUE-73", "EXCH-45"}, Run: deadCarbon},
	{Name: "deadletter/carbon-copies-in-its-history", Covers: []string{"QUEUE-77"}, Run: deadCarbonHistory},
	{Name: "deadletter/key-replaces-carbon-copies", Covers: []string{"QUEUE-75"}, Run: deadCarbonKey},
	{Name: "deadletter/replaced-carbon-copies-stay-so", Covers: []string{"QUEUE-72", "QUEUE-75", "QUEUE-77"}, Run: deadCarbonLater},
	{Name: "deadletter/carbon-copies-later", Covers: []string{"QUEUE-72", "QUEUE-77"}, Run: deadCarbonTwice},
	{Name: "cycle/to-itself", Covers: []string{"QUEUE-81"}, Run: cycleSelf},
	{Name: "cycle/to-itself-by-rejection", Covers: []string{"QUEUE-78", "QUEUE-81"}, Run: cycleSelfRejected},
	{Name: "cycle/of-two", Covers: []string{"QUEUE-81"}, Run: cycleTwo},
	{Name: "cycle/by-the-limit", Covers: []string{"QUEUE-81", "QUEUE-63"}, Run: cycleLimit},
	{Name: "cycle/drops-for-that-queue-only", Covers: []string{"QUEUE-81"}, Run: cycleOthers},
	{Name: "cycle/rejection-opens-it", Covers: []string{"QUEUE-81"}, Run: cycleOpened},
	{Name: "cycle/rejection-before-does-not", Covers: []string{"QUEUE-81"}, Run: cycleRejectedBefore},
	{Name: "cycle/reasons-do-not-matter", Covers: []string{"QUEUE-81", "QUEUE-82"}, Before: V(4, 0, 0), Run: cycleReasons},
}

// copied is a publishing with carbon copies.
func copied(body string, cc, bcc []any) amqp.Publishing {
	headers := amqp.Table{}
	if cc != nil {
		headers["CC"] = cc
	}
	if bcc != nil {
		headers["BCC"] = bcc
	}
	return amqp.Publishing{Headers: headers, Body: []byte(body)}
}

// newGraves declares a direct exchange and a queue bound to it by each key.
func (ch *Channel) newGraves(keys ...string) (exchange string, graves map[string]string) {
	exchange, graves = ch.NewExchange("direct"), map[string]string{}
	for _, key := range keys {
		graves[key] = ch.NewQueue()
		ch.Bind(graves[key], exchange, key)
	}
	return exchange, graves
}

func deadCarbon(t *T) {
	ch := t.Channel()
	dlx, graves := ch.newGraves("key", "cc", "bcc")
	x := ch.NewExchange("fanout")
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx})
	ch.Bind(q, x, "")
	ch.SendWith(x, "key", copied("m", []any{"cc"}, []any{"bcc"}))
	ch.reject(q)
	for key, grave := range graves {
		t.Case(key, func() {
			d := ch.attend(grave).Expect("m")
			t.Equal([]string{dlx, "key"}, []string{d.Exchange, d.RoutingKey}, "exchange and key of the dead letter")
			t.Equal([]any{"cc"}, d.Headers["CC"], "CC")
			_, there := d.Headers["BCC"]
			t.Equal(false, there, "BCC is there")
		})
	}
}

func deadCarbonHistory(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	ch.SendWith("", q, copied("m", []any{"c", "d"}, []any{"b"}))
	ch.reject(q)
	t.Equal([]any{q, "c", "d"}, t.deathOf(ch.attend(grave).Expect("m"))["routing-keys"], "routing-keys")
}

func deadCarbonKey(t *T) {
	ch := t.Channel()
	dlx, graves := ch.newGraves("key", "cc", "bcc", "dead")
	x := ch.NewExchange("fanout")
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx, "x-dead-letter-routing-key": "dead"})
	ch.Bind(q, x, "")
	ch.SendWith(x, "key", copied("m", []any{"cc"}, []any{"bcc"}))
	ch.reject(q)
	d := ch.attend(graves["dead"]).Expect("m")
	for _, key := range []string{"key", "cc", "bcc"} {
		ch.ExpectReady(graves[key], 0)
	}
	_, there := d.Headers["CC"]
	t.Equal(t.Version().AtLeast(3, 13, 0), there, "CC is kept")
	t.Equal([]any{"key", "cc"}, t.deathOf(d)["routing-keys"], "routing-keys")
}

// From the queue that the replaced key led to, the message goes by that key
// alone.
func deadCarbonLater(t *T) {
	ch := t.Channel()
	dlx, graves := ch.newGraves("dead", "cc", "bcc")
	second := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx})
	entry := ch.NewExchange("fanout")
	ch.Bind(second, entry, "")
	first := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": entry, "x-dead-letter-routing-key": "dead"})
	ch.SendWith("", first, copied("m", []any{"cc"}, []any{"bcc"}))
	ch.reject(first)
	ch.rejectAt(second)
	d := ch.attend(graves["dead"]).Expect("m")
	t.Equal("dead", d.RoutingKey, "key")
	t.Equal([]any{"dead"}, t.deathOf(d)["routing-keys"], "routing-keys of the second death")
	ch.ExpectReady(graves["cc"], 0)
	ch.ExpectReady(graves["bcc"], 0)
}

// Keys that are not replaced go on to the next exchange.
func deadCarbonTwice(t *T) {
	ch := t.Channel()
	dlx, graves := ch.newGraves("cc", "bcc")
	second := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx})
	entry := ch.NewExchange("fanout")
	ch.Bind(second, entry, "")
	first := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": entry})
	ch.SendWith("", first, copied("m", []any{"cc"}, []any{"bcc"}))
	ch.reject(first)
	ch.rejectAt(second)
	for _, grave := range graves {
		d := ch.attend(grave).Expect("m")
		t.Equal([]any{first, "cc"}, t.deathOf(d)["routing-keys"], "routing-keys of the second death")
	}
}

func cycleSelf(t *T) {
	ch := t.Channel()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": "", "x-message-ttl": int32(5)})
	ch.SendAll(q, "a", "b")
	ch.await(q, 0)
	ch.pass(20)
	ch.ExpectReady(q, 0)
}

func cycleSelfRejected(t *T) {
	ch := t.Channel()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": ""})
	ch.SendAll(q, "m")
	ch.reject(q)
	for n := int64(1); n <= 5; n++ {
		t.expectDeathCount(ch.rejectAt(q), q, n)
	}
	ch.await(q, 1)
}

// expectDeathCount records a difference unless the message was rejected n
// times, by that queue.
func (t *T) expectDeathCount(d amqp.Delivery, queue string, n int64) {
	deaths := t.deaths(d)
	t.Equal(1, len(deaths), "deaths")
	t.Equal([]any{queue, "rejected", n}, summary(deaths[0]), "the death")
}

func cycleTwo(t *T) {
	ch := t.Channel()
	one, x, witness := t.Name("q"), ch.NewExchange("fanout"), ch.NewQueue()
	two := ch.newMortalTo(one, amqp.Table{"x-message-ttl": int32(5)})
	ch.declare(one, amqp.Table{"x-dead-letter-exchange": x, "x-message-ttl": int32(5)})
	ch.Bind(two, x, "")
	ch.Bind(witness, x, "")
	ch.SendAll(one, "m")
	consumer := ch.attend(witness)
	t.expectDeath(consumer.Expect("m"), one, "expired")
	ch.await(two, 0)
	ch.pass(30)
	consumer.ExpectNoMore()
}

// Two queues that hold one message each and drop to each other: a comes to
// two, where b drives it out, and may not come back; so does b.
func cycleLimit(t *T) {
	ch := t.Channel().Confirming()
	one, x, witness := t.Name("q"), ch.NewExchange("fanout"), ch.NewQueue()
	two := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": x, "x-max-length": int32(1)})
	ch.declare(one, amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": two, "x-max-length": int32(1)})
	ch.Bind(one, x, "")
	ch.Bind(witness, x, "")
	ch.Store(one, "a", "b", "c", "d")
	ch.attend(witness).Expect("a", "b")
	ch.ExpectDrain(two, "c")
	ch.ExpectDrain(one, "d")
}

// Only the queue where it died is left out.
func cycleOthers(t *T) {
	ch := t.Channel()
	dlx, other := ch.NewExchange("fanout"), ch.NewQueue()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx, "x-message-ttl": int32(5)})
	ch.Bind(q, dlx, "")
	ch.Bind(other, dlx, "")
	ch.SendAll(q, "m")
	consumer := ch.attend(other)
	t.expectDeath(consumer.Expect("m"), q, "expired")
	ch.await(q, 0)
	ch.pass(20)
	consumer.ExpectNoMore()
}

// Rejected in the last queue of a chain, the message may go round again, which
// is counted, but comes to an end where it has died since.
func cycleOpened(t *T) {
	ch := t.Channel()
	one, two := ch.loop()
	ch.sendFor(one, 0, "m")
	ch.rejectAt(two)
	ch.await(one, 1)
	d := ch.Fetch(one)
	deaths := t.deaths(d)
	t.Equal([]any{two, "rejected", int64(1)}, summary(deaths[0]), "the newest death")
	t.Equal([]any{one, "expired", int64(1)}, summary(deaths[1]), "the death before")
}

// Newer deaths than the rejection make a cycle of their own.
func cycleRejectedBefore(t *T) {
	ch := t.Channel()
	grave := ch.NewQueue()
	x := ch.NewExchange("fanout")
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": x, "x-message-ttl": int32(10)})
	ch.Bind(q, x, "")
	ch.Bind(grave, x, "")
	first := ch.newMortalTo(q, nil)
	ch.SendAll(first, "m")
	ch.reject(first)
	consumer := ch.attend(grave)
	deaths := t.deaths(consumer.Expect("m"))
	t.Equal([]any{q, "expired", int64(1)}, summary(deaths[0]), "the newest death")
	t.Equal([]any{first, "rejected", int64(1)}, summary(deaths[1]), "the death before")
	ch.await(q, 0)
	ch.pass(30)
	consumer.ExpectNoMore()
}

// That it died of something else there does not matter, save for a rejection.
func cycleReasons(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	source := ch.newMortalTo(q, nil)
	dead := func(body, queue, reason string) {
		ch.SendWith("", source, amqp.Publishing{
			Headers: amqp.Table{"x-death": []any{oldDeath(queue, reason, 1)}}, Expiration: "0", Body: []byte(body),
		})
	}
	dead("in another queue", grave, "expired")
	dead("of the limit", q, "maxlen")
	dead("rejected", q, "rejected")
	dead("of something unknown", q, "expired")
	dead("last", "elsewhere", "expired")
	ch.attend(q).Expect("in another queue", "rejected", "last")
}
