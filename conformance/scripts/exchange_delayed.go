// Scripts: the delayed message exchange, as its plugin has it: how it is declared,
// which header values delay, and what a publisher sees of a delay (EXCH-47 to
// EXCH-52). exchange_delayed_due.go has what comes when the delay is over.

package scripts

import (
	"fmt"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var exchangeDelayedScripts = slices.Concat([]Script{
	{Name: "delayed/declare-needs-a-type", Covers: []string{"EXCH-47"}, Run: delayedDeclare},
	{Name: "delayed/order-of-checks", Covers: []string{"EXCH-6", "EXCH-47"}, Run: delayedChecks},
	{Name: "delayed/redeclare", Covers: []string{"EXCH-48", "EXCH-10", "EXCH-11", "EXCH-13"}, Run: delayedRedeclare},
	{Name: "delayed/binding-arguments", Covers: []string{"EXCH-48", "EXCH-40"}, Run: delayedBindingArguments},
	{Name: "delayed/routes-like-its-type", Covers: []string{"EXCH-48", "EXCH-53"}, Run: delayedRoutes},
	{Name: "delayed/values-that-delay", Covers: []string{"EXCH-49", "EXCH-50", "EXCH-52"}, Run: delayedValues},
	{Name: "delayed/values-that-do-not", Covers: []string{"EXCH-49", "EXCH-50", "EXCH-51"}, Run: delayedNoValues},
	{Name: "delayed/bytes-delay", Covers: []string{"EXCH-49"}, Since: V(3, 13, 0), Run: delayedBytes},
	{Name: "delayed/values-that-crash", Covers: []string{"EXCH-49"}, Run: delayedCrash},
	{Name: "delayed/confirm-and-return", Covers: []string{"EXCH-52"}, Run: delayedConfirm},
	{Name: "delayed/alternate-at-once", Covers: []string{"EXCH-52"}, Run: delayedAlternate},
	{Name: "delayed/transactions", Covers: []string{"EXCH-52", "BASIC-83"}, Run: delayedTx},
	{Name: "delayed/deleted-as-others-are", Covers: []string{"EXCH-17", "EXCH-19"}, Run: delayedDelete},
}, exchangeDelayedDueScripts)

const delayedKind = "x-delayed-message"

// long is a delay, in milliseconds, whose end no script sees.
const long = 3600_000

// needsDelayed ends the script if the broker has no delayed message exchange.
func (t *T) needsDelayed() {
	conn := t.Dial(amqp.Config{})
	err := declareExchange(t.ExchangeName(), delayedKind, amqp.Table{"x-delayed-type": "direct"})(conn.Open())
	if refusal, ok := err.(*amqp.Error); ok && refusal.Reason == ReplyText(t.unknownTypeCode(), "unknown exchange type '"+delayedKind+"'") {
		t.NotOffered("the delayed message exchange is not there")
	}
	t.OK(err, "declare a delayed exchange")
}

// newDelayed declares a durable delayed exchange that routes like one of a kind.
func (ch *Channel) newDelayed(kind string) string { return ch.newDelayedWith(kind, nil) }

// newDelayedWith is newDelayed with arguments.
func (ch *Channel) newDelayedWith(kind string, args amqp.Table) string {
	ch.t.needsDelayed()
	all := amqp.Table{"x-delayed-type": kind}
	for name, value := range args {
		all[name] = value
	}
	return ch.NewExchangeWith(delayedKind, all)
}

// sendDelayed publishes a message with a delay in milliseconds.
func (ch *Channel) sendDelayed(exchange, key string, ms int, body string) {
	ch.SendWith(exchange, key, amqp.Publishing{Headers: amqp.Table{"x-delay": int32(ms)}, Body: []byte(body)})
}

func delayedDeclare(t *T) {
	t.needsDelayed()
	const must = "Invalid argument, 'x-delayed-type' must be an existing exchange type"
	for what, args := range map[string]amqp.Table{
		"no arguments": nil, "other arguments": {"x-delay": "direct"},
		"an integer": {"x-delayed-type": int32(1)}, "a bool": {"x-delayed-type": true}, "void": {"x-delayed-type": nil},
	} {
		t.Case(what, func() { t.ExpectError(406, must, declareExchange(t.ExchangeName(), delayedKind, args)) })
	}
	t.ExpectError(406, "Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'",
		declareExchange(t.ExchangeName(), delayedKind, amqp.Table{"x-delayed-type": delayedKind}))
	t.ExpectError(t.unknownTypeCode(), "unknown exchange type 'nonsense-type'",
		declareExchange(t.ExchangeName(), delayedKind, amqp.Table{"x-delayed-type": "nonsense-type"}))
	t.ExpectError(t.unknownTypeCode(), "invalid exchange type ''",
		declareExchange(t.ExchangeName(), delayedKind, amqp.Table{"x-delayed-type": ""}))
	x := t.ExchangeName()
	t.OK(declareExchange(x, delayedKind, amqp.Table{"x-delayed-type": []byte("fanout")})(t.Channel()), "declare with bytes for a type")
}

// delayedChecks: the type is looked at last of all, and only if the exchange is
// not there yet.
func delayedChecks(t *T) {
	t.needsDelayed()
	t.ExpectError(403, "operation not permitted on the default exchange", declareExchange("", delayedKind, nil))
	reserved := "amq." + t.Name("x")
	t.ExpectError(403, fmt.Sprintf("exchange name '%s' contains reserved prefix 'amq.*'", reserved),
		declareExchange(reserved, delayedKind, nil))
	x := t.ExchangeName()
	t.ExpectError(406, fmt.Sprintf("invalid type 'signedint' for arg 'alternate-exchange' in %s", t.ExchangeText(x)),
		declareExchange(x, delayedKind, amqp.Table{"alternate-exchange": int32(1)}))
	other := t.Channel().NewExchange("direct")
	t.ExpectError(406, fmt.Sprintf("inequivalent arg 'type' for %s: received ''x-delayed-message'' but current is 'direct'", t.ExchangeText(other)),
		declareExchange(other, delayedKind, nil))
}

func delayedRedeclare(t *T) {
	ch := t.Channel()
	x := ch.newDelayedWith("direct", amqp.Table{"alternate-exchange": "a"})
	for what, kind := range map[string]any{"the same type": "direct", "another": "topic", "an unknown one": "nonsense", "itself": delayedKind, "none": 1} {
		t.Case(what, func() {
			t.OK(declareExchange(x, delayedKind, amqp.Table{"alternate-exchange": "a", "x-delayed-type": kind})(ch), "declare again")
		})
	}
	t.OK(ch.ExchangeDeclarePassive(x, delayedKind, false, false, false, false, nil), "declare passively")
	t.OK(ch.ExchangeDeclarePassive(x, "direct", false, false, false, false, nil), "declare passively, as another type")
	t.ExpectError(406, fmt.Sprintf("inequivalent arg 'alternate-exchange' for %s: received 'b' but current is 'a'", t.ExchangeText(x)),
		declareExchange(x, delayedKind, amqp.Table{"alternate-exchange": "b", "x-delayed-type": "direct"}))
	t.ExpectError(406, fmt.Sprintf("inequivalent arg 'type' for %s: received 'direct' but current is ''x-delayed-message''", t.ExchangeText(x)),
		declareExchange(x, "direct", amqp.Table{"alternate-exchange": "a"}))
	t.ExpectError(406, fmt.Sprintf("inequivalent arg 'durable' for %s: received 'false' but current is 'true'", t.ExchangeText(x)), func(ch *Channel) error {
		return ch.ExchangeDeclare(x, delayedKind, false, false, false, false, nil)
	})
}

func delayedBindingArguments(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("headers"), ch.NewQueue()
	if t.Version().AtLeast(3, 13, 0) { // the versions before put it in other words
		t.ExpectError(406, `Invalid x-match field value <<"some">>; expected all, any, all-with-x, or any-with-x`, func(ch *Channel) error {
			return ch.QueueBind(q, "", x, false, amqp.Table{"x-match": "some"})
		})
	}
	direct := ch.newDelayed("direct")
	t.OK(ch.QueueBind(q, "", direct, false, amqp.Table{"x-match": "some"}), "bind to one that is not of headers")
}

// delayedRoutes publishes each message twice, once to be routed at once and once
// delayed.
func delayedRoutes(t *T) {
	ch := t.Channel()
	for kind, hits := range map[string]map[string]bool{
		"direct": {"a.b": true, "a.c": false, "x": false},
		"fanout": {"a.b": true, "": true},
		"topic":  {"a.b": true, "a.c": true, "b": false},
	} {
		t.Case(kind, func() {
			x, q := ch.newDelayed(kind), ch.NewQueue()
			ch.Bind(q, x, map[string]string{"direct": "a.b", "fanout": "", "topic": "a.*"}[kind])
			want := map[string]int{}
			for key, hit := range hits {
				ch.Send(x, key, key)
				ch.sendDelayed(x, key, 1, key)
				if hit {
					want[key] = 2
				}
			}
			ch.sendDelayed(x, "a.b", soon, "end")
			got, consumer := map[string]int{}, ch.attend(q)
			for body := ""; body != "end"; {
				if body = string(consumer.Next().Body); body != "end" {
					got[body]++
				}
			}
			t.Equal(want, got, "messages that were routed")
		})
	}
	x, q := ch.newDelayed("headers"), ch.NewQueue()
	ch.BindWith(q, x, amqp.Table{"x-match": "all", "kind": "a"})
	for _, kind := range []string{"b", "a"} {
		for _, ms := range []int32{0, 1} {
			ch.SendWith(x, "", amqp.Publishing{Headers: amqp.Table{"kind": kind, "x-delay": ms}, Body: []byte(fmt.Sprint(kind, ms))})
		}
	}
	ch.attend(q).Expect("a0", "a1")
}

// publishRaw publishes a mandatory message with headers of any type.
func (r *Raw) publishRaw(exchange string, t wire.Table, body string) {
	r.SendMethod(1, &wire.BasicPublish{Exchange: exchange, RoutingKey: "k", Mandatory: true})
	r.SendContent(1, headers(t), body)
}

// delayedValues: what is delayed comes back for being unroutable, though there
// is a binding.
func delayedValues(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("direct"), ch.NewSharedQueue()
	ch.Bind(q, x, "k")
	r := t.RawOpen()
	for _, v := range []any{
		int16(30000), int32(long), int64(long), uint8(200), uint16(60000), uint32(4294967295), int64(4294967295),
		float32(65536), float64(long), 4294967295.9, "3600000", "+3600000", "0003600000", "4294967295",
	} {
		t.Case(fmt.Sprintf("%T %v", v, v), func() {
			table := wire.Table{{Key: "x-delay", Value: v}}
			r.publishRaw(x, table, "m")
			got := Await[*wire.BasicReturn](r, 1)
			t.Equal(uint16(312), got.ReplyCode, "code of the return")
			header, _, _ := r.Content(1)
			t.Equal(wire.RawProperties(headers(table)), header.Properties(), "properties of the return")
		})
	}
	r.ExpectOpen(1)
}

// delayedNoValues: what is not delayed is there at once, its header as it was.
func delayedNoValues(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("direct"), ch.NewSharedQueue()
	ch.Bind(q, x, "k")
	r := t.RawOpen()
	values := []any{
		int32(0), int32(-1), int64(-5000), int64(4294967296), 0.9, -0.9, -1e300, 1e300, 4294967296.0, "0", "-5", "4294967296",
		"99999999999999999999999", "-99999999999999999999999", true, wire.Timestamp(5000), nil,
		wire.Table{{Key: "x-delay", Value: int32(long)}}, wire.Array{int32(long)},
	}
	if t.Version().AtLeast(3, 13, 0) {
		values = append(values, int8(100))
	}
	for _, v := range values {
		t.Case(fmt.Sprintf("%T %v", v, v), func() {
			table := wire.Table{{Key: "x-delay", Value: v}}
			r.publishRaw(x, table, "m")
			r.SendMethod(1, &wire.BasicGet{Queue: q, NoAck: true})
			Await[*wire.BasicGetOk](r, 1)
			header, _, _ := r.Content(1)
			t.Equal(wire.RawProperties(headers(table)), header.Properties(), "properties of the delivery")
		})
	}
	ch.SendMandatory(x, "k", "without headers")
	ch.ExpectDrain(q, "without headers")
}

func delayedBytes(t *T) {
	ch := t.Channel()
	x := ch.newDelayed("fanout")
	ch.Bind(ch.NewQueue(), x, "")
	r := t.RawOpen()
	r.publishRaw(x, wire.Table{{Key: "x-delay", Value: []byte("3600000")}}, "m")
	Await[*wire.BasicReturn](r, 1)
}

func delayedCrash(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("direct"), ch.NewSharedQueue()
	ch.Bind(q, x, "k")
	var violations []Violation
	for _, v := range []any{"", "+", "abc", " 5", "5 ", "5.0", "1e3", "5_000", "0x10", wire.Decimal{Scale: 1, Value: 50}} {
		violations = append(violations, Violation{fmt.Sprintf("%T %v", v, v), func(r *Raw) {
			r.publishRaw(x, wire.Table{{Key: "x-delay", Value: v}}, "m")
		}, closesWith(541, "", Nobody)})
	}
	t.Violations(violations...)
	t.Case("without a binding", func() {
		r := t.RawOpen()
		r.publishRaw(ch.newDelayed("direct"), wire.Table{{Key: "x-delay", Value: "abc"}}, "m")
		r.ExpectClose(541, "", Nobody)
	})
	t.Case("elsewhere", func() {
		ch.SendWith("", q, amqp.Publishing{Headers: amqp.Table{"x-delay": "abc"}, Body: []byte("m")})
		ch.ExpectDrain(q, "m")
	})
}

func delayedConfirm(t *T) {
	ch := t.Channel().Confirming()
	x, q := ch.newDelayed("direct"), ch.NewQueue()
	ch.Bind(q, x, "k")
	began := t.runner.clock.Now()
	for _, mode := range []uint8{amqp.Transient, amqp.Persistent} {
		p := amqp.Publishing{Headers: amqp.Table{"x-delay": int32(soon)}, DeliveryMode: mode, Body: []byte("m")}
		t.OK(ch.Publish(x, "k", true, false, p), "publish")
		ch.AllConfirmed(1)
		r := ch.Returned()
		t.Equal(uint16(312), r.ReplyCode, "code of the return")
		t.Equal("NO_ROUTE", r.ReplyText, "text of the return")
		t.Equal([]string{x, "k"}, []string{r.Exchange, r.RoutingKey}, "exchange and key of the return")
		t.Equal(amqp.Table{"x-delay": int32(soon)}, r.Headers, "headers of the return")
		if mode == amqp.Transient && t.runner.clock.Now().Sub(began) < soon*time.Millisecond {
			t.Equal(0, ch.Inspect(q).Messages, "messages while the delay lasts")
		}
	}
	ch.attend(q).Expect("m", "m")
	ch.ExpectNoConfirm()
}

func delayedAlternate(t *T) {
	ch := t.Channel()
	alternate, q, rest := ch.NewExchange("fanout"), ch.NewQueue(), ch.NewQueue()
	x := ch.newDelayedWith("direct", amqp.Table{"alternate-exchange": alternate})
	ch.Bind(q, x, "k")
	ch.Bind(rest, alternate, "")
	p := amqp.Publishing{Headers: amqp.Table{"x-delay": int32(50)}, Body: []byte("m")}
	t.OK(ch.Publish(x, "k", true, false, p), "publish")
	d := ch.Fetch(rest)
	t.Equal(amqp.Table{"x-delay": int32(50)}, d.Headers, "headers of what the alternate got")
	if r, ok := ch.TakeReturn(); ok {
		t.Errorf("returned although the alternate exchange routed it: %v", r.ReplyText)
	}
	ch.attend(q).Expect("m")
	ch.ExpectDrain(rest)
}

// delayedTx: a message is delayed when it is published, whatever becomes of the
// transaction; what is routed at once waits for the commit.
func delayedTx(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("direct"), ch.NewQueue()
	ch.Bind(q, x, "k")
	consumer := ch.attend(q)
	ch = t.Channel()
	t.OK(ch.Tx(), "tx.select")
	ch.Send(x, "k", "at once, and forgotten")
	ch.sendDelayed(x, "k", 1, "delayed, and rolled back")
	consumer.Expect("delayed, and rolled back")
	ch.rollback()
	ch.sendDelayed(x, "k", 1, "before the commit")
	consumer.Expect("before the commit")
	ch.Send(x, "k", "committed")
	p := amqp.Publishing{Headers: amqp.Table{"x-delay": int32(long)}, Body: []byte("returned")}
	t.OK(ch.Publish(x, "k", true, false, p), "publish")
	ch.commit()
	t.Equal("returned", string(ch.Returned().Body), "body of the return")
	consumer.Expect("committed")
	consumer.ExpectNoMore()
}

func delayedDelete(t *T) {
	ch := t.Channel()
	x, q := ch.newDelayed("direct"), ch.NewQueue()
	ch.Bind(q, x, "k")
	ch.sendDelayed(x, "k", long, "waits")
	t.ExpectError(406, t.ExchangeText(x)+" in use", func(ch *Channel) error { return ch.ExchangeDelete(x, true, false) })
	t.OK(ch.QueueUnbind(q, "k", x, nil), "unbind")
	t.OK(ch.ExchangeDelete(x, true, false), "delete an exchange in which a message waits")
	t.Equal(false, t.Conn().ExchangeExists(x), "it exists")

	auto := t.ExchangeName()
	t.OK(ch.ExchangeDeclare(auto, delayedKind, false, true, false, false, amqp.Table{"x-delayed-type": "fanout"}), "declare")
	ch.Bind(q, auto, "")
	ch.sendDelayed(auto, "", long, "waits")
	t.OK(ch.QueueUnbind(q, "", auto, nil), "unbind")
	t.Equal(false, t.Conn().ExchangeExists(auto), "an auto-delete one without bindings exists")
}
