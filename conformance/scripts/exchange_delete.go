// Scripts: deleting exchanges, auto-delete, internal and missing ones (EXCH-5,
// EXCH-16 to EXCH-21).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var exchangeDeleteScripts = []Script{
	{Name: "exchange/delete-system-exchange", Covers: []string{"EXCH-5"}, Run: exchangeDeleteSystem},
	{Name: "exchange/delete-missing", Covers: []string{"EXCH-16"}, Run: exchangeDeleteMissing},
	{Name: "exchange/delete-if-unused", Covers: []string{"EXCH-17"}, Run: exchangeDeleteIfUnused},
	{Name: "exchange/delete-removes-bindings", Covers: []string{"EXCH-18"}, Run: exchangeDeleteBindings},
	{Name: "exchange/auto-delete-on-unbind", Covers: []string{"EXCH-19"}, Run: exchangeAutoDelete},
	{Name: "exchange/auto-delete-with-destination", Covers: []string{"EXCH-19", "QUEUE-28"}, Run: exchangeAutoDeleteWithQueue},
	{Name: "exchange/auto-delete-cascades", Covers: []string{"EXCH-19"}, Run: exchangeAutoDeleteCascades},
	{Name: "exchange/publish-to-internal", Covers: []string{"EXCH-20"}, Run: exchangeInternal},
	{Name: "exchange/publish-to-missing", Covers: []string{"EXCH-21"}, Run: exchangeMissing},
}

func exchangeDeleteSystem(t *T) {
	for _, name := range []string{"amq.direct", "amq.topic", "amq.rabbitmq.trace", t.Name("amq.absent")} {
		t.ExpectError(403, fmt.Sprintf("deletion of system %s not allowed", t.ExchangeText(name)),
			func(ch *Channel) error { return ch.ExchangeDelete(name, false, false) })
	}
}

func exchangeDeleteMissing(t *T) {
	ch := t.Channel()
	t.OK(ch.ExchangeDelete(t.Name("x"), false, false), "delete what is not there")
	t.OK(ch.ExchangeDelete(t.Name("x"), true, false), "delete what is not there, if unused")
}

func exchangeDeleteIfUnused(t *T) {
	ch := t.Channel()
	q, source, destination := ch.NewQueue(), ch.NewExchange("direct"), ch.NewExchange("fanout")
	ch.Bind(q, source, "k")
	ch.BindExchange(destination, source, "k")
	t.ExpectError(406, t.ExchangeText(source)+" in use", func(ch *Channel) error {
		return ch.ExchangeDelete(source, true, false)
	})
	t.OK(ch.QueueUnbind(q, "k", source, nil), "unbind the queue")
	t.ExpectError(406, t.ExchangeText(source)+" in use", func(ch *Channel) error {
		return ch.ExchangeDelete(source, true, false)
	})
	t.OK(ch.ExchangeDelete(destination, true, false), "delete an exchange that is only a destination")
	t.OK(ch.ExchangeDelete(source, true, false), "delete an exchange whose bindings are gone")
}

func exchangeDeleteBindings(t *T) {
	ch := t.Channel()
	q, upper, middle := ch.NewQueue(), ch.NewExchange("fanout"), ch.NewExchange("fanout")
	ch.BindExchange(middle, upper, "")
	ch.Bind(q, middle, "")
	ch.Send(upper, "", "bound")
	ch.ExpectDrain(q, "bound")

	t.OK(ch.ExchangeDelete(middle, false, false), "delete")
	t.OK(declareExchange(middle, "fanout", nil)(ch), "declare anew")
	ch.Send(upper, "", "no binding to it")
	ch.Send(middle, "", "no binding from it")
	ch.ExpectDrain(q)
	t.OK(ch.ExchangeDelete(upper, true, false), "delete if unused")
}

// newAutoDelete declares an auto-delete exchange.
func (ch *Channel) newAutoDelete() string {
	name := ch.t.ExchangeName()
	ch.t.OK(ch.ExchangeDeclare(name, "direct", true, true, false, false, nil), "declare an auto-delete exchange")
	return name
}

func exchangeAutoDelete(t *T) {
	ch := t.Channel()
	q, x := ch.NewQueue(), ch.newAutoDelete()
	t.Equal(true, t.Conn().ExchangeExists(x), "it exists before it was ever bound")
	t.OK(ch.QueueUnbind(q, "a", x, nil), "unbind what is not bound")
	t.Equal(true, t.Conn().ExchangeExists(x), "it exists after a needless unbind")
	ch.Bind(q, x, "a", "b")
	t.OK(ch.QueueUnbind(q, "a", x, nil), "unbind")
	t.Equal(true, t.Conn().ExchangeExists(x), "it exists with one binding left")
	t.OK(ch.QueueUnbind(q, "b", x, nil), "unbind the last")
	t.Equal(false, t.Conn().ExchangeExists(x), "it exists without a binding")
}

func exchangeAutoDeleteWithQueue(t *T) {
	ch := t.Channel()
	q, x := ch.NewQueue(), ch.newAutoDelete()
	ch.Bind(q, x, "a", "b")
	_, err := ch.QueueDelete(q, false, false, false)
	t.OK(err, "delete the queue")
	t.Equal(false, t.Conn().ExchangeExists(x), "it exists after its only destination is gone")
}

func exchangeAutoDeleteCascades(t *T) {
	ch := t.Channel()
	q, first, second, third := ch.NewQueue(), ch.newAutoDelete(), ch.newAutoDelete(), ch.newAutoDelete()
	ch.BindExchange(second, first, "k")
	ch.BindExchange(third, second, "k")
	ch.Bind(q, third, "k")
	t.OK(ch.QueueUnbind(q, "k", third, nil), "unbind")
	for _, x := range []string{third, second, first} {
		t.Equal(false, t.Conn().ExchangeExists(x), "an exchange of the chain exists")
	}
}

func exchangeInternal(t *T) {
	ch := t.Channel()
	q, internal, outer := ch.NewQueue(), t.ExchangeName(), ch.NewExchange("fanout")
	t.OK(ch.ExchangeDeclare(internal, "fanout", true, false, true, false, nil), "declare an internal exchange")
	ch.Bind(q, internal, "")
	ch.BindExchange(internal, outer, "")
	alternating := ch.NewExchangeWith("direct", amqp.Table{"alternate-exchange": internal})
	ch.Send(outer, "", "bound")
	ch.Send(alternating, "", "alternate")
	ch.ExpectDrain(q, "bound", "alternate")
	t.ExpectError(403, fmt.Sprintf("cannot publish to internal %s", t.ExchangeText(internal)), func(ch *Channel) error {
		return ch.Publish(internal, "", false, false, amqp.Publishing{})
	})
}

func exchangeMissing(t *T) {
	x := t.Name("x")
	t.ExpectError(404, "no "+t.ExchangeText(x), func(ch *Channel) error {
		return ch.Publish(x, "k", false, false, amqp.Publishing{Body: []byte("lost")})
	})
}
