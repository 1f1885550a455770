// Scripts: what streams make of messages, and how long they keep them (STREAM-13 to
// STREAM-20).

package scripts

import (
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var streamMessageScripts = []Script{
	{Name: "stream/properties", Covers: []string{"STREAM-16", "STREAM-19"}, Run: streamKeptProperties},
	{Name: "stream/headers", Covers: []string{"STREAM-20"}, Run: streamKeptHeaders},
	{Name: "stream/publishing", Covers: []string{"STREAM-17"}, Run: streamPublishing},
	{Name: "stream/in-a-transaction", Covers: []string{"STREAM-17"}, Run: streamTransaction},
	{Name: "stream/retention", Covers: []string{"STREAM-13", "STREAM-14"}, Run: streamRetention},
	{Name: "stream/retention-by-policy", Covers: []string{"STREAM-13", "STREAM-15"}, Run: streamRetentionByPolicy},
	{Name: "stream/dead-letters", Covers: []string{"STREAM-16"}, Since: V(3, 13, 0), Run: streamDeadLetters},
	{Name: "stream/restart", Covers: []string{"STREAM-14", "STREAM-17"}, Alone: true, Run: streamRestart},
}

func streamKeptProperties(t *T) {
	q := t.Channel().newStream(nil)
	ch := t.Channel().Confirming()
	ch.SendWith("", q, amqp.Publishing{
		ContentType: "text/plain", ContentEncoding: "gzip", DeliveryMode: 1, Priority: 7, CorrelationId: "c", ReplyTo: "r",
		Expiration: "60000", MessageId: "m", Timestamp: time.Unix(1_700_000_000, 0), Type: "t", UserId: t.URI().Username, AppId: "a",
		Body: []byte("all"),
	})
	ch.SendWith("", q, amqp.Publishing{DeliveryMode: 2, Body: []byte("persistent")})
	ch.SendWith("", q, amqp.Publishing{Body: []byte("bare")})
	ch.AllConfirmed(3)
	c := t.read(q, 10, "first")
	d := c.Next()
	t.Equal([]any{"text/plain", "gzip", uint8(1), uint8(7), "c", "r", "60000", "m", int64(1_700_000_000), "t", t.URI().Username, "a"},
		[]any{d.ContentType, d.ContentEncoding, d.DeliveryMode, d.Priority, d.CorrelationId, d.ReplyTo, d.Expiration, d.MessageId,
			d.Timestamp.Unix(), d.Type, d.UserId, d.AppId}, "properties")
	t.Equal(uint8(2), c.Next().DeliveryMode, "delivery mode of a persistent message")
	absent := uint8(0)
	if t.Version().AtLeast(3, 13, 0) {
		absent = 1
	}
	bare := c.Next()
	t.Equal([]any{absent, "", ""}, []any{bare.DeliveryMode, bare.ContentType, bare.MessageId}, "properties of a bare message")
}

func streamKeptHeaders(t *T) {
	q := t.Channel().newStream(nil)
	ch := t.Channel().Confirming()
	ch.SendWith("", q, amqp.Publishing{Headers: amqp.Table{
		"text": "v", "yes": true, "byte": int8(-3), "short": int16(-300), "int": int32(-70000), "long": int64(1) << 40, "double": 2.5,
		"void": nil, "time": time.Unix(1_700_000_000, 0), "table": amqp.Table{"k": "v"}, "list": []any{"a"}, "CC": []any{"nowhere"},
		"x-table": amqp.Table{"k": "v"}, "x-list": []any{"a", int32(1)}, "x-text": "v",
	}})
	ch.AllConfirmed(1)
	d := t.read(q, 10, "first").Next()
	want := amqp.Table{
		"text": "v", "yes": true, "byte": int8(-3), "short": int16(-300), "int": int32(-70000), "long": int64(1) << 40, "double": 2.5,
		"void": nil, "time": time.Unix(1_700_000_000, 0), "x-text": "v", "x-stream-offset": int64(0),
	}
	if t.Version().AtLeast(3, 13, 0) { // before, these are lost as well
		want["CC"], want["x-table"], want["x-list"] = []any{"nowhere"}, amqp.Table{"k": "v"}, []any{"a", int32(1)}
	}
	for name, v := range want {
		t.Equal(fmt.Sprintf("%T %v", v, v), fmt.Sprintf("%T %v", d.Headers[name], d.Headers[name]), "header "+name)
	}
	for _, name := range []string{"table", "list"} {
		_, there := d.Headers[name]
		t.Equal(false, there, "header "+name)
	}
}

func streamPublishing(t *T) {
	ch := t.Channel()
	stream, classic, x := ch.newStream(nil), ch.NewQueue(), ch.NewExchange("fanout")
	alternate := ch.NewExchangeWith("direct", amqp.Table{"alternate-exchange": x})
	ch.Bind(stream, x, "")
	ch.Bind(classic, x, "")
	ch.Confirming()
	ch.SendMandatory("", stream, "0")
	ch.SendMandatory(x, "k", "1")
	ch.SendMandatory(alternate, "nowhere", "2")
	ch.SendWith("", t.Name("nowhere"), amqp.Publishing{Headers: amqp.Table{"CC": []any{stream}, "BCC": []any{stream}}, Body: []byte("3")})
	ch.AllConfirmed(4)
	if _, returned := ch.TakeReturn(); returned {
		t.Errorf("a message for a stream came back")
	}
	ch.ExpectDrain(classic, "1", "2")
	t.read(stream, 10, "first").expectFrom(0, 4)
}

func streamTransaction(t *T) {
	ch := t.Channel()
	q := ch.newStream(nil)
	t.OK(ch.Tx(), "tx.select")
	ch.SendAll(q, "lost")
	t.OK(ch.TxRollback(), "tx.rollback")
	ch.SendAll(q, "0", "1")
	t.OK(ch.TxCommit(), "tx.commit")
	t.read(q, 10, "first").expectFrom(0, 2)
}

// fillSegments publishes until a reader from the first finds that something has gone.
func (t *T) fillSegments(q string) {
	ch := t.Channel().Confirming()
	body := strings.Repeat("m", 1000)
	n := 0
	t.WaitFor("the oldest messages to go", func() bool {
		for range 20 {
			ch.Store(q, body)
			n++
		}
		c := t.read(q, 1, "first")
		defer c.Stop()
		first, _ := c.Next().Headers["x-stream-offset"].(int64)
		return first > 0 && int(first) < n
	})
	last, _ := t.read(q, 1, "last").Next().Headers["x-stream-offset"].(int64)
	t.Equal(true, last >= int64(n-1), "the last message has an offset that none had before") // RabbitMQ gives some to its own records
}

func streamRetention(t *T) {
	t.fillSegments(t.Channel().newStream(amqp.Table{
		"x-stream-max-segment-size-bytes": int32(10_000), "x-max-length-bytes": int32(30_000),
	}))
}

func streamRetentionByPolicy(t *T) {
	q := t.Channel().newStream(amqp.Table{"x-stream-max-segment-size-bytes": int32(10_000), "x-max-length-bytes": int32(500_000_000)})
	t.Policy(Policy{Definition: map[string]any{"max-length-bytes": 30_000}})
	t.fillSegments(q)
}

func streamDeadLetters(t *T) {
	ch := t.Channel()
	stream, x := ch.newStream(nil), ch.NewExchange("fanout")
	ch.Bind(stream, x, "")
	q := ch.NewSharedQueueWith(amqp.Table{"x-dead-letter-exchange": x})
	ch.Confirming()
	ch.SendWith("", q, amqp.Publishing{Body: []byte("0"), DeliveryMode: 2})
	ch.AllConfirmed(1)
	ch.reject(q)
	d := t.read(stream, 1, "first").Next()
	t.Equal([]any{"0", x, q}, []any{string(d.Body), d.Exchange, d.RoutingKey}, "dead letter")
	t.expectDeath(d, q, "rejected")
}

func streamRestart(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 5)
	t.Restart()
	t.awaitStream(q)
	t.read(q, 10, "first").expectFrom(0, 5)
	ch := t.Channel().Confirming()
	ch.Store(q, "5", "6")
	t.Kill()
	t.awaitStream(q)
	t.read(q, 10, int64(3)).expectFrom(3, 7)
	t.Channel().Confirming().Store(q, "7")
	t.read(q, 10, "last").expectFrom(7, 8)
}

// awaitStream waits until a stream can be read after a restart: RabbitMQ elects a
// leader for it first.
func (t *T) awaitStream(q string) {
	t.WaitFor("the stream to be there again", func() bool {
		ch := t.Channel()
		err := consuming(q, "c", false, amqp.Table{"x-stream-offset": "next"})(ch.qos(1, false))
		if err == nil {
			t.OK(ch.Close(), "close a channel")
		}
		return err == nil
	})
}
