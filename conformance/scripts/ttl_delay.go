// Scripts: what people build out of TTL and dead-lettering: queues that delay
// messages, and retries with growing pauses.

package scripts

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var ttlDelayScripts = []Script{
	{Name: "delay/by-a-queue", Covers: []string{"QUEUE-52", "QUEUE-70", "QUEUE-73"}, Run: delayQueue},
	{Name: "delay/by-the-message", Covers: []string{"QUEUE-52", "QUEUE-53", "QUEUE-74"}, Run: delayMessage},
	{Name: "delay/of-several-lengths", Covers: []string{"QUEUE-52", "QUEUE-72"}, Run: delayLengths},
	{Name: "delay/retry-by-rejection", Covers: []string{"QUEUE-78", "QUEUE-81"}, Run: delayRetry},
	{Name: "delay/retry-with-growing-pauses", Covers: []string{"QUEUE-78", "QUEUE-82"}, Before: V(4, 0, 0), Run: delayBackOff},
}

// A message waits in a queue that nobody consumes, and comes to work from
// there, under its own routing key.
func delayQueue(t *T) {
	ch := t.Channel()
	work, x := ch.NewQueue(), ch.NewExchange("topic")
	ch.Bind(work, x, "job.#")
	wait, entry := ch.NewQueueWith(amqp.Table{"x-message-ttl": int32(60), "x-dead-letter-exchange": x}), ch.NewExchange("fanout")
	ch.Bind(wait, entry, "")
	consumer := ch.attend(work)
	began := t.runner.clock.Now()
	for _, key := range []string{"job.a", "job.b", "other"} {
		ch.Send(entry, key, key)
	}
	d := consumer.Expect("job.a", "job.b")
	t.Equal([]string{x, "job.b"}, []string{d.Exchange, d.RoutingKey}, "exchange and key of the delivery")
	if took := t.runner.clock.Now().Sub(began); took < 60*time.Millisecond {
		t.Errorf("delayed by %v instead of 60ms", took)
	}
	ch.await(wait, 0)
	consumer.ExpectNoMore()
}

// With delays of their own, messages wait for those in front of them.
func delayMessage(t *T) {
	ch := t.Channel()
	wait, work := ch.newMortal(nil)
	consumer := ch.attend(work)
	ch.sendFor(wait, 10, "10")
	ch.sendFor(wait, 120, "120")
	ch.sendFor(wait, 30, "30")
	ch.sendFor(wait, 200, "200")
	d := consumer.Expect("10", "120", "30", "200")
	t.Equal("", d.Expiration, "expiration of a delayed message")
}

// One queue for each length of delay gives each message its time.
func delayLengths(t *T) {
	ch := t.Channel()
	work := ch.NewQueue()
	consumer := ch.attend(work)
	var queues []string
	for _, ms := range []int32{2 * soon, soon, 1} {
		queues = append(queues, ch.newMortalTo(work, amqp.Table{"x-message-ttl": ms}))
	}
	for i, q := range queues {
		ch.SendAll(q, fmt.Sprint(i))
	}
	consumer.Expect("2", "1", "0")
}

// Work rejects to a waiting queue, which expires back to work: a cycle that
// the rejections keep open, and that counts its rounds.
func delayRetry(t *T) {
	ch := t.Channel()
	work, wait := t.Name("work"), t.Name("wait")
	for name, args := range map[string]amqp.Table{
		work: {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": wait},
		wait: {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": work, "x-message-ttl": int32(10)},
	} {
		ch.declare(name, args)
	}
	consumer := ch.Subscribe(work, Subscription{})
	ch.SendAll(work, "m")
	d := consumer.Expect("m")
	for n := int64(1); n <= 4; n++ {
		t.OK(d.Reject(false), "reject")
		d = consumer.Expect("m")
		deaths := t.deaths(d)
		t.Equal(2, len(deaths), "kinds of deaths")
		t.Equal([]any{wait, "expired", n}, summary(deaths[0]), "the newer death")
		t.Equal([]any{work, "rejected", n}, summary(deaths[1]), "the older death")
		t.Equal(false, d.Redelivered, "redelivered")
	}
	ch.Acked(d)
	ch.ExpectReady(wait, 0)
}

// Work publishes again what failed, with the headers that it came with, to
// wait twice as long each time.
func delayBackOff(t *T) {
	ch := t.Channel()
	wait, work := ch.newMortal(nil)
	consumer := ch.Subscribe(work, Subscription{})
	ch.SendAll(work, "m")
	d := consumer.Expect("m")
	pause := 10
	for n := int64(1); n <= 4; n++ {
		began := t.runner.clock.Now()
		ch.SendWith("", wait, amqp.Publishing{Headers: d.Headers, Expiration: fmt.Sprint(pause), Body: d.Body})
		ch.Acked(d)
		d = consumer.Expect("m")
		if took := t.runner.clock.Now().Sub(began); took < time.Duration(pause)*time.Millisecond {
			t.Errorf("pause %d took %v instead of %dms", n, took, pause)
		}
		death := t.deathOf(d)
		t.Equal([]any{wait, "expired", n}, summary(death), "the death")
		t.Equal("10", death["original-expiration"], "the first pause")
		pause *= 2
	}
	ch.Acked(d)
}
