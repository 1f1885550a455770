// Scripts: binding and unbinding queues and exchanges, and the way a message
// takes through bindings (EXCH-22 to EXCH-32).

package scripts

import (
	"fmt"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var exchangeBindingScripts = []Script{
	{Name: "binding/identity", Covers: []string{"EXCH-22"}, Run: bindingIdentity},
	{Name: "binding/missing-ends", Covers: []string{"EXCH-23"}, Run: bindingMissingEnds},
	{Name: "binding/unbind-absent", Covers: []string{"EXCH-24"}, Run: bindingUnbindAbsent},
	{Name: "binding/exclusive-queue-of-another", Covers: []string{"EXCH-25", "QUEUE-18"}, Run: bindingForeignExclusive},
	{Name: "binding/last-declared-queue", Covers: []string{"EXCH-26", "QUEUE-4"}, Run: bindingLastDeclared},
	{Name: "binding/durable-and-transient", Covers: []string{"EXCH-27"}, Run: bindingDurability},
	{Name: "binding/cycles-end", Covers: []string{"EXCH-28", "EXCH-32"}, Run: bindingCycles},
	{Name: "binding/unknown-arguments", Covers: []string{"EXCH-29", "EXCH-22"}, Run: bindingArguments},
	{Name: "binding/reply-to-pseudo-queue", Covers: []string{"EXCH-30"}, Run: bindingReplyTo},
	{Name: "binding/exchange-to-exchange", Covers: []string{"EXCH-31"}, Run: bindingExchanges},
	{Name: "binding/once-per-queue", Covers: []string{"EXCH-32"}, Run: bindingOncePerQueue},
	{Name: "binding/once-per-queue-of-many", Covers: []string{"EXCH-32"}, Run: bindingOnceOfMany},
}

func bindingIdentity(t *T) {
	ch := t.Channel()
	q, x := ch.NewQueue(), ch.NewExchange("direct")
	ch.Bind(q, x, "a", "a", "b")
	ch.Send(x, "a", "a")
	ch.Send(x, "b", "b")
	ch.ExpectDrain(q, "a", "b")
	t.OK(ch.QueueUnbind(q, "a", x, nil), "unbind")
	ch.Send(x, "a", "a: one unbind undoes two equal binds")
	ch.Send(x, "b", "b")
	ch.ExpectDrain(q, "b")
}

func bindingMissingEnds(t *T) {
	ch := t.Channel()
	q, x, none := ch.NewQueue(), ch.NewExchange("direct"), t.Name("none")
	noExchange, noQueue := "no "+t.ExchangeText(none), "no "+t.QueueText(none)
	for what, tc := range map[string]struct {
		text string
		do   func(*Channel) error
	}{
		"queue.bind source":         {noExchange, func(ch *Channel) error { return ch.QueueBind(q, "k", none, false, nil) }},
		"queue.bind queue":          {noQueue, func(ch *Channel) error { return ch.QueueBind(none, "k", x, false, nil) }},
		"queue.bind both":           {noExchange, func(ch *Channel) error { return ch.QueueBind(none, "k", none, false, nil) }},
		"exchange.bind source":      {noExchange, func(ch *Channel) error { return ch.ExchangeBind(x, "k", none, false, nil) }},
		"exchange.bind destination": {noExchange, func(ch *Channel) error { return ch.ExchangeBind(none, "k", x, false, nil) }},
		"exchange.bind both": {noExchange, func(ch *Channel) error {
			return ch.ExchangeBind(t.Name("other"), "k", none, false, nil)
		}},
	} {
		t.Case(what, func() { t.ExpectError(404, tc.text, tc.do) })
	}
}

func bindingUnbindAbsent(t *T) {
	ch := t.Channel()
	q, x, none := ch.NewQueue(), ch.NewExchange("direct"), t.Name("none")
	t.OK(ch.QueueUnbind(q, "k", x, nil), "unbind what is not bound")
	t.OK(ch.QueueUnbind(none, "k", x, nil), "unbind a missing queue")
	t.OK(ch.QueueUnbind(q, "k", none, nil), "unbind from a missing exchange")
	t.OK(ch.ExchangeUnbind(x, "k", "amq.direct", false, nil), "unbind exchanges that are not bound")
	t.OK(ch.ExchangeUnbind(none, "k", x, false, nil), "unbind a missing destination")
	t.OK(ch.ExchangeUnbind(x, "k", none, false, nil), "unbind from a missing source")
}

func bindingForeignExclusive(t *T) {
	owner := t.Dial(amqp.Config{}).Open()
	q := owner.NewQueue()
	owner.Bind(q, "amq.direct", "bound-"+q)
	for what, do := range map[string]func(*Channel) error{
		"bind":   func(ch *Channel) error { return ch.QueueBind(q, "k", "amq.direct", false, nil) },
		"unbind": func(ch *Channel) error { return ch.QueueUnbind(q, "bound-"+q, "amq.direct", nil) },
	} {
		t.Case(what, func() { t.ExpectError(405, t.lockedText(q), do) })
	}
	// The owner is looked at only when there is a binding to remove.
	t.OK(t.Channel().QueueUnbind(q, "absent", "amq.direct", nil), "unbind what is not bound")
}

func bindingLastDeclared(t *T) {
	ch := t.Channel()
	q, x := ch.NewQueue(), ch.NewExchange("direct")
	ch.Bind("", x, "")
	ch.Send(x, q, "the key is the queue's name")
	ch.Send(x, "", "the empty key is not bound")
	ch.ExpectDrain(q, "the key is the queue's name")
	ch.Bind("", x, "k")
	ch.Send(x, "k", "the key as given")
	ch.ExpectDrain(q, "the key as given")
	t.OK(ch.QueueUnbind("", "", x, nil), "unbind by the same shorthand")
	ch.Send(x, q, "unbound")
	ch.ExpectDrain(q)
	for _, do := range []func(*Channel) error{
		func(ch *Channel) error { return ch.QueueBind("", "k", x, false, nil) },
		func(ch *Channel) error { return ch.QueueUnbind("", "k", x, nil) },
	} {
		t.ExpectError(404, "no previously declared queue", do)
	}
}

func bindingDurability(t *T) {
	ch := t.Channel()
	durable, exclusive := ch.NewSharedQueue(), ch.NewQueue()
	x := t.ExchangeName()
	t.OK(ch.ExchangeDeclare(x, "fanout", false, false, false, false, nil), "declare a transient exchange")
	ch.Bind(durable, x, "")
	ch.Bind(exclusive, ch.NewExchange("fanout"), "")
	ch.Send(x, "", "m")
	ch.ExpectDrain(durable, "m")
}

func bindingCycles(t *T) {
	ch := t.Channel()
	q, a, b := ch.NewQueue(), ch.NewExchange("fanout"), ch.NewExchange("fanout")
	ch.BindExchange(a, a, "")
	ch.BindExchange(b, a, "")
	ch.BindExchange(a, b, "")
	ch.Bind(q, a, "")
	ch.Bind(q, b, "")
	ch.Send(a, "", "from a")
	ch.Send(b, "", "from b")
	ch.ExpectDrain(q, "from a", "from b")
}

func bindingArguments(t *T) {
	ch := t.Channel()
	args := amqp.Table{"unknown": "x", "x-match": "no one looks"}
	for _, kind := range []string{"direct", "fanout", "topic"} {
		q, x := ch.NewQueue(), ch.NewExchange(kind)
		ch.Bind(q, x, "")
		ch.BindWith(q, x, args)
		t.OK(ch.QueueUnbind(q, "", x, nil), "unbind the one without arguments")
		ch.Send(x, "", "bound still")
		t.OK(ch.QueueUnbind(q, "", x, args), "unbind the one with arguments")
		ch.Send(x, "", "unbound")
		t.Case(kind, func() { ch.ExpectDrain(q, "bound still") })
	}
}

func bindingReplyTo(t *T) {
	for _, q := range []string{"amq.rabbitmq.reply-to", "amq.rabbitmq.reply-to.someone"} {
		bind := func(ch *Channel) error { return ch.QueueBind(q, "k", "amq.direct", false, nil) }
		unbind := func(ch *Channel) error { return ch.QueueUnbind(q, "k", "amq.direct", nil) }
		if t.Version().AtLeast(4, 2, 0) && strings.HasSuffix(q, ".someone") {
			const text = "cannot bind or unbind to a volatile (direct reply-to) queue"
			t.ExpectError(403, text, bind)
			t.ExpectError(403, text, unbind)
			continue
		}
		t.ExpectError(404, "no "+t.QueueText(q), bind)
		t.OK(unbind(t.Channel()), "unbind")
	}
}

func bindingExchanges(t *T) {
	ch := t.Channel()
	q, source, topic := ch.NewQueue(), ch.NewExchange("fanout"), ch.NewExchange("topic")
	ch.BindExchange(topic, source, "ignored by fanout")
	ch.Bind(q, topic, "*.b")
	ch.Send(source, "a.b", "matches the second exchange")
	ch.Send(source, "a.c", "does not")
	d := ch.Fetch(q)
	t.Equal("matches the second exchange", string(d.Body), "body")
	t.Equal(source, d.Exchange, "exchange of the delivery")
	t.Equal("a.b", d.RoutingKey, "routing key of the delivery")
	ch.ExpectDrain(q)
	t.OK(ch.ExchangeUnbind(topic, "ignored by fanout", source, false, nil), "unbind")
	ch.Send(source, "a.b", "unbound")
	ch.ExpectDrain(q)
}

func bindingOncePerQueue(t *T) {
	ch := t.Channel()
	q, other := ch.NewQueue(), ch.NewQueue()
	x, y, z := ch.NewExchange("topic"), ch.NewExchange("fanout"), ch.NewExchange("fanout")
	ch.Bind(q, x, "#", "a.*", "*.b", "a.b")
	ch.BindExchange(y, x, "a.#")
	ch.BindExchange(z, x, "#.b")
	ch.Bind(q, y, "")
	ch.Bind(q, z, "")
	ch.Bind(other, z, "", "again")
	for i := range 3 {
		ch.Send(x, "a.b", fmt.Sprint(i))
	}
	ch.ExpectDrain(q, "0", "1", "2")
	ch.ExpectDrain(other, "0", "1", "2")
}

func bindingOnceOfMany(t *T) {
	ch := t.Channel()
	x, y := ch.NewExchange("fanout"), ch.NewExchange("topic")
	ch.BindExchange(y, x, "")
	var queues []string
	for i := range 50 {
		q := ch.NewQueue()
		ch.Bind(q, x, "", "again")
		ch.Bind(q, y, "#", "a.#", fmt.Sprint(i))
		queues = append(queues, q)
	}
	ch.Send(x, "a.b", "m")
	ch.Send(y, "c", "n")
	for _, q := range queues {
		ch.ExpectDrain(q, "m", "n")
	}
}
