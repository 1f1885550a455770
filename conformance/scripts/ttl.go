// Scripts: messages that expire (QUEUE-52 to QUEUE-55). Time is told by the
// broker: what expires is seen where it is dead-lettered, and a script that
// must let time pass waits for a message that expires meanwhile.

package scripts

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var ttlScripts = []Script{
	{Name: "ttl/queue", Covers: []string{"QUEUE-52", "QUEUE-70"}, Run: ttlQueue},
	{Name: "ttl/message", Covers: []string{"QUEUE-52", "BASIC-6"}, Run: ttlMessage},
	{Name: "ttl/the-lower-one-counts", Covers: []string{"QUEUE-52", "QUEUE-77"}, Run: ttlLower},
	{Name: "ttl/not-before-its-time", Covers: []string{"QUEUE-52"}, Run: ttlNotBefore},
	{Name: "ttl/counts-from-entering-the-queue", Covers: []string{"QUEUE-52"}, Run: ttlFromEntry},
	{Name: "ttl/many-at-once", Covers: []string{"QUEUE-52", "QUEUE-53"}, Run: ttlMany},
	{Name: "ttl/oldest-first", Covers: []string{"QUEUE-53"}, Run: ttlOrder},
	{Name: "ttl/only-at-the-head", Covers: []string{"QUEUE-53"}, Run: ttlOnlyAtHead},
	{Name: "ttl/expired-is-never-delivered", Covers: []string{"QUEUE-53"}, Run: ttlNeverDelivered},
	{Name: "ttl/expired-while-the-consumer-was-busy", Covers: []string{"QUEUE-53"}, Run: ttlBusyConsumer},
	{Name: "ttl/expired-behind-is-dropped-with-a-get", Covers: []string{"QUEUE-53", "BASIC-51"}, Run: ttlBehindGet},
	{Name: "ttl/shorter-comes-later", Covers: []string{"QUEUE-53"}, Run: ttlShorterLater},
	{Name: "ttl/zero", Covers: []string{"QUEUE-54", "BASIC-21"}, Run: ttlZero},
	{Name: "ttl/zero-to-a-waiting-consumer", Covers: []string{"QUEUE-54"}, Run: ttlZeroConsumer},
	{Name: "ttl/zero-to-a-blocked-consumer", Covers: []string{"QUEUE-54", "BASIC-44"}, Run: ttlZeroBlocked},
	{Name: "ttl/zero-behind-another", Covers: []string{"QUEUE-53", "QUEUE-54"}, Run: ttlZeroBehind},
	{Name: "ttl/unacked-do-not-expire", Covers: []string{"QUEUE-55"}, Run: ttlUnacked},
	{Name: "ttl/requeue-keeps-the-deadline", Covers: []string{"QUEUE-55"}, Run: ttlRequeue},
	{Name: "ttl/requeue-after-the-deadline", Covers: []string{"QUEUE-55"}, Run: ttlRequeueLate},
	{Name: "ttl/consumer-gone-after-the-deadline", Covers: []string{"QUEUE-55", "BASIC-58"}, Run: ttlChannelEnd},
	{Name: "ttl/of-each-queue", Covers: []string{"QUEUE-52"}, Run: ttlEachQueue},
}

// hour is a TTL, in milliseconds, that no script waits for.
const hour = int32(3600 * 1000)

// soon is a TTL, in milliseconds, that leaves the time for a request or two
// before it has passed, also on a busy machine.
const soon = 600

// newMortal declares a queue with these arguments, and another one, the grave,
// to which its dead letters go.
func (ch *Channel) newMortal(args amqp.Table) (queue, grave string) {
	grave = ch.NewQueue()
	return ch.newMortalTo(grave, args), grave
}

// newMortalTo is newMortal with a grave that is there already.
func (ch *Channel) newMortalTo(grave string, args amqp.Table) string {
	all := amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave}
	for name, value := range args {
		all[name] = value
	}
	return ch.NewQueueWith(all)
}

// declare declares a queue for the script's connection alone, under a name that
// is known already: queues may dead-letter to each other.
func (ch *Channel) declare(name string, args amqp.Table) {
	_, err := ch.QueueDeclare(name, false, false, true, false, args)
	ch.t.OK(err, "declare a queue")
}

// attend consumes a queue without acknowledgements.
func (ch *Channel) attend(queue string) *Consumer {
	return ch.Subscribe(queue, Subscription{NoAck: true})
}

// sendFor publishes a message that expires after some milliseconds.
func (ch *Channel) sendFor(queue string, ms int, body string) {
	ch.SendWith("", queue, amqp.Publishing{Expiration: fmt.Sprint(ms), Body: []byte(body)})
}

// pass lets time pass, at least that many milliseconds.
func (ch *Channel) pass(ms int) {
	q, grave := ch.newMortal(nil)
	ch.sendFor(q, ms, "time")
	passed := ch.attend(grave)
	passed.Expect("time")
	passed.ExpectNoMore()
}

func ttlQueue(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(amqp.Table{"x-message-ttl": int32(20)})
	ch.SendAll(q, "m")
	d := ch.attend(grave).Expect("m")
	t.expectDeath(d, q, "expired")
	ch.ExpectReady(q, 0)
}

func ttlMessage(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(nil)
	ch.sendFor(q, 20, "expires")
	ch.AllConfirmed(1)
	d := ch.attend(grave).Expect("expires")
	t.expectDeath(d, q, "expired")
	ch.Store(q, "stays")
	ch.pass(40)
	ch.ExpectDrain(q, "stays")
}

func ttlLower(t *T) {
	ch := t.Channel()
	for _, tc := range []struct{ queue, message int32 }{{hour, 20}, {20, hour}} {
		t.Case(fmt.Sprintf("queue %d, message %d", tc.queue, tc.message), func() {
			q, grave := ch.newMortal(amqp.Table{"x-message-ttl": tc.queue})
			ch.sendFor(q, int(tc.message), "m")
			death := t.deathOf(ch.attend(grave).Expect("m"))
			t.Equal(fmt.Sprint(tc.message), death["original-expiration"], "original-expiration")
		})
	}
}

func ttlNotBefore(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	consumer := ch.attend(grave)
	for _, ms := range []int{1, 2, 5, 30, 100} {
		began := t.runner.clock.Now()
		ch.sendFor(q, ms, "m")
		consumer.Expect("m")
		if took, ttl := t.runner.clock.Now().Sub(began), time.Duration(ms)*time.Millisecond; took < ttl {
			t.Errorf("expired after %v instead of %v", took, ttl)
		}
	}
}

// A message that was in another queue before has its full time in the next.
func ttlFromEntry(t *T) {
	ch := t.Channel()
	last := ch.NewQueue()
	second := ch.newMortalTo(last, amqp.Table{"x-message-ttl": int32(60)})
	first := ch.newMortalTo(second, amqp.Table{"x-message-ttl": int32(60)})
	began := t.runner.clock.Now()
	ch.SendAll(first, "m")
	ch.attend(last).Expect("m")
	if took := t.runner.clock.Now().Sub(began); took < 120*time.Millisecond {
		t.Errorf("through two queues in %v instead of 120ms", took)
	}
}

func ttlOrder(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(amqp.Table{"x-message-ttl": int32(50)})
	bodies := numbered(100)
	ch.SendAll(q, bodies...)
	ch.attend(grave).Expect(bodies...)
}

func ttlOnlyAtHead(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(nil)
	ch.SendAll(q, "stays")
	ch.sendFor(q, 1, "expires behind it")
	ch.AllConfirmed(2)
	ch.pass(30)
	ch.ExpectReady(q, 2)
	ch.ExpectReady(grave, 0)
	ch.Acked(ch.Fetch(q))
	ch.attend(grave).Expect("expires behind it")
	ch.ExpectReady(q, 0)
}

func ttlNeverDelivered(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(nil)
	ch.SendAll(q, "a")
	ch.sendFor(q, 1, "b")
	ch.SendAll(q, "c")
	ch.sendFor(q, 1, "d")
	ch.sendFor(q, 1, "e")
	ch.AllConfirmed(5)
	ch.pass(30)
	consumer := ch.Subscribe(q, Subscription{})
	consumer.Expect("a", "c")
	ch.attend(grave).Expect("b", "d", "e")
	consumer.ExpectNoMore()
}

func ttlBusyConsumer(t *T) {
	ch := t.Channel().qos(1, false)
	q, grave := ch.newMortal(nil)
	consumer := ch.Subscribe(q, Subscription{})
	ch.SendAll(q, "a")
	ch.sendFor(q, 20, "b")
	ch.SendAll(q, "c")
	d := consumer.Expect("a")
	ch.Subscribe(grave, Subscription{}).Expect("b")
	ch.Acked(d)
	consumer.Expect("c")
	consumer.ExpectNoMore()
}

// What becomes the head by a get and has expired goes with that get, which
// does not count it any more.
func ttlBehindGet(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(nil)
	ch.SendAll(q, "a")
	ch.sendFor(q, 1, "b")
	ch.sendFor(q, 1, "c")
	ch.SendAll(q, "d")
	ch.AllConfirmed(4)
	ch.pass(30)
	d := ch.Fetch(q)
	t.Equal("a", string(d.Body), "the first message")
	t.Equal(uint32(1), d.MessageCount, "messages left")
	ch.attend(grave).Expect("b", "c")
	ch.ExpectDrain(q, "d")
}

func ttlShorterLater(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(nil)
	consumer := ch.attend(grave)
	ch.sendFor(q, int(hour), "long")
	ch.sendFor(q, 20, "short")
	ch.AllConfirmed(2)
	_, err := ch.QueuePurge(q, false)
	t.OK(err, "purge")
	ch.sendFor(q, 20, "short again")
	consumer.Expect("short again")
	ch.sendFor(q, 80, "80")
	ch.sendFor(q, 1, "1")
	consumer.Expect("80", "1")
}

func ttlZero(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(amqp.Table{"x-message-ttl": int32(0)})
	consumer := ch.attend(grave)
	ch.Store(q, "queue's")
	t.expectDeath(consumer.Expect("queue's"), q, "expired")
	q = ch.newMortalTo(grave, nil)
	ch.sendFor(q, 0, "message's")
	ch.AllConfirmed(1)
	t.expectDeath(consumer.Expect("message's"), q, "expired")

	plain, zero := ch.NewQueue(), ch.NewQueueWith(amqp.Table{"x-message-ttl": int32(0)})
	ch.sendFor(plain, 0, "gone")
	ch.SendAll(zero, "gone")
	ch.AllConfirmed(2)
	ch.ExpectReady(plain, 0)
	ch.ExpectReady(zero, 0)
}

func ttlZeroConsumer(t *T) {
	ch := t.Channel()
	zero, plain := ch.NewQueueWith(amqp.Table{"x-message-ttl": int32(0)}), ch.NewQueue()
	for _, noAck := range []bool{false, true} {
		one, two := ch.Subscribe(zero, Subscription{NoAck: noAck}), ch.Subscribe(plain, Subscription{NoAck: noAck})
		ch.SendAll(zero, "a", "b", "c")
		ch.sendFor(plain, 0, "d")
		one.Expect("a", "b", "c")
		two.Expect("d")
		one.ExpectNoMore()
		two.ExpectNoMore()
	}
}

func ttlZeroBlocked(t *T) {
	ch := t.Channel().qos(1, false)
	q, grave := ch.newMortal(amqp.Table{"x-message-ttl": int32(0)})
	consumer := ch.Subscribe(q, Subscription{})
	ch.SendAll(q, "delivered", "expired")
	ch.Subscribe(grave, Subscription{}).Expect("expired")
	ch.Acked(consumer.Expect("delivered"))
	consumer.ExpectNoMore()
}

func ttlZeroBehind(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(nil)
	ch.SendAll(q, "stays")
	ch.sendFor(q, 0, "waits for its turn")
	ch.AllConfirmed(2)
	ch.ExpectReady(q, 2)
	ch.ExpectReady(grave, 0)
	consumer := ch.attend(q)
	consumer.Expect("stays")
	ch.attend(grave).Expect("waits for its turn")
	consumer.ExpectNoMore()
}

func ttlUnacked(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	ch.sendFor(q, soon, "taken by get")
	got := ch.Fetch(q)
	consumer := ch.Subscribe(q, Subscription{})
	ch.sendFor(q, soon, "delivered")
	delivered := consumer.Expect("delivered")
	ch.pass(2 * soon)
	ch.ExpectReady(grave, 0)
	ch.Acked(got)
	ch.Acked(delivered)
	ch.ExpectOpen()
	ch.ExpectReady(grave, 0)
}

// The message has a quarter of its time left when it comes back; were its time
// to start anew, what is published then would be the first to expire.
func ttlRequeue(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	other := ch.newMortalTo(grave, nil)
	ch.sendFor(q, soon*4/3, "requeued")
	d := ch.Fetch(q)
	ch.pass(soon)
	t.OK(d.Nack(false, true), "requeue")
	ch.sendFor(other, soon*2/3, "newer")
	ch.attend(grave).Expect("requeued", "newer")
}

func ttlRequeueLate(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	ch.sendFor(q, soon, "late")
	late := ch.Fetch(q)
	ch.SendAll(q, "in time")
	inTime := ch.Fetch(q)
	ch.pass(2 * soon)
	consumer := ch.Subscribe(q, Subscription{})
	t.OK(inTime.Nack(true, true), "requeue both")
	consumer.Expect("in time")
	t.expectDeath(ch.attend(grave).Expect("late"), q, "expired")
	consumer.ExpectNoMore()
	t.Equal("late", string(late.Body), "body of the first")
}

func ttlChannelEnd(t *T) {
	ch, other := t.Channel(), t.Channel()
	q, grave := ch.newMortal(amqp.Table{"x-message-ttl": int32(20)})
	consumer := other.Subscribe(q, Subscription{})
	ch.SendAll(q, "a", "b")
	consumer.Expect("a", "b")
	ch.pass(40)
	t.OK(other.Close(), "close the consumer's channel")
	ch.attend(grave).Expect("a", "b")
	ch.ExpectReady(q, 0)
}

func ttlEachQueue(t *T) {
	ch := t.Channel().Confirming()
	x := ch.NewExchange("fanout")
	short, shortGrave := ch.newMortal(amqp.Table{"x-message-ttl": int32(10)})
	long, longGrave := ch.newMortal(amqp.Table{"x-message-ttl": hour})
	for _, q := range []string{short, long} {
		ch.Bind(q, x, "")
	}
	ch.Send(x, "", "m")
	ch.AllConfirmed(1)
	ch.attend(shortGrave).Expect("m")
	ch.ExpectReady(longGrave, 0)
	ch.ExpectDrain(long, "m")
}

// What expires at one moment is dead-lettered in its order, however much it is.
func ttlMany(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.NewQueue()
	q := ch.NewQueueWith(amqp.Table{
		"x-message-ttl": int32(10 * soon), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave,
	})
	bodies := numbered(2500)
	ch.Store(q, bodies...)
	consumer := ch.Subscribe(grave, Subscription{NoAck: true})
	consumer.Expect(bodies...)
	consumer.ExpectNoMore()
}
