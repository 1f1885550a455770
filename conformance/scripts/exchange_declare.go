// Scripts: which exchanges a virtual host has, their names, and what declaring
// one checks (EXCH-1 to EXCH-14).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var exchangeDeclareScripts = []Script{
	{Name: "exchange/predeclared", Covers: []string{"EXCH-1", "EXCH-3"}, Run: exchangesPredeclared},
	{Name: "exchange/line-breaks-in-names", Covers: []string{"EXCH-2"}, Run: exchangeNameLineBreaks},
	{Name: "exchange/any-other-character-in-names", Covers: []string{"EXCH-2"}, Run: exchangeNameCharacters},
	{Name: "exchange/reserved-prefix", Covers: []string{"EXCH-3"}, Run: exchangeReservedPrefix},
	{Name: "exchange/default-exchange-is-untouchable", Covers: []string{"EXCH-4", "EXCH-24"}, Run: exchangeDefaultUntouchable},
	{Name: "exchange/order-of-checks", Covers: []string{"EXCH-6"}, Run: exchangeOrderOfChecks},
	{Name: "exchange/unknown-type", Covers: []string{"EXCH-7"}, Run: exchangeUnknownType},
	{Name: "exchange/invalid-type", Covers: []string{"EXCH-8"}, Run: exchangeInvalidType},
	{Name: "exchange/type-of-a-plugin-that-is-off", Covers: []string{"EXCH-9"}, Run: exchangePluginType},
	{Name: "exchange/redeclare-equivalent", Covers: []string{"EXCH-10", "EXCH-11"}, Run: exchangeRedeclareEquivalent},
	{Name: "exchange/redeclare-inequivalent", Covers: []string{"EXCH-10"}, Run: exchangeRedeclareInequivalent},
	{Name: "exchange/redeclare-alternate", Covers: []string{"EXCH-11"}, Run: exchangeRedeclareAlternate},
	{Name: "exchange/alternate-of-wrong-type", Covers: []string{"EXCH-12"}, Run: exchangeAlternateType},
	{Name: "exchange/passive-declare", Covers: []string{"EXCH-13"}, Run: exchangePassive},
	{Name: "exchange/declare-no-wait", Covers: []string{"EXCH-14"}, Run: exchangeNoWait},
}

// declareExchange gives a declare of a durable exchange.
func declareExchange(name, kind string, args amqp.Table) func(*Channel) error {
	return func(ch *Channel) error { return ch.ExchangeDeclare(name, kind, true, false, false, false, args) }
}

func exchangesPredeclared(t *T) {
	ch := t.Channel()
	for name, kind := range map[string]string{
		"amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic",
		"amq.headers": "headers", "amq.match": "headers",
	} {
		t.OK(declareExchange(name, kind, nil)(ch), "redeclare "+name)
	}
	t.OK(ch.ExchangeDeclare("amq.rabbitmq.trace", "topic", true, false, true, false, nil), "redeclare the trace exchange")
}

func exchangeNameLineBreaks(t *T) {
	ch := t.Channel()
	q, name := ch.NewQueue(), t.ExchangeName()
	broken := name[:1] + "\r\n" + name[1:] + "\n"
	t.OK(declareExchange(broken, "fanout", nil)(ch), "declare")
	t.Equal(true, t.Conn().ExchangeExists(name), "the name without its line breaks exists")
	ch.Bind("\r"+q, broken, "")
	ch.Send(name, "", "bound")
	ch.ExpectDrain(q, "bound")
	t.OK(ch.QueueUnbind(q+"\n", "", broken, nil), "unbind")
	ch.Send(name, "", "unbound")
	ch.ExpectDrain(q)
	t.OK(ch.ExchangeDelete(broken, false, false), "delete")
	t.Equal(false, t.Conn().ExchangeExists(name), "the name without its line breaks exists after the delete")
}

func exchangeNameCharacters(t *T) {
	ch := t.Channel()
	for _, part := range []string{" ", "\t", "/", "#*.", "'\"", "é", "\x00", "世界"} {
		name := t.ExchangeName() + part
		t.exchanges = append(t.exchanges, name)
		t.OK(declareExchange(name, "direct", nil)(ch), fmt.Sprintf("declare %q", name))
		t.Equal(true, t.Conn().ExchangeExists(name), fmt.Sprintf("%q exists", name))
	}
}

func exchangeReservedPrefix(t *T) {
	name := t.Name("amq.x")
	t.ExpectError(403, fmt.Sprintf("exchange name '%s' contains reserved prefix 'amq.*'", name),
		declareExchange(name, "direct", nil))
	t.OK(t.Channel().ExchangeDeclarePassive("amq.topic", "", false, false, false, false, nil), "passive declare")
}

func exchangeDefaultUntouchable(t *T) {
	q := t.Channel().NewQueue()
	for what, do := range map[string]func(*Channel) error{
		"declare": declareExchange("", "direct", nil),
		"passive": func(ch *Channel) error {
			return ch.ExchangeDeclarePassive("", "direct", true, false, false, false, nil)
		},
		"delete":             func(ch *Channel) error { return ch.ExchangeDelete("", false, false) },
		"queue.bind":         func(ch *Channel) error { return ch.QueueBind(q, "k", "", false, nil) },
		"queue.unbind":       func(ch *Channel) error { return ch.QueueUnbind(q, "k", "", nil) },
		"bind source":        func(ch *Channel) error { return ch.ExchangeBind("amq.direct", "k", "", false, nil) },
		"bind destination":   func(ch *Channel) error { return ch.ExchangeBind("", "k", "amq.direct", false, nil) },
		"unbind source":      func(ch *Channel) error { return ch.ExchangeUnbind("amq.direct", "k", "", false, nil) },
		"unbind destination": func(ch *Channel) error { return ch.ExchangeUnbind("", "k", "amq.direct", false, nil) },
	} {
		t.Case(what, func() { t.ExpectError(403, "operation not permitted on the default exchange", do) })
	}
}

func exchangeOrderOfChecks(t *T) {
	bad := amqp.Table{"alternate-exchange": int32(1)}
	reserved := t.Name("amq.x")
	t.Case("the type before the name", func() {
		t.ExpectError(t.unknownTypeCode(), "unknown exchange type 'nonsense-type'", declareExchange("", "nonsense-type", nil))
	})
	t.Case("the reserved prefix before the arguments", func() {
		t.ExpectError(403, fmt.Sprintf("exchange name '%s' contains reserved prefix 'amq.*'", reserved),
			declareExchange(reserved, "direct", bad))
	})
	t.Case("equivalence last", func() {
		x := t.Channel().NewExchange("direct")
		t.ExpectError(406, fmt.Sprintf("inequivalent arg 'type' for %s: received 'topic' but current is 'direct'", t.ExchangeText(x)),
			declareExchange(x, "topic", amqp.Table{"alternate-exchange": "other"}))
	})
}

// unknownTypeCode is the one difference between versions here: the connection
// is closed before 3.13.3, the channel since.
func (t *T) unknownTypeCode() int {
	if t.Version().AtLeast(3, 13, 3) {
		return 406
	}
	return 503
}

func exchangeUnknownType(t *T) {
	t.ExpectError(t.unknownTypeCode(), "unknown exchange type 'nonsense-type'",
		declareExchange(t.ExchangeName(), "nonsense-type", nil))
}

func exchangeInvalidType(t *T) {
	for _, kind := range []string{"", "true"} {
		t.ExpectError(t.unknownTypeCode(), fmt.Sprintf("invalid exchange type '%s'", kind),
			declareExchange(t.ExchangeName(), kind, nil))
	}
}

func exchangePluginType(t *T) {
	const kind = "x-jms-topic"
	conn := t.Dial(amqp.Config{})
	err := declareExchange(t.ExchangeName(), kind, nil)(conn.Open())
	if err == nil {
		t.NotOffered("the plugin is on here")
	}
	unknown := "unknown"
	if t.Version().AtLeast(4, 3, 0) { // it is a word that RabbitMQ knows (EXCH-8)
		unknown = "invalid"
	}
	t.ExpectError(t.unknownTypeCode(), fmt.Sprintf("%s exchange type '%s'", unknown, kind),
		declareExchange(t.ExchangeName(), kind, nil))
}

func exchangeRedeclareEquivalent(t *T) {
	ch := t.Channel()
	for _, flags := range [][3]bool{{}, {true, true, true}, {true, false, false}} {
		name := t.ExchangeName()
		for _, args := range []amqp.Table{nil, {"unknown": "accepted"}, {"unknown": int32(1), "more": nil}} {
			t.OK(ch.ExchangeDeclare(name, "topic", flags[0], flags[1], flags[2], false, args), "declare again")
		}
	}
}

func exchangeRedeclareInequivalent(t *T) {
	name := t.Channel().NewExchange("direct")
	for _, tc := range []struct {
		kind                          string
		durable, autoDelete, internal bool
		text                          string
	}{
		{"fanout", false, true, true, "inequivalent arg 'type' for %s: received 'fanout' but current is 'direct'"},
		{"direct", false, true, true, "inequivalent arg 'durable' for %s: received 'false' but current is 'true'"},
		{"direct", true, true, true, "inequivalent arg 'auto_delete' for %s: received 'true' but current is 'false'"},
		{"direct", true, false, true, "inequivalent arg 'internal' for %s: received 'true' but current is 'false'"},
	} {
		t.ExpectError(406, fmt.Sprintf(tc.text, t.ExchangeText(name)), func(ch *Channel) error {
			return ch.ExchangeDeclare(name, tc.kind, tc.durable, tc.autoDelete, tc.internal, false, amqp.Table{"alternate-exchange": "b"})
		})
	}
}

func exchangeRedeclareAlternate(t *T) {
	ch := t.Channel()
	plain := ch.NewExchange("direct")
	with := ch.NewExchangeWith("direct", amqp.Table{"alternate-exchange": "a"})
	t.OK(declareExchange(with, "direct", amqp.Table{"alternate-exchange": "a", "other": true})(ch), "redeclare the same")
	for _, tc := range []struct {
		name string
		args amqp.Table
		text string
	}{
		{with, amqp.Table{"alternate-exchange": "b"}, "received 'b' but current is 'a'"},
		{with, nil, "received none but current is the value 'a' of type 'longstr'"},
		{plain, amqp.Table{"alternate-exchange": "b"}, "received the value 'b' of type 'longstr' but current is none"},
	} {
		t.ExpectError(406, fmt.Sprintf("inequivalent arg 'alternate-exchange' for %s: %s", t.ExchangeText(tc.name), tc.text),
			declareExchange(tc.name, "direct", tc.args))
	}
}

func exchangeAlternateType(t *T) {
	for kind, value := range map[string]any{
		"signedint": int32(1), "long": int64(1), "bool": true, "array": []any{"a"}, "table": amqp.Table{}, "void": nil, "binary": []byte("a"),
	} {
		name := t.ExchangeName()
		t.ExpectError(406, fmt.Sprintf("invalid type '%s' for arg 'alternate-exchange' in %s", kind, t.ExchangeText(name)),
			declareExchange(name, "direct", amqp.Table{"alternate-exchange": value}))
	}
	t.Channel().NewExchangeWith("direct", amqp.Table{"alternate-exchange": t.Name("absent")})
}

func exchangePassive(t *T) {
	ch := t.Channel()
	name, absent := ch.NewExchange("direct"), t.Name("x")
	t.OK(ch.ExchangeDeclarePassive(name, "nonsense-type", false, true, true, false, amqp.Table{"alternate-exchange": int32(1)}),
		"a passive declare with other type, flags and arguments")
	t.ExpectError(404, "no "+t.ExchangeText(absent), func(ch *Channel) error {
		return ch.ExchangeDeclarePassive(absent, "direct", true, false, false, false, nil)
	})
}

func exchangeNoWait(t *T) {
	ch := t.Channel()
	name := t.ExchangeName()
	t.OK(ch.ExchangeDeclare(name, "direct", true, false, false, true, nil), "declare with no-wait")
	t.OK(ch.ExchangeDeclarePassive(name, "direct", true, false, false, false, nil), "the next reply is that of the next method")
	t.ExpectError(406, fmt.Sprintf("inequivalent arg 'type' for %s: received 'topic' but current is 'direct'", t.ExchangeText(name)),
		func(ch *Channel) error { return ch.ExchangeDeclare(name, "topic", true, false, false, true, nil) })
	t.OK(ch.ExchangeDelete(name, false, true), "delete with no-wait")
	ch.ExpectOpen()
	t.Equal(false, t.Conn().ExchangeExists(name), "the exchange exists after the delete")
}
