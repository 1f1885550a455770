// Scripts: which messages are dead-lettered, where they go and what they look
// like there (QUEUE-70 to QUEUE-75, QUEUE-84, QUEUE-85).

package scripts

import (
	"fmt"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var deadLetterScripts = []Script{
	{Name: "deadletter/rejected", Covers: []string{"QUEUE-70", "BASIC-60"}, Run: deadRejected},
	{Name: "deadletter/rejected-many-at-once", Covers: []string{"QUEUE-70", "BASIC-56"}, Run: deadRejectedMany},
	{Name: "deadletter/rejected-at-commit", Covers: []string{"QUEUE-70", "BASIC-84", "BASIC-85"}, Run: deadRejectedTx},
	{Name: "deadletter/each-queue-its-own", Covers: []string{"QUEUE-70"}, Run: deadEachQueue},
	{Name: "deadletter/acked-and-requeued-are-not", Covers: []string{"QUEUE-70"}, Run: deadNot},
	{Name: "deadletter/no-exchange-configured", Covers: []string{"QUEUE-71"}, Run: deadNoExchange},
	{Name: "deadletter/exchange-does-not-exist", Covers: []string{"QUEUE-71"}, Run: deadMissingExchange},
	{Name: "deadletter/unroutable", Covers: []string{"QUEUE-71", "QUEUE-85"}, Run: deadUnroutable},
	{Name: "deadletter/key-of-the-message", Covers: []string{"QUEUE-72", "QUEUE-73"}, Run: deadOwnKey},
	{Name: "deadletter/key-of-the-queue", Covers: []string{"QUEUE-72", "QUEUE-73"}, Run: deadQueueKey},
	{Name: "deadletter/empty-key-of-the-queue", Covers: []string{"QUEUE-72"}, Run: deadEmptyKey},
	{Name: "deadletter/default-exchange", Covers: []string{"QUEUE-72", "EXCH-33"}, Run: deadDefaultExchange},
	{Name: "deadletter/exchange-of-each-type", Covers: []string{"QUEUE-72"}, Run: deadExchangeTypes},
	{Name: "deadletter/internal-exchange", Covers: []string{"QUEUE-84", "EXCH-20"}, Run: deadInternal},
	{Name: "deadletter/alternate-exchange", Covers: []string{"QUEUE-72", "EXCH-42"}, Run: deadAlternate},
	{Name: "deadletter/once-per-queue", Covers: []string{"QUEUE-72", "EXCH-32"}, Run: deadOncePerQueue},
	{Name: "deadletter/redelivered-is-reset", Covers: []string{"QUEUE-73", "BASIC-59"}, Run: deadRedelivered},
	{Name: "deadletter/properties", Covers: []string{"QUEUE-74"}, Run: deadProperties},
	{Name: "deadletter/never-expires-again", Covers: []string{"QUEUE-74"}, Run: deadExpiration},
	{Name: "deadletter/to-a-full-queue", Covers: []string{"QUEUE-63"}, Run: deadToFull},
	{Name: "deadletter/to-a-queue-that-rejects", Covers: []string{"QUEUE-65"}, Run: deadToRejecting},
}

// deaths is a message's x-death, the most recent first.
func (t *T) deaths(d amqp.Delivery) []amqp.Table {
	list, ok := d.Headers["x-death"].([]any)
	if !ok {
		t.Fatalf("x-death of %q is %#v", d.Body, d.Headers["x-death"])
	}
	var deaths []amqp.Table
	for _, item := range list {
		table, ok := item.(amqp.Table)
		if !ok {
			t.Fatalf("x-death of %q has %#v", d.Body, item)
		}
		deaths = append(deaths, table)
	}
	return deaths
}

// deathOf is the most recent death of a message.
func (t *T) deathOf(d amqp.Delivery) amqp.Table { return t.deaths(d)[0] }

// summary is where, why and how often a message died.
func summary(death amqp.Table) []any { return []any{death["queue"], death["reason"], death["count"]} }

// expectDeath records a difference unless the message died once and there.
func (t *T) expectDeath(d amqp.Delivery, queue, reason string) {
	deaths := t.deaths(d)
	t.Equal(1, len(deaths), "deaths")
	t.Equal([]any{queue, reason, int64(1)}, summary(deaths[0]), "queue, reason and count of the death")
}

// reject takes the next message of a queue and rejects it for good.
func (ch *Channel) reject(queue string) {
	ch.t.OK(ch.Fetch(queue).Reject(false), "reject")
}

func deadRejected(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	consumer := ch.attend(grave)
	for what, reject := range map[string]func(amqp.Delivery) error{
		"reject": func(d amqp.Delivery) error { return d.Reject(false) },
		"nack":   func(d amqp.Delivery) error { return d.Nack(false, false) },
	} {
		t.Case(what, func() {
			ch.SendAll(q, what)
			t.OK(reject(ch.Fetch(q)), what)
			t.expectDeath(consumer.Expect(what), q, "rejected")
		})
	}
}

func deadRejectedMany(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	bodies := numbered(200)
	ch.SendAll(q, bodies...)
	out := ch.fetchAll(q, len(bodies))
	t.OK(out[9].Nack(true, false), "nack the first ten")
	t.OK(out[10].Nack(false, false), "nack one")
	t.OK(ch.Nack(0, true, false), "nack all others")
	ch.attend(grave).Expect(bodies...)
}

func deadRejectedTx(t *T) {
	ch, other := t.Channel().transacting(), t.Channel()
	q, grave := other.newMortal(nil)
	other.Confirming().Store(q, "a", "b")
	ch.reject(q)
	ch.rollback()
	t.OK(ch.Close(), "close the channel, which requeues")
	other.await(q, 2)
	ch = t.Channel().transacting()
	d := ch.Fetch(q)
	t.OK(d.Nack(false, false), "nack")
	ch.ExpectOpen()
	other.ExpectReady(grave, 0)
	ch.commit()
	t.expectDeath(other.attend(grave).Expect("a"), q, "rejected")
	other.ExpectDrain(q, "b")
}

func deadEachQueue(t *T) {
	ch := t.Channel()
	x, grave := ch.NewExchange("fanout"), ch.NewQueue()
	queues := []string{ch.newMortalTo(grave, nil), ch.newMortalTo(grave, nil), ch.NewQueue()}
	for _, q := range queues {
		ch.Bind(q, x, "")
	}
	ch.Send(x, "", "m")
	consumer := ch.attend(grave)
	for _, q := range queues[:2] {
		ch.reject(q)
		t.expectDeath(consumer.Expect("m"), q, "rejected")
	}
	ch.ExpectDrain(queues[2], "m")
}

func deadNot(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	ch.SendAll(q, "acked", "requeued", "taken", "rejected")
	ch.Acked(ch.Fetch(q))
	t.OK(ch.Fetch(q).Reject(true), "requeue")
	ch.ExpectFlags(q, "requeued*", "taken", "rejected")
	ch.SendAll(q, "rejected")
	ch.reject(q)
	consumer := ch.attend(grave)
	consumer.Expect("rejected")
	consumer.ExpectNoMore()
}

func deadNoExchange(t *T) {
	ch := t.Channel()
	q := ch.NewQueueWith(amqp.Table{"x-max-length": int32(2)})
	ch.SendAll(q, "dropped", "rejected", "b")
	ch.sendFor(ch.NewQueue(), 0, "expired")
	ch.reject(q)
	ch.ExpectDrain(q, "b")
}

func deadMissingExchange(t *T) {
	ch := t.Channel()
	x, grave := t.ExchangeName(), ch.NewQueue()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": x, "x-max-length": int32(2)})
	ch.SendAll(q, "lost by the limit", "lost", "kept")
	ch.reject(q)
	ch.sendFor(q, 0, "lost in time, behind")
	t.Equal("kept", string(ch.Fetch(q).Body), "the only one left")
	ch.ExpectDrain(q)
	t.OK(ch.ExchangeDeclare(x, "fanout", true, false, false, false, nil), "declare the exchange at last")
	ch.Bind(grave, x, "")
	ch.SendAll(q, "saved")
	ch.reject(q)
	consumer := ch.attend(grave)
	consumer.Expect("saved")
	t.OK(ch.ExchangeDelete(x, false, false), "delete the exchange")
	ch.SendAll(q, "lost again")
	ch.reject(q)
	ch.ExpectDrain(q)
	consumer.ExpectNoMore()
}

// What was published as mandatory is not returned when its dead letter finds
// no queue.
func deadUnroutable(t *T) {
	ch := t.Channel()
	x := ch.NewExchange("direct")
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": x})
	ch.SendMandatory("", q, "a")
	ch.SendMandatory("", q, "b")
	ch.reject(q)
	ch.reject(q)
	ch.ExpectOpen()
	if r, ok := ch.TakeReturn(); ok {
		t.Errorf("return of %q", r.Body)
	}
}

func deadOwnKey(t *T) {
	ch := t.Channel()
	x, dlx, grave := ch.NewExchange("topic"), ch.NewExchange("direct"), ch.NewQueue()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx})
	ch.Bind(q, x, "#")
	ch.Bind(grave, dlx, "a.b")
	ch.Send(x, "a.c", "not bound")
	ch.Send(x, "a.b", "bound")
	ch.reject(q)
	ch.reject(q)
	d := ch.attend(grave).Expect("bound")
	t.Equal([]string{dlx, "a.b"}, []string{d.Exchange, d.RoutingKey}, "exchange and key of the dead letter")
}

func deadQueueKey(t *T) {
	ch := t.Channel()
	x, dlx, grave, other := ch.NewExchange("topic"), ch.NewExchange("direct"), ch.NewQueue(), ch.NewQueue()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx, "x-dead-letter-routing-key": "dead"})
	ch.Bind(q, x, "#")
	ch.Bind(grave, dlx, "dead")
	ch.Bind(other, dlx, "a.b")
	ch.Send(x, "a.b", "m")
	ch.reject(q)
	d := ch.attend(grave).Expect("m")
	t.Equal([]string{dlx, "dead"}, []string{d.Exchange, d.RoutingKey}, "exchange and key of the dead letter")
	ch.ExpectDrain(other)
}

// An empty key is a key.
func deadEmptyKey(t *T) {
	ch := t.Channel()
	dlx, grave := ch.NewExchange("direct"), ch.NewQueue()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx, "x-dead-letter-routing-key": ""})
	ch.Bind(grave, dlx, "")
	ch.SendAll(q, "m")
	ch.reject(q)
	t.Equal("", ch.attend(grave).Expect("m").RoutingKey, "key of the dead letter")
}

// The default exchange finds the queue that has the message's own key.
func deadDefaultExchange(t *T) {
	ch := t.Channel()
	x, grave := ch.NewExchange("fanout"), ch.NewQueue()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": ""})
	ch.Bind(q, x, "")
	ch.Send(x, grave, "m")
	ch.reject(q)
	d := ch.attend(grave).Expect("m")
	t.Equal([]string{"", grave}, []string{d.Exchange, d.RoutingKey}, "exchange and key of the dead letter")
}

func deadExchangeTypes(t *T) {
	ch := t.Channel()
	for _, kind := range []string{"direct", "topic", "fanout", "headers"} {
		t.Case(kind, func() {
			dlx, grave := ch.NewExchange(kind), ch.NewQueue()
			q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx})
			t.OK(ch.QueueBind(grave, q, dlx, false, amqp.Table{"k": "v"}), "bind")
			ch.SendWith("", q, amqp.Publishing{Headers: amqp.Table{"k": "v"}, Body: []byte(kind)})
			ch.reject(q)
			t.expectDeath(ch.attend(grave).Expect(kind), q, "rejected")
		})
	}
}

func deadInternal(t *T) {
	ch := t.Channel()
	x, grave := t.ExchangeName(), ch.NewQueue()
	t.OK(ch.ExchangeDeclare(x, "fanout", true, false, true, false, nil), "declare an internal exchange")
	ch.Bind(grave, x, "")
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": x})
	ch.SendAll(q, "m")
	ch.reject(q)
	ch.attend(grave).Expect("m")
}

func deadAlternate(t *T) {
	ch := t.Channel()
	alternate, grave := ch.NewExchange("fanout"), ch.NewQueue()
	ch.Bind(grave, alternate, "")
	dlx := ch.NewExchangeWith("direct", amqp.Table{"alternate-exchange": alternate})
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx})
	ch.SendAll(q, "m")
	ch.reject(q)
	t.Equal(dlx, ch.attend(grave).Expect("m").Exchange, "exchange of the dead letter")
}

func deadOncePerQueue(t *T) {
	ch := t.Channel()
	dlx, via, grave := ch.NewExchange("topic"), ch.NewExchange("fanout"), ch.NewQueue()
	ch.Bind(grave, dlx, "#", "*.b", "a.*")
	ch.BindExchange(via, dlx, "#")
	ch.Bind(grave, via, "")
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx, "x-dead-letter-routing-key": "a.b"})
	ch.SendAll(q, "a", "b")
	ch.reject(q)
	ch.reject(q)
	consumer := ch.attend(grave)
	consumer.Expect("a", "b")
	consumer.ExpectNoMore()
}

func deadRedelivered(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	ch.SendAll(q, "m")
	t.OK(ch.Fetch(q).Reject(true), "requeue")
	d := ch.Fetch(q)
	t.Equal(true, d.Redelivered, "redelivered")
	if t.Version().AtLeast(4, 3, 0) {
		// One that waits in a classic queue is marked by mistake, as DIFFERENCES.md says.
		dead := ch.attend(grave)
		t.OK(d.Reject(false), "reject")
		t.Equal(false, dead.Expect("m").Redelivered, "redelivered as a dead letter")
		return
	}
	t.OK(d.Reject(false), "reject")
	t.Equal(false, ch.attend(grave).Expect("m").Redelivered, "redelivered as a dead letter")
}

func deadProperties(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	sent := amqp.Publishing{
		Headers:     amqp.Table{"a": "b", "n": int32(7), "list": []any{"x", int64(2)}},
		ContentType: "text/plain", ContentEncoding: "identity", DeliveryMode: 2, Priority: 5,
		CorrelationId: "correlation", ReplyTo: "reply", Expiration: "20", MessageId: "message",
		Timestamp: time.Unix(1500000000, 0), Type: "type", UserId: t.URI().Username, AppId: "app",
		Body: []byte("m"),
	}
	ch.SendWith("", q, sent)
	d := ch.attend(grave).Expect("m")
	sent.Expiration = ""
	t.Equal(fmt.Sprint(sent.ContentType, sent.ContentEncoding, sent.DeliveryMode, sent.Priority, sent.CorrelationId,
		sent.ReplyTo, sent.Expiration, sent.MessageId, sent.Timestamp.Unix(), sent.Type, sent.UserId, sent.AppId),
		fmt.Sprint(d.ContentType, d.ContentEncoding, d.DeliveryMode, d.Priority, d.CorrelationId,
			d.ReplyTo, d.Expiration, d.MessageId, d.Timestamp.Unix(), d.Type, d.UserId, d.AppId), "properties")
	for name, value := range sent.Headers {
		t.Equal(value, d.Headers[name], "header "+name)
	}
	var added []string
	for name := range d.Headers {
		if _, there := sent.Headers[name]; !there {
			added = append(added, name)
		}
	}
	slices.Sort(added)
	t.Equal(t.deathHeaders(), added, "headers that dead-lettering adds")
}

// deathHeaders are the names of the headers that dead-lettering adds (QUEUE-79).
func (t *T) deathHeaders() []string {
	names := []string{"x-death", "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason"}
	if t.Version().AtLeast(3, 13, 0) {
		names = append(names, "x-last-death-exchange", "x-last-death-queue", "x-last-death-reason")
	}
	return names
}

func deadExpiration(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	ch.sendFor(q, 20, "m")
	ch.await(grave, 1)
	ch.pass(50)
	ch.ExpectDrain(grave, "m")
}

// A dead letter takes part in the limits of the queue that it comes to.
func deadToFull(t *T) {
	ch := t.Channel()
	grave, last := ch.newMortal(amqp.Table{"x-max-length": int32(1)})
	q := ch.newMortalTo(grave, nil)
	ch.SendAll(q, "a", "b")
	ch.reject(q)
	ch.reject(q)
	d := ch.attend(last).Expect("a")
	t.Equal([]any{grave, "maxlen", int64(1)}, summary(t.deathOf(d)), "the newest death")
	ch.ExpectDrain(grave, "b")
}

// One that is rejected there is lost. What the other queue has of the last one
// shows that the one before has come to both.
func deadToRejecting(t *T) {
	ch := t.Channel()
	dlx, other := ch.NewExchange("fanout"), ch.NewQueue()
	full := ch.NewQueueWith(amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	ch.Bind(full, dlx, "")
	ch.Bind(other, dlx, "")
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx})
	ch.SendAll(q, "a", "b", "c")
	for range 3 {
		ch.reject(q)
	}
	ch.attend(other).Expect("a", "b", "c")
	ch.ExpectReady(full, 1)
	t.Equal("a", string(ch.Fetch(full).Body), "the message in the full queue")
}
