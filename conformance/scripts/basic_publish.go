// Scripts: what a publish is checked for, what is returned, and what becomes
// of properties (BASIC-1 to BASIC-12, BASIC-67 to BASIC-69, BASIC-90).

package scripts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var basicPublishScripts = []Script{
	{Name: "publish/order-of-checks", Covers: []string{"BASIC-1"}, Run: publishOrderOfChecks},
	{Name: "publish/immediate", Covers: []string{"BASIC-2"}, Run: publishImmediate},
	{Name: "publish/mandatory-return", Covers: []string{"BASIC-3"}, Run: publishReturn},
	{Name: "publish/unroutable-is-dropped", Covers: []string{"BASIC-3"}, Run: publishDropped},
	{Name: "publish/dropped-by-a-limit-counts-as-routed", Covers: []string{"BASIC-4", "BASIC-21"}, Run: publishLimitRouted},
	{Name: "publish/user-id", Covers: []string{"BASIC-5"}, Run: publishUserID},
	{Name: "publish/expiration", Covers: []string{"BASIC-6"}, Run: publishExpiration},
	{Name: "publish/too-large", Covers: []string{"BASIC-7"}, Run: publishTooLarge},
	{Name: "publish/delivery-mode", Covers: []string{"BASIC-8"}, Run: publishDeliveryMode},
	{Name: "publish/properties-pass", Covers: []string{"BASIC-9", "BASIC-10", "BASIC-90"}, Run: publishProperties},
	{Name: "publish/absent-properties-stay-absent", Covers: []string{"BASIC-90"}, Run: publishNoProperties},
	{Name: "publish/bodies", Covers: []string{"BASIC-91"}, Run: publishBodies},
	{Name: "publish/order", Covers: []string{"BASIC-67"}, Run: publishOrder},
	{Name: "publish/follows-the-topology", Covers: []string{"EXCH-18", "EXCH-22", "QUEUE-28"}, Run: publishTopology},
	{Name: "publish/precedes-what-follows", Covers: []string{"BASIC-68"}, Run: publishPrecedes},
	{Name: "publish/confirmed-is-seen-by-others", Covers: []string{"BASIC-69"}, Run: publishSeen},
}

// publishing gives a publish, for ExpectError.
func publishing(exchange, key string, immediate bool, p amqp.Publishing) func(*Channel) error {
	return func(ch *Channel) error { return ch.Publish(exchange, key, false, immediate, p) }
}

func publishOrderOfChecks(t *T) {
	ch := t.Channel()
	q, internal, absent := ch.NewQueue(), t.ExchangeName(), t.Name("x")
	t.OK(ch.ExchangeDeclare(internal, "fanout", true, false, true, false, nil), "declare an internal exchange")
	p := amqp.Publishing{}
	stranger := func() {
		p.UserId = "stranger"
		t.ExpectError(406, t.strangerText(), publishing("", q, false, p))
	}
	if t.Version().AtLeast(4, 0, 0) {
		stranger()
	}
	p.Headers = amqp.Table{"CC": "no array"}
	t.ExpectError(406, `invalid message: {unacceptable_type_in_header,"CC",longstr}`, publishing("", q, false, p))
	p.Expiration = "never"
	t.ExpectError(406, "invalid expiration 'never': no_integer", publishing("", q, false, p))
	if !t.Version().AtLeast(4, 0, 0) {
		stranger()
	}
	p.ReplyTo = "amq.rabbitmq.reply-to"
	t.ExpectError(406, "fast reply consumer does not exist", publishing("", q, false, p))
	t.ExpectError(403, "cannot publish to internal "+t.ExchangeText(internal), publishing(internal, q, false, p))
	t.ExpectError(404, "no "+t.ExchangeText(absent), publishing(absent, q, false, p))
	t.ExpectError(540, "immediate=true", publishing(absent, q, true, p))
}

func publishImmediate(t *T) {
	q := t.Channel().NewSharedQueue()
	t.ExpectError(540, "immediate=true", publishing("", q, true, amqp.Publishing{}))
}

func publishReturn(t *T) {
	ch := t.Channel()
	x := ch.NewExchange("direct")
	p := amqp.Publishing{
		Headers: amqp.Table{"h": "v"}, ContentType: "text/plain", DeliveryMode: 2, Priority: 3, MessageId: "id", Body: []byte("m"),
	}
	t.OK(ch.Publish(x, "k", true, false, p), "publish")
	r := ch.Returned()
	t.Equal(uint16(312), r.ReplyCode, "code")
	t.Equal("NO_ROUTE", r.ReplyText, "text")
	t.Equal([]string{x, "k", "m"}, []string{r.Exchange, r.RoutingKey, string(r.Body)}, "exchange, key and body")
	t.Equal(p.Headers, r.Headers, "headers")
	t.Equal([]any{"text/plain", uint8(2), uint8(3), "id"}, []any{r.ContentType, r.DeliveryMode, r.Priority, r.MessageId}, "properties")
	ch.SendMandatory("", t.Name("q"), "to a queue that is not there")
	t.Equal("to a queue that is not there", string(ch.Returned().Body), "body")
}

func publishDropped(t *T) {
	ch := t.Channel().Confirming()
	x, q := ch.NewExchange("direct"), ch.NewQueue()
	ch.Send(x, "k", "dropped")
	ch.SendMandatory("", q, "routed")
	ch.AllConfirmed(2)
	if r, ok := ch.TakeReturn(); ok {
		t.Errorf("unexpected return of %q", r.Body)
	}
	ch.ExpectDrain(q, "routed")
}

func publishLimitRouted(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(amqp.Table{"x-max-length": int32(0)})
	ch.SendMandatory("", q, "dropped by the limit")
	ch.AllConfirmed(1)
	full := ch.NewQueueWith(amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	ch.Store(full, "fits")
	ch.SendMandatory("", full, "rejected")
	t.Equal(false, ch.Confirmed().Ack, "acknowledged although rejected")
	if r, ok := ch.TakeReturn(); ok {
		t.Errorf("unexpected return of %q", r.Body)
	}
	ch.ExpectDrain(q)
	ch.ExpectDrain(full, "fits")
}

// strangerText is the refusal of the user id "stranger".
func (t *T) strangerText() string {
	return fmt.Sprintf("user_id property set to 'stranger' but authenticated user was '%s'", t.URI().Username)
}

func publishUserID(t *T) {
	ch := t.Channel()
	q, user := ch.NewQueue(), t.URI().Username
	ch.SendWith("", q, amqp.Publishing{UserId: user})
	t.Equal(user, ch.Fetch(q).UserId, "user id")
	t.ExpectError(406, t.strangerText(), publishing("", q, false, amqp.Publishing{UserId: "stranger"}))
}

func publishExpiration(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	for _, good := range []string{"60000", "+60000", "0060000", "315360000000"} {
		want := good
		if t.Version().AtLeast(3, 13, 0) {
			want = strings.TrimLeft(good, "+0")
		}
		ch.SendWith("", q, amqp.Publishing{Expiration: good})
		t.Equal(want, ch.Fetch(q).Expiration, "expiration")
		t.OK(ch.Publish("", t.Name("q"), true, false, amqp.Publishing{Expiration: good}), "publish to nowhere")
		t.Equal(want, ch.Returned().Expiration, "expiration of a return")
	}
	for bad, detail := range map[string]string{
		"abc":          "no_integer",
		" 1":           "no_integer",
		"+":            "no_integer",
		"10x":          `{leftover_string,"x"}`,
		"1.5":          `{leftover_string,".5"}`,
		"10 ":          `{leftover_string," "}`,
		"-1":           "{value_negative,-1}",
		"315360000001": "{value_too_large,315360000001}",
	} {
		t.Case(fmt.Sprintf("%q", bad), func() {
			t.ExpectError(406, fmt.Sprintf("invalid expiration '%s': %s", bad, detail), publishing("", q, false, amqp.Publishing{Expiration: bad}))
		})
	}
}

func publishTooLarge(t *T) {
	limit := 134217728
	if t.Version().AtLeast(4, 0, 0) {
		limit = 16777216
	}
	t.ExpectError(406, fmt.Sprintf("message size %d is larger than configured max size %d", limit+1, limit),
		publishing("", t.Name("q"), false, amqp.Publishing{Body: make([]byte, limit+1)}))
}

func publishDeliveryMode(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	for _, mode := range []uint8{1, 2} {
		ch.SendWith("", q, amqp.Publishing{DeliveryMode: mode})
		t.Equal(mode, ch.Fetch(q).DeliveryMode, "delivery mode")
	}
	if !t.Version().AtLeast(3, 13, 0) {
		t.ExpectError(406, "invalid message: {delivery_mode_unknown,7}", publishing("", q, false, amqp.Publishing{DeliveryMode: 7}))
		return
	}
	ch.SendWith("", q, amqp.Publishing{DeliveryMode: 7, Body: []byte("taken")})
	ch.ExpectDrain(q, "taken")
}

func publishProperties(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	sent := amqp.Publishing{
		Headers: amqp.Table{
			"bool": true, "byte": int8(-1), "ubyte": uint8(200), "short": int16(-2), "ushort": uint16(60000),
			"int": int32(-3), "uint": uint32(4e9), "long": int64(-1 << 40), "float": float32(1.5), "double": 2.5,
			"decimal": amqp.Decimal{Scale: 2, Value: 314}, "string": "s\x00\xff", "binary": []byte{0, 1},
			"array": []any{int32(1), "two", nil, []any{true}}, "time": time.Unix(1e9, 0),
			"table": amqp.Table{"nested": amqp.Table{"n": int32(1)}}, "void": nil, "x-other": "x", "": "empty key",
		},
		ContentType: "text/plain", ContentEncoding: "gzip", Priority: 255, CorrelationId: "c", ReplyTo: "r", MessageId: "m",
		Timestamp: time.Unix(1700000000, 0), Type: "t", AppId: "a", Body: []byte("body"),
	}
	ch.SendWith("", q, sent)
	got := ch.Fetch(q)
	t.Equal(sent, amqp.Publishing{
		Headers: got.Headers, ContentType: got.ContentType, ContentEncoding: got.ContentEncoding, DeliveryMode: got.DeliveryMode,
		Priority: got.Priority, CorrelationId: got.CorrelationId, ReplyTo: got.ReplyTo, Expiration: got.Expiration,
		MessageId: got.MessageId, Timestamp: got.Timestamp, Type: got.Type, UserId: got.UserId, AppId: got.AppId, Body: got.Body,
	}, "the message")
}

func publishNoProperties(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "bare")
	d := ch.Fetch(q)
	t.Equal(uint8(0), d.DeliveryMode, "delivery mode, of which the client says 0 if it is absent")
	t.Equal(0, len(d.Headers), "headers")
	t.Equal("", d.ContentType+d.ContentEncoding+d.CorrelationId+d.ReplyTo+d.Expiration+d.MessageId+d.Type+d.UserId+d.AppId, "strings")
	t.Equal(true, d.Timestamp.IsZero(), "no timestamp")
}

func publishBodies(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	// One frame takes 131072 bytes less the 8 around it.
	for _, size := range []int{0, 1, 131063, 131064, 131065, 131072, 262128, 1 << 20} {
		body := strings.Repeat("abcdefg", size/7+1)[:size]
		ch.SendAll(q, body)
		got := ch.Drain(q)
		t.Equal(true, slices.Equal([]string{body}, got), fmt.Sprintf("a body of %d bytes came whole", size))
	}
}

// numbered gives n bodies that tell their place.
func numbered(n int) []string {
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = fmt.Sprintf("%05d", i)
	}
	return bodies
}

func publishOrder(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	bodies := numbered(1000)
	consumer := ch.Subscribe(q, Subscription{NoAck: true})
	ch.SendAll(q, bodies...)
	consumer.Expect(bodies...)
	consumer.ExpectNoMore()
	ch.SendAll(q, bodies[:100]...)
	ch.ExpectDrain(q, bodies[:100]...)
}

func publishPrecedes(t *T) {
	ch := t.Channel()
	q, x := ch.NewQueue(), ch.NewExchange("fanout")
	bodies := numbered(100)
	for round := range 3 {
		ch.Bind(q, x, "")
		for _, body := range bodies {
			ch.Send(x, "", body)
		}
		t.OK(ch.QueueUnbind(q, "", x, nil), "unbind")
		ch.Send(x, "", "after the unbind")
		t.Case(fmt.Sprint("round ", round), func() { ch.ExpectDrain(q, bodies...) })
	}
	ch.SendAll(q, bodies...)
	n, err := ch.QueuePurge(q, false)
	t.OK(err, "purge")
	t.Equal(len(bodies), n, "messages purged")
}

// publishTopology changes on one connection what another one's publishes, all
// alike, lead to.
func publishTopology(t *T) {
	ch, other := t.Channel().Confirming(), t.Dial(amqp.Config{}).Open()
	q, x, y := ch.NewSharedQueue(), ch.NewExchange("direct"), ch.NewExchange("fanout")
	publish := func(body string) {
		ch.Send(x, "k", body)
		ch.AllConfirmed(1)
	}
	publish("not bound yet")
	other.Bind(q, x, "k")
	publish("bound")
	t.OK(other.QueueUnbind(q, "k", x, nil), "unbind")
	publish("unbound")
	other.BindExchange(y, x, "k")
	publish("to an exchange without bindings")
	other.Bind(q, y, "")
	publish("through both exchanges")
	second := other.NewSharedQueue()
	other.Bind(second, x, "k")
	publish("to two queues")
	other.ExpectDrain(q, "bound", "through both exchanges", "to two queues")
	other.ExpectDrain(second, "to two queues")
	_, err := other.QueueDelete(second, false, false, false)
	t.OK(err, "delete the second queue")
	_, err = other.QueueDelete(q, false, false, false)
	t.OK(err, "delete the queue")
	publish("to a queue that is gone")
	t.OK(declareQueue(q, nil)(other), "declare it anew")
	publish("to a queue that is not bound any more")
	other.Bind(q, y, "")
	t.OK(other.ExchangeDelete(y, false, false), "delete the second exchange")
	publish("through an exchange that is gone")
	other.ExpectDrain(q)
	t.OK(other.ExchangeDelete(x, false, false), "delete the first exchange")
	ch.Send(x, "k", "to an exchange that is gone")
	ch.ExpectClosed(404, "no "+t.ExchangeText(x))
}

func publishSeen(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	other := t.Dial(amqp.Config{}).Open()
	for _, body := range numbered(20) {
		ch.Store(q, body)
		other.ExpectDrain(q, body)
	}
}
