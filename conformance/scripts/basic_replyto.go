// Scripts: direct reply-to (BASIC-70 to BASIC-79).

package scripts

import (
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// replyQueue is the pseudo-queue that stands for the requester's channel.
const replyQueue = "amq.rabbitmq.reply-to"

var basicReplyToScripts = []Script{
	{Name: "replyto/needs-no-ack", Covers: []string{"BASIC-70"}, Run: replyToNoAck},
	{Name: "replyto/one-per-channel", Covers: []string{"BASIC-71"}, Run: replyToOnce},
	{Name: "replyto/needs-a-consumer", Covers: []string{"BASIC-72"}, Run: replyToNoConsumer},
	{Name: "replyto/consumer-of-the-same-channel", Covers: []string{"BASIC-72"}, Run: replyToOtherChannel},
	{Name: "replyto/request-and-reply", Covers: []string{"BASIC-72", "BASIC-73"}, Run: replyToRoundTrip},
	{Name: "replyto/mandatory-reply", Covers: []string{"BASIC-75"}, Before: V(4, 2, 0), Run: replyToMandatory},
	{Name: "replyto/returned-request", Covers: []string{"BASIC-72", "BASIC-3"}, Run: replyToReturned},
	{Name: "replyto/requester-gone", Covers: []string{"BASIC-76"}, Run: replyToGone},
	{Name: "replyto/declare-tells-liveness", Covers: []string{"BASIC-77", "QUEUE-4"}, Run: replyToDeclare},
	{Name: "replyto/get-and-delete", Covers: []string{"BASIC-78"}, Run: replyToGet},
	{Name: "replyto/address-is-a-queue", Covers: []string{"BASIC-77", "BASIC-78"}, Since: V(4, 2, 0), Run: replyToVolatile},
	{Name: "replyto/cancel", Covers: []string{"BASIC-79"}, Run: replyToCancel},
	{Name: "replyto/tag-stays-free", Covers: []string{"BASIC-25", "BASIC-71", "BASIC-79"}, Run: replyToTag},
}

// request consumes replies on the channel, publishes a request that asks for
// them, and gives the consumer and the generated name.
func (ch *Channel) request() (*Consumer, string) {
	q := ch.NewQueue()
	replies := ch.Subscribe(replyQueue, Subscription{NoAck: true})
	ch.SendWith("", q, amqp.Publishing{ReplyTo: replyQueue, Body: []byte("request")})
	name := ch.Fetch(q).ReplyTo
	if !strings.HasPrefix(name, replyQueue+".") || len(name) < len(replyQueue)+16 {
		ch.t.Fatalf("reply-to of the request: expected a generated name, got %q", name)
	}
	return replies, name
}

func replyToNoAck(t *T) {
	t.ExpectError(406, "reply consumer cannot acknowledge", consuming(replyQueue, "c", false, nil))
}

func replyToOnce(t *T) {
	t.ExpectError(406, "reply consumer already set", func(ch *Channel) error {
		ch.Subscribe(replyQueue, Subscription{NoAck: true})
		_, err := ch.Consume(replyQueue, "another", true, false, false, false, nil)
		return err
	})
}

func replyToNoConsumer(t *T) {
	t.ExpectError(406, "fast reply consumer does not exist",
		publishing("", t.Name("q"), false, amqp.Publishing{ReplyTo: replyQueue}))
}

func replyToOtherChannel(t *T) {
	t.Channel().Subscribe(replyQueue, Subscription{NoAck: true})
	t.ExpectError(406, "fast reply consumer does not exist",
		publishing("", t.Name("q"), false, amqp.Publishing{ReplyTo: replyQueue}))
}

func replyToRoundTrip(t *T) {
	replies, name := t.Channel().request()
	other, otherName := t.Channel().request()
	t.Equal(false, name == otherName, "two channels have the same name")
	responder := t.Dial(amqp.Config{}).Open().Confirming()
	for _, body := range []string{"one", "two"} {
		responder.SendWith("", name, amqp.Publishing{
			CorrelationId: "id", ContentType: "text/plain", Headers: amqp.Table{"h": "v"}, DeliveryMode: 2, Body: []byte(body),
		})
		responder.AllConfirmed(1)
		d := replies.Expect(body)
		t.Equal([]any{replies.Tag, "", name, false}, []any{d.ConsumerTag, d.Exchange, d.RoutingKey, d.Redelivered}, "fields of the reply")
		t.Equal([]any{"id", "text/plain", amqp.Table{"h": "v"}, uint8(2)},
			[]any{d.CorrelationId, d.ContentType, d.Headers, d.DeliveryMode}, "properties of the reply")
	}
	other.ExpectNoMore()
	replies.ExpectNoMore()
}

func replyToMandatory(t *T) {
	replies, name := t.Channel().request()
	responder := t.Channel()
	responder.SendMandatory("", name, "reply")
	t.Equal("reply", string(responder.Returned().Body), "body of the return")
	replies.Expect("reply")
}

func replyToReturned(t *T) {
	ch := t.Channel()
	_, name := ch.request()
	t.OK(ch.Publish("", t.Name("q"), true, false, amqp.Publishing{ReplyTo: replyQueue}), "publish")
	t.Equal(name, ch.Returned().ReplyTo, "reply-to of the returned request")
}

func replyToGone(t *T) {
	requester, responder := t.Channel(), t.Channel().Confirming()
	_, name := requester.request()
	t.OK(requester.Close(), "close the channel")
	responder.Store(name, "too late")
	responder.Store(replyQueue+".no-such-name", "to no one")
	responder.ExpectOpen()
}

func replyToDeclare(t *T) {
	requester, responder := t.Channel(), t.Channel()
	q, err := responder.QueueDeclare(replyQueue, false, false, false, false, nil)
	t.OK(err, "declare")
	t.Equal(amqp.Queue{Name: replyQueue, Messages: 0, Consumers: 1}, q, "declare-ok")
	t.Equal(amqp.Queue{Name: replyQueue, Messages: 0, Consumers: 1}, responder.Inspect(replyQueue), "passive declare-ok")
	_, name := requester.request()
	t.Equal(amqp.Queue{Name: name, Messages: 0, Consumers: 1}, responder.Inspect(name), "declare-ok of a live requester")
	t.ExpectError(404, "no "+t.QueueText(replyQueue), func(ch *Channel) error { // the last queue declared (QUEUE-4)
		_, err := ch.QueueDeclare(replyQueue, false, false, false, false, nil)
		t.OK(err, "declare")
		ch.Subscribe("", Subscription{NoAck: true})
		t.ExpectError(404, "no previously declared queue", consuming("", "", false, nil)) // of another channel
		_, _, err = ch.Get("", true)
		return err
	})
	t.OK(requester.Close(), "close the channel")
	t.ExpectError(404, "no "+t.QueueText(name), func(ch *Channel) error {
		_, err := ch.QueueDeclarePassive(name, false, false, false, false, nil)
		return err
	})
}

func replyToGet(t *T) {
	t.ExpectError(404, "no "+t.QueueText(replyQueue), func(ch *Channel) error { _, _, err := ch.Get(replyQueue, true); return err })
	n, err := t.Channel().QueueDelete(replyQueue, false, false, false)
	t.OK(err, "delete")
	t.Equal(0, n, "messages deleted")
}

func replyToCancel(t *T) {
	ch, responder := t.Channel(), t.Channel().Confirming()
	replies, name := ch.request()
	replies.ExpectNoMore()
	responder.Store(name, "after the cancel")
	t.ExpectError(406, "fast reply consumer does not exist", func(ch *Channel) error {
		ch.Subscribe(replyQueue, Subscription{NoAck: true}).ExpectNoMore()
		return publishing("", "q", false, amqp.Publishing{ReplyTo: replyQueue})(ch)
	})
	ch.Subscribe(replyQueue, Subscription{NoAck: true}).ExpectNoMore()
}

// The tag of a reply consumer may be used again, by another reply consumer as little as
// any other tag, and by a consumer of a queue.
func replyToTag(t *T) {
	r := t.RawOpen().OpenChannel(2)
	q := r.RawQueue(1)
	replies := &wire.BasicConsume{Queue: replyQueue, ConsumerTag: "c", NoAck: true}
	consume := func(channel uint16, m *wire.BasicConsume) {
		r.SendMethod(channel, m)
		r.Expect(channel, &wire.BasicConsumeOk{ConsumerTag: "c"})
	}
	consume(2, replies)
	r.SendMethod(2, replies)
	r.ExpectChannelClose(2, 406, "reply consumer already set", wire.BasicConsumeID)

	consume(1, replies)
	consume(1, &wire.BasicConsume{Queue: q, ConsumerTag: "c"})
	r.SendMethod(1, &wire.BasicCancel{ConsumerTag: "c"}, &wire.QueueDeclare{Queue: q, Passive: true})
	r.Expect(1, &wire.BasicCancelOk{ConsumerTag: "c"})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q, ConsumerCount: 1})
	r.SendMethod(1, replies)
	r.ExpectClose(530, "attempt to reuse consumer tag 'c'", wire.BasicConsumeID)
}

// From 4.2 on the address is a queue, though one that does little.
func replyToVolatile(t *T) {
	requester := t.Channel()
	_, name := requester.request()
	n, err := t.Channel().QueuePurge(name, false)
	t.OK(err, "purge")
	t.Equal(0, n, "messages purged")
	t.ExpectError(540, "basic.get not supported by volatile "+t.QueueText(name), func(ch *Channel) error {
		_, _, err := ch.Get(name, true)
		return err
	})
	t.ExpectError(406, "only creator channel may consume from "+t.QueueText(name), consuming(name, "c", true, nil))
	t.Equal(amqp.Queue{Name: name, Messages: 0, Consumers: 1}, t.Channel().Inspect(name), "declare-ok to another channel")
	_, err = requester.QueueDeclarePassive(name, false, false, false, false, nil)
	t.Equal(true, err != nil, "passive declare by its own channel is refused")
	requester.ExpectClosed(404, "no "+t.QueueText(name))
}
