// Scripts: inputs at the edge of what the protocol and the arguments allow.

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var edgeScripts = []Script{
	{Name: "consume/cancel-before-delete-ok", Covers: []string{"BASIC-35"}, Run: edgeDeleteOk},
	{Name: "consume/cancel-order", Covers: []string{"BASIC-34"}, Run: edgeCancelOrder},
	{Name: "cc/bcc-twice", Covers: []string{"EXCH-45", "TYPES-5"}, Run: edgeTwoBCC},
	{Name: "death/keys-bcc", Covers: []string{"QUEUE-77"}, Since: V(3, 13, 0), Run: edgeDeathKeys},
	{Name: "exchange/type-words", Covers: []string{"EXCH-8"}, Run: edgeTypeWords},
	{Name: "content/header-flag", Covers: []string{"CONN-55"}, Run: edgeHeaderFlag},
	{Name: "connection/amqplain-binary-password", Covers: []string{"CONN-14"}, Run: edgeBinaryPassword},
}

// delete-ok comes before the consumers of the channel that deletes are told.
func edgeDeleteOk(t *T) {
	r := t.Raw()
	r.Start()
	ok := t.startOk()
	ok.ClientProperties = wire.Table{{Key: "capabilities", Value: wire.Table{{Key: "consumer_cancel_notify", Value: true}}}}
	r.SendMethod(0, ok)
	tune := Await[*wire.ConnectionTune](r, 0)
	r.SendMethod(0, &wire.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: tune.FrameMax}, &wire.ConnectionOpen{VirtualHost: t.VHost()})
	Await[*wire.ConnectionOpenOk](r, 0)
	r.OpenChannel(1)
	q := r.RawQueue(1)
	r.consume(1, wire.BasicConsume{Queue: q, ConsumerTag: "c"})
	r.SendMethod(1, &wire.QueueDelete{Queue: q})
	r.Expect(1, &wire.QueueDeleteOk{})
	r.Expect(1, &wire.BasicCancel{ConsumerTag: "c", NoWait: true})
}

// The consumers of one channel are cancelled in the order of their tags.
func edgeCancelOrder(t *T) {
	ch, other := t.Channel(), t.Channel()
	q := other.NewQueue()
	for _, tag := range []string{"z", "a", "m"} {
		ch.Subscribe(q, Subscription{Tag: tag})
	}
	_, err := other.QueueDelete(q, false, false, false)
	t.OK(err, "delete")
	for _, tag := range []string{"a", "m", "z"} {
		t.Equal(tag, Receive(t, ch.cancels, "a basic.cancel"), "tag of basic.cancel")
	}
}

// Of two headers BCC the first counts and is removed, the second is delivered.
func edgeTwoBCC(t *T) {
	r := t.RawOpen()
	q, one, two := r.RawQueue(1), r.RawQueue(1), r.RawQueue(1)
	props := wire.Properties{Flags: wire.HasHeaders, Headers: wire.Table{
		{Key: "BCC", Value: wire.Array{one}}, {Key: "BCC", Value: wire.Array{two}},
	}}
	r.SendMethod(1, &wire.ConfirmSelect{})
	r.Expect(1, &wire.ConfirmSelectOk{})
	r.Publish(1, q, props.Append(nil), "m")
	r.Expect(1, &wire.BasicAck{DeliveryTag: 1})
	for queue, want := range map[string]uint32{q: 1, one: 1, two: 0} {
		r.SendMethod(1, &wire.QueueDeclare{Queue: queue, Passive: true})
		r.Expect(1, &wire.QueueDeclareOk{Queue: queue, MessageCount: want})
	}
	raw, _ := r.Fetch(1, q)
	var got wire.Properties
	t.OK(got.Decode(raw), "decode the properties")
	t.Equal(wire.Table{{Key: "BCC", Value: wire.Array{two}}}, got.Headers, "headers")
}

// x-death has the keys of the message without those of BCC, each of which takes one
// away, the first that is found.
func edgeDeathKeys(t *T) {
	ch := t.Channel()
	grave := ch.NewQueue()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave})
	ch.SendWith("", q, amqp.Publishing{Headers: amqp.Table{"CC": []any{"a", "a"}, "BCC": []any{q, "a"}}, Body: []byte("m")})
	ch.reject(q)
	t.Equal([]any{"a", q, "a"}, t.deathOf(ch.attend(grave).Expect("m"))["routing-keys"], "routing-keys")
}

// A word that RabbitMQ knows as an atom is no unknown type, but an invalid one.
func edgeTypeWords(t *T) {
	for _, word := range []string{
		"queue", "exchange", "binding", "default", "match", "stream", "classic", "quorum", "test", "foo", "bar", "any",
		"all", "message", "channel", "connection", "consumer", "name", "type", "events", "normal", "priority", "shared",
		"public", "private", "local", "global", "simple", "dead", "dlx", "log", "data", "job", "null", "nil", "header",
		"x", "federation", "random", "string", "user", "users", "event",
	} {
		t.Case(word, func() {
			t.ExpectError(t.unknownTypeCode(), fmt.Sprintf("invalid exchange type '%s'", word), declareExchange(t.ExchangeName(), word, nil))
		})
	}
}

// Property flags that announce more flags, of which there are none.
func edgeHeaderFlag(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	r.Publish(1, q, []byte{0, 1}, "m")
	r.SendMethod(1, &wire.BasicGet{Queue: q, NoAck: true})
	Await[*wire.BasicGetOk](r, 1)
	_, body, _ := r.Content(1)
	t.Equal("m", string(body), "body")
}

func edgeBinaryPassword(t *T) {
	uri := t.URI()
	Await[*wire.ConnectionTune](t.answer("AMQPLAIN", amqplain(uri.Username, []byte(uri.Password)), nil), 0)
}
