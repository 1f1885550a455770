// Scripts: alternate exchanges (EXCH-42 to EXCH-44), and the headers CC and
// BCC (EXCH-45, EXCH-46).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var exchangeAlternateScripts = []Script{
	{Name: "alternate/takes-what-is-unroutable", Covers: []string{"EXCH-42", "EXCH-43"}, Run: alternateRoutes},
	{Name: "alternate/counts-as-routed", Covers: []string{"EXCH-43", "BASIC-3"}, Run: alternateMandatory},
	{Name: "alternate/missing", Covers: []string{"EXCH-44"}, Run: alternateMissing},
	{Name: "alternate/chain-and-cycle", Covers: []string{"EXCH-44", "EXCH-28"}, Run: alternateChain},
	{Name: "alternate/behind-a-binding", Covers: []string{"EXCH-42"}, Run: alternateBehindBinding},
	{Name: "alternate/default-exchange", Covers: []string{"EXCH-33", "EXCH-42"}, Run: alternateDefault},
	{Name: "cc/routes", Covers: []string{"EXCH-45"}, Run: ccRoutes},
	{Name: "cc/once-per-queue", Covers: []string{"EXCH-45", "EXCH-32"}, Run: ccOnce},
	{Name: "cc/any-key-routes", Covers: []string{"EXCH-45", "EXCH-42", "BASIC-3"}, Run: ccAnyKey},
	{Name: "cc/wrong-type", Covers: []string{"EXCH-46"}, Run: ccWrongType},
}

// newAlternating declares an exchange that has another as its alternate.
func (ch *Channel) newAlternating(kind, alternate string) string {
	return ch.NewExchangeWith(kind, amqp.Table{"alternate-exchange": alternate})
}

func alternateRoutes(t *T) {
	ch := t.Channel()
	q, rest := ch.NewQueue(), ch.NewQueue()
	alternate := ch.NewExchange("topic")
	x := ch.newAlternating("direct", alternate)
	ch.Bind(q, x, "a.known")
	ch.Bind(rest, alternate, "a.*")
	ch.Send(x, "a.known", "known")
	ch.Send(x, "a.other", "other")
	ch.Send(x, "b.other", "matches neither")
	ch.ExpectDrain(q, "known")
	d := ch.Fetch(rest)
	t.Equal("other", string(d.Body), "body")
	t.Equal(x, d.Exchange, "exchange of the delivery")
	t.Equal("a.other", d.RoutingKey, "routing key of the delivery")
	ch.ExpectDrain(rest)
}

func alternateMandatory(t *T) {
	ch := t.Channel().Confirming()
	q, alternate := ch.NewQueue(), ch.NewExchange("direct")
	x := ch.newAlternating("direct", alternate)
	ch.Bind(q, alternate, "k")
	ch.SendMandatory(x, "k", "routed by the alternate")
	ch.AllConfirmed(1)
	if r, ok := ch.TakeReturn(); ok {
		t.Errorf("returned although the alternate exchange routed it: %v", r.ReplyText)
	}
	ch.SendMandatory(x, "other", "routed by none")
	r := ch.Returned()
	t.Equal("routed by none", string(r.Body), "body of the return")
	t.Equal(x, r.Exchange, "exchange of the return")
	t.Equal("other", r.RoutingKey, "routing key of the return")
	ch.ExpectDrain(q, "routed by the alternate")
}

func alternateMissing(t *T) {
	ch := t.Channel()
	x := ch.newAlternating("direct", t.Name("absent"))
	ch.Send(x, "k", "dropped")
	ch.SendMandatory(x, "k", "returned")
	t.Equal("returned", string(ch.Returned().Body), "body of the return")
	ch.ExpectOpen()
}

func alternateChain(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	first, second, third := t.ExchangeName(), t.ExchangeName(), t.ExchangeName()
	for name, alternate := range map[string]string{first: second, second: third, third: first} {
		t.OK(declareExchange(name, "direct", amqp.Table{"alternate-exchange": alternate})(ch), "declare")
	}
	ch.Bind(q, third, "k")
	ch.Send(first, "k", "by the second alternate")
	ch.Send(second, "k", "by the first alternate")
	ch.SendMandatory(first, "other", "round in a circle")
	t.Equal("round in a circle", string(ch.Returned().Body), "body of the return")
	ch.ExpectDrain(q, "by the second alternate", "by the first alternate")
}

func alternateBehindBinding(t *T) {
	ch := t.Channel()
	q, rest := ch.NewQueue(), ch.NewQueue()
	alternate, source := ch.NewExchange("fanout"), ch.NewExchange("fanout")
	inner := ch.newAlternating("direct", alternate)
	ch.BindExchange(inner, source, "")
	ch.Bind(q, source, "")
	ch.Bind(rest, alternate, "")
	ch.Send(source, "k", "m")
	ch.ExpectDrain(q, "m")
	ch.ExpectDrain(rest, "m")
}

// alternateDefault has the default exchange as an alternate: only what is
// published there itself goes to the queue that the key names.
func alternateDefault(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	x := ch.newAlternating("direct", "")
	ch.Send(x, q, "dropped")
	ch.SendMandatory(x, q, "returned")
	t.Equal("returned", string(ch.Returned().Body), "body of the return")
	ch.Send("", q, "direct")
	ch.ExpectDrain(q, "direct")
}

func ccRoutes(t *T) {
	ch := t.Channel()
	x := ch.NewExchange("direct")
	queues := map[string]string{}
	for _, key := range []string{"to", "cc1", "cc2", "bcc", "skipped"} {
		queues[key] = ch.NewQueue()
		ch.Bind(queues[key], x, key)
	}
	cc := []any{"cc1", int32(7), "cc2"}
	ch.SendWith(x, "to", amqp.Publishing{
		Headers: amqp.Table{"CC": cc, "BCC": []any{"bcc"}, "other": "stays"},
		Body:    []byte("m"),
	})
	for _, key := range []string{"to", "cc1", "cc2", "bcc"} {
		t.Case(key, func() {
			d := ch.Fetch(queues[key])
			t.Equal("to", d.RoutingKey, "routing key of the delivery")
			t.Equal(amqp.Table{"CC": cc, "other": "stays"}, d.Headers, "headers of the delivery")
		})
	}
	ch.ExpectDrain(queues["skipped"])
}

func ccOnce(t *T) {
	ch := t.Channel()
	q, second := ch.NewQueue(), ch.NewQueue()
	ch.SendWith("", q, amqp.Publishing{
		Headers: amqp.Table{"CC": []any{q, second, second}, "BCC": []any{second, q}},
		Body:    []byte("once"),
	})
	ch.ExpectDrain(q, "once")
	ch.ExpectDrain(second, "once")
}

func ccAnyKey(t *T) {
	ch := t.Channel().Confirming()
	q, rest, alternate := ch.NewQueue(), ch.NewQueue(), ch.NewExchange("fanout")
	x := ch.newAlternating("direct", alternate)
	ch.Bind(q, x, "cc")
	ch.Bind(rest, alternate, "")
	p := amqp.Publishing{Headers: amqp.Table{"CC": []any{"cc"}, "BCC": []any{"none"}}, Body: []byte("m")}
	t.OK(ch.Publish(x, "none", true, false, p), "publish")
	ch.AllConfirmed(1)
	ch.ExpectDrain(q, "m")
	ch.ExpectDrain(rest)
	t.OK(ch.Publish(ch.NewExchange("direct"), "none", true, false, p), "publish")
	t.Equal(amqp.Table{"CC": []any{"cc"}}, ch.Returned().Headers, "headers of the return")
}

func ccWrongType(t *T) {
	q := t.Channel().NewQueue()
	for _, header := range []string{"CC", "BCC"} {
		for kind, value := range map[string]any{"longstr": "key", "signedint": int32(1), "table": amqp.Table{}, "void": nil} {
			t.ExpectError(406, fmt.Sprintf(`invalid message: {unacceptable_type_in_header,"%s",%s}`, header, kind), func(ch *Channel) error {
				return ch.Publish("", q, false, false, amqp.Publishing{Headers: amqp.Table{header: value}})
			})
		}
	}
}
