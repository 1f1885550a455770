// Scripts: what happens when a delay is over (EXCH-51, EXCH-53 to EXCH-55), and
// ways to a delayed exchange other than a publish.

package scripts

import (
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var exchangeDelayedDueScripts = []Script{
	{Name: "delayed/never-early", Covers: []string{"EXCH-50"}, Run: delayedNeverEarly},
	{Name: "delayed/order", Covers: []string{"EXCH-55"}, Run: delayedOrder},
	{Name: "delayed/arrival-order", Covers: []string{"EXCH-55"}, Run: delayedArrival},
	{Name: "delayed/properties", Covers: []string{"EXCH-51", "EXCH-53"}, Run: delayedProperties},
	{Name: "delayed/negated-header", Covers: []string{"EXCH-51", "TYPES-9"}, Since: V(3, 13, 0), Run: delayedNegated},
	{Name: "delayed/bindings-of-the-end", Covers: []string{"EXCH-53"}, Run: delayedBindings},
	{Name: "delayed/unroutable-at-the-end", Covers: []string{"EXCH-53"}, Run: delayedUnroutable},
	{Name: "delayed/expiration-from-arrival", Covers: []string{"EXCH-53"}, Run: delayedExpiration},
	{Name: "delayed/carbon-copies", Covers: []string{"EXCH-45", "EXCH-53"}, Run: delayedCopies},
	{Name: "delayed/behind-a-binding", Covers: []string{"EXCH-31", "EXCH-53"}, Run: delayedBehindBinding},
	{Name: "delayed/only-once", Covers: []string{"EXCH-51"}, Run: delayedOnce},
	{Name: "delayed/as-an-alternate", Covers: []string{"EXCH-42", "EXCH-53"}, Run: delayedAsAlternate},
	{Name: "delayed/as-a-dead-letter-exchange", Covers: []string{"QUEUE-70", "EXCH-53"}, Run: delayedDeadLetters},
	{Name: "delayed/outlives-its-exchange", Covers: []string{"EXCH-55"}, Run: delayedOutlives},
	{Name: "delayed/dropped-without-its-exchange", Covers: []string{"EXCH-55"}, Run: delayedWithoutExchange},
	{Name: "delayed/full-queue", Covers: []string{"EXCH-53", "QUEUE-65"}, Run: delayedFull},
	{Name: "delayed/restart", Covers: []string{"EXCH-54"}, Alone: true, Run: delayedRestart},
}

func delayedNeverEarly(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("fanout"), ch.NewQueue()
	ch.Bind(q, x, "")
	consumer := ch.attend(q)
	for _, ms := range []int{1, 20, 150} {
		began := t.runner.clock.Now()
		ch.sendDelayed(x, "", ms, "m")
		consumer.Expect("m")
		// The plugin cuts the time of the publish to milliseconds.
		if took := t.runner.clock.Now().Sub(began); took < time.Duration(ms-1)*time.Millisecond {
			t.Errorf("delayed by %v instead of %d ms", took, ms)
		}
	}
}

func delayedOrder(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("fanout"), ch.NewQueue()
	ch.Bind(q, x, "")
	consumer := ch.attend(q)
	ch.sendDelayed(x, "", 4*soon, "last")
	ch.Send(x, "", "at once")
	ch.sendDelayed(x, "", soon, "first")
	ch.sendDelayed(x, "", 2*soon, "second")
	consumer.Expect("at once", "first", "second", "last")
}

// delayedArrival: with one delay for all, messages come in the order in which they
// were published.
func delayedArrival(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("fanout"), ch.NewQueue()
	ch.Bind(q, x, "")
	consumer := ch.attend(q)
	var bodies []string
	for i := range 50 {
		bodies = append(bodies, string(rune('A'+i)))
		ch.sendDelayed(x, "", 100, bodies[i])
	}
	consumer.Expect(bodies...)
}

func delayedProperties(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("topic"), ch.NewQueue()
	ch.Bind(q, x, "a.*")
	p := amqp.Publishing{
		ContentType: "text/plain", ContentEncoding: "none", DeliveryMode: amqp.Persistent, Priority: 3, CorrelationId: "c",
		ReplyTo: "r", Expiration: "60000", MessageId: "m", Timestamp: time.Unix(1700000000, 0), Type: "t", UserId: "guest", AppId: "a",
		Headers: amqp.Table{"x-delay": int32(20), "other": "stays"}, Body: []byte("body"),
	}
	ch.SendWith(x, "a.b", p)
	d := ch.attend(q).Next()
	t.Equal([]string{x, "a.b"}, []string{d.Exchange, d.RoutingKey}, "exchange and key of the delivery")
	t.Equal(false, d.Redelivered, "redelivered")
	t.Equal("stays", d.Headers["other"], "another header")
	got := amqp.Publishing{
		ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: d.DeliveryMode, Priority: d.Priority,
		CorrelationId: d.CorrelationId, ReplyTo: d.ReplyTo, Expiration: d.Expiration, MessageId: d.MessageId,
		Timestamp: time.Unix(d.Timestamp.Unix(), 0), Type: d.Type, UserId: d.UserId, AppId: d.AppId, Headers: p.Headers, Body: d.Body,
	}
	t.Equal(p, got, "properties of the delivery")
}

func delayedNegated(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("fanout"), ch.NewQueue()
	ch.Bind(q, x, "")
	consumer := ch.attend(q)
	for _, c := range []struct {
		sent any
		want int64
	}{{int16(20), -20}, {int64(20), -20}, {20.9, -20}, {"20", -20}, {uint8(20), -20}} {
		ch.SendWith(x, "", amqp.Publishing{Headers: amqp.Table{"b": "2", "x-delay": c.sent, "z": "3"}, Body: []byte("m")})
		t.Equal(amqp.Table{"b": "2", "x-delay": c.want, "z": "3"}, consumer.Next().Headers, "headers of the delivery")
	}
}

func delayedBindings(t *T) {
	ch := t.Channel()
	x, before, after := ch.newDelayed("direct"), ch.NewQueue(), ch.NewQueue()
	ch.Bind(before, x, "k")
	ch.sendDelayed(x, "k", soon, "m")
	t.OK(ch.QueueUnbind(before, "k", x, nil), "unbind")
	ch.Bind(after, x, "k")
	ch.attend(after).Expect("m")
	ch.ExpectDrain(before)
}

func delayedUnroutable(t *T) {
	ch := t.Channel()
	alternate, q, rest := ch.NewExchange("fanout"), ch.NewQueue(), ch.NewQueue()
	x := ch.newDelayedWith("direct", amqp.Table{"alternate-exchange": alternate})
	ch.Bind(q, x, "other")
	ch.sendDelayed(x, "k", soon, "to the alternate")
	ch.Bind(rest, alternate, "")
	d := ch.attend(rest).Expect("to the alternate")
	t.Equal([]string{x, "k"}, []string{d.Exchange, d.RoutingKey}, "exchange and key of the delivery")

	x = ch.newDelayed("direct")
	ch.Bind(q, x, "other")
	p := amqp.Publishing{Headers: amqp.Table{"x-delay": int32(1)}, Body: []byte("dropped")}
	t.OK(ch.Publish(x, "k", true, false, p), "publish")
	ch.sendDelayed(x, "other", 50, "routed")
	ch.Returned()
	ch.attend(q).Expect("routed")
	if _, ok := ch.TakeReturn(); ok {
		t.Errorf("returned again when the delay was over")
	}
}

// delayedExpiration: were the time to live counted from the publish it would be
// over before the delay is.
func delayedExpiration(t *T) {
	ch := t.Channel()
	x := ch.newDelayed("fanout")
	q, grave := ch.newMortal(nil)
	ch.Bind(q, x, "")
	began := t.runner.clock.Now()
	ch.SendWith(x, "", amqp.Publishing{Headers: amqp.Table{"x-delay": int32(soon)}, Expiration: "200", Body: []byte("m")})
	d := ch.attend(grave).Expect("m")
	if took := t.runner.clock.Now().Sub(began); took < (soon+200-1)*time.Millisecond {
		t.Errorf("expired after %v: delay and time to live take half a second", took)
	}
	t.Equal("expired", t.deathOf(d)["reason"], "reason of the death")
}

func delayedCopies(t *T) {
	ch := t.Channel()
	x := ch.newDelayed("direct")
	queues := map[string]string{}
	for _, key := range []string{"to", "cc", "bcc"} {
		queues[key] = ch.NewQueue()
		ch.Bind(queues[key], x, key)
	}
	ch.SendWith(x, "to", amqp.Publishing{
		Headers: amqp.Table{"CC": []any{"cc"}, "BCC": []any{"bcc"}, "x-delay": int32(20)}, Body: []byte("m"),
	})
	for key, q := range queues {
		t.Case(key, func() {
			d := ch.attend(q).Expect("m")
			t.Equal("to", d.RoutingKey, "routing key of the delivery")
			_, blind := d.Headers["BCC"]
			t.Equal(false, blind, "BCC is in the headers")
		})
	}
}

func delayedBehindBinding(t *T) {
	ch := t.Channel().Confirming()
	source, x, direct, q := ch.NewExchange("fanout"), ch.newDelayed("direct"), ch.NewQueue(), ch.NewQueue()
	ch.Bind(direct, source, "")
	ch.BindExchange(x, source, "")
	ch.Bind(q, x, "k")
	p := amqp.Publishing{Headers: amqp.Table{"x-delay": int32(soon)}, Body: []byte("m")}
	t.OK(ch.Publish(source, "k", true, false, p), "publish")
	ch.AllConfirmed(1)
	ch.ExpectDrain(direct, "m")
	d := ch.attend(q).Expect("m")
	t.Equal([]string{source, "k"}, []string{d.Exchange, d.RoutingKey}, "exchange and key of the delivery")
	ch.ExpectDrain(direct)
	if _, ok := ch.TakeReturn(); ok {
		t.Errorf("returned although a queue got it at once")
	}
}

// delayedOnce: what was delayed is not delayed again further on, or it would come
// behind what is due between the two delays.
func delayedOnce(t *T) {
	ch := t.Channel()
	first, second, q := ch.newDelayed("fanout"), ch.newDelayed("fanout"), ch.NewQueue()
	ch.BindExchange(second, first, "")
	ch.Bind(q, second, "")
	ch.sendDelayed(first, "", soon, "through both")
	ch.sendDelayed(second, "", soon*3/2, "through the second")
	ch.attend(q).Expect("through both", "through the second")
}

func delayedAsAlternate(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("fanout"), ch.NewQueue()
	first := ch.newAlternating("direct", x)
	ch.Bind(q, x, "")
	p := amqp.Publishing{Headers: amqp.Table{"x-delay": int32(50)}, Body: []byte("m")}
	t.OK(ch.Publish(first, "k", true, false, p), "publish")
	t.Equal("m", string(ch.Returned().Body), "body of the return")
	d := ch.attend(q).Expect("m")
	t.Equal([]string{first, "k"}, []string{d.Exchange, d.RoutingKey}, "exchange and key of the delivery")
}

func delayedDeadLetters(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("direct"), ch.NewQueue()
	mortal := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": x, "x-dead-letter-routing-key": "k"})
	ch.Bind(q, x, "k")
	consumer := ch.attend(q)
	ch.SendWith("", mortal, amqp.Publishing{Headers: amqp.Table{"x-delay": int32(100)}, Body: []byte("m")})
	began := t.runner.clock.Now()
	t.OK(ch.Fetch(mortal).Reject(false), "reject")
	d := consumer.Expect("m")
	if took := t.runner.clock.Now().Sub(began); took < 99*time.Millisecond {
		t.Errorf("delayed by %v instead of 100 ms", took)
	}
	t.Equal([]string{x, "k"}, []string{d.Exchange, d.RoutingKey}, "exchange and key of the delivery")
	t.Equal("rejected", t.deathOf(d)["reason"], "reason of the death")
}

// delayedOutlives: what waits when an exchange is deleted goes by what bears its
// name in the end.
func delayedOutlives(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("direct"), ch.NewQueue()
	ch.Bind(q, x, "k")
	ch.sendDelayed(x, "k", 2*soon, "m")
	t.OK(ch.ExchangeDelete(x, false, false), "delete")
	t.OK(ch.ExchangeDeclare(x, delayedKind, true, false, false, false, amqp.Table{"x-delayed-type": "direct"}), "declare again")
	consumer := ch.attend(q)
	ch.Bind(q, x, "k")
	consumer.Expect("m")
}

// delayedWithoutExchange: nothing but the alternate of an exchange that is gone is
// left to route by.
func delayedWithoutExchange(t *T) {
	ch := t.Channel()
	alternate, q, rest := ch.NewExchange("fanout"), ch.NewQueue(), ch.NewQueue()
	x := ch.newDelayedWith("direct", amqp.Table{"alternate-exchange": alternate})
	ch.Bind(q, x, "k")
	ch.sendDelayed(x, "k", soon, "m")
	t.OK(ch.ExchangeDelete(x, false, false), "delete")
	ch.Bind(rest, alternate, "")
	ch.attend(rest).Expect("m")
	ch.ExpectDrain(q)
}

func delayedFull(t *T) {
	ch := t.Channel().Confirming()
	x := ch.newDelayed("fanout")
	q, marker := ch.NewQueueWith(amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"}), ch.NewQueue()
	ch.Bind(q, x, "")
	ch.Bind(marker, x, "")
	for _, body := range []string{"1", "2", "3"} {
		ch.sendDelayed(x, "", 20, body)
	}
	ch.AllConfirmed(3)
	ch.attend(marker).Expect("1", "2", "3")
	ch.ExpectDrain(q, "1")
}

// delayedRestart: what waits survives whatever its delivery mode, and what fell due
// meanwhile comes in order of that.
func delayedRestart(t *T) {
	const up = 2500 // milliseconds: while the broker is down, or soon after
	ch := t.Channel().Confirming()
	x, q := ch.newDelayed("direct"), ch.NewSharedQueue()
	ch.Bind(q, x, "k")
	ch.sendDelayed(x, "k", up+soon, "2")
	ch.sendDelayed(x, "k", up+2*soon, "3")
	ch.SendWith(x, "k", amqp.Publishing{Headers: amqp.Table{"x-delay": int32(up)}, DeliveryMode: amqp.Persistent, Body: []byte("1")})
	ch.AllConfirmed(3)
	t.Restart()
	t.Channel().attend(q).Expect("1", "2", "3")
}
