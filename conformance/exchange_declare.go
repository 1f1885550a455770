// Scripts: what exchanges a virtual host has, their names, and what declaring
// one checks (EXCH-1 to EXCH-14).

package conformance

import (
	amqp "github.com/rabbitmq/amqp091-go"
)

var exchangeDeclareScripts = []Script{
	{Name: "exchange/predeclared", Covers: []string{"EXCH-1"}, Run: exchangesPredeclared},
	{Name: "exchange/line-breaks-in-names", Covers: []string{"EXCH-2"}, Run: exchangeNameLineBreaks},
}

// declareExchange is a declare of a durable exchange without arguments.
func declareExchange(name, kind string) func(*Channel) error {
	return declareExchangeWith(name, kind, nil)
}

func declareExchangeWith(name, kind string, args amqp.Table) func(*Channel) error {
	return func(ch *Channel) error { return ch.ExchangeDeclare(name, kind, true, false, false, false, args) }
}

func exchangesPredeclared(t *T) {
	ch := t.Channel()
	for name, kind := range map[string]string{
		"amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic",
		"amq.headers": "headers", "amq.match": "headers",
	} {
		t.OK(ch.ExchangeDeclare(name, kind, true, false, false, false, nil), "redeclare "+name)
	}
	t.OK(ch.ExchangeDeclare("amq.rabbitmq.trace", "topic", true, false, true, false, nil), "redeclare the trace exchange")
}

func exchangeNameLineBreaks(t *T) {
	ch := t.Channel()
	name := t.ExchangeName()
	t.OK(declareExchange(name[:1]+"\r\n"+name[1:]+"\n", "direct")(ch), "declare")
	t.Equal(true, t.Conn().ExchangeExists(name), "the name without its line breaks exists")
}
