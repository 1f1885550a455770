// Scripts: consuming from streams (STREAM-26 to STREAM-36).

package scripts

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var streamReadScripts = []Script{
	{Name: "stream/offsets", Covers: []string{"STREAM-27", "STREAM-31"}, Run: streamOffsets},
	{Name: "stream/offset-next", Covers: []string{"STREAM-27"}, Run: streamOffsetNext},
	{Name: "stream/offset-to-come", Covers: []string{"STREAM-28"}, Run: streamOffsetToCome},
	{Name: "stream/offset-by-time", Covers: []string{"STREAM-27"}, Run: streamOffsetByTime},
	{Name: "stream/deliveries", Covers: []string{"STREAM-21", "STREAM-30", "STREAM-31"}, Run: streamDeliveries},
	{Name: "stream/many-readers", Covers: []string{"STREAM-26"}, Run: streamManyReaders},
	{Name: "stream/ack-gives-credit", Covers: []string{"STREAM-32", "STREAM-33"}, Run: streamCredit},
	{Name: "stream/nack-gives-credit", Covers: []string{"STREAM-33", "STREAM-34"}, Since: V(3, 12, 0), Run: streamNack},
	{Name: "stream/nack-is-refused", Covers: []string{"STREAM-33"}, Before: V(3, 12, 0), Run: streamNackRefused},
	{Name: "stream/nothing-comes-back", Covers: []string{"STREAM-34"}, Run: streamNothingBack},
	{Name: "stream/filter", Covers: []string{"STREAM-18", "STREAM-36"}, Since: V(3, 13, 0), Run: streamFilter},
	{Name: "stream/tags-and-cancel", Covers: []string{"STREAM-40"}, Run: streamTags},
}

// read starts a consumer on a channel of its own.
func (t *T) read(q string, prefetch int, offset any) *Consumer {
	return t.readWith(q, prefetch, amqp.Table{"x-stream-offset": offset})
}

func (t *T) readWith(q string, prefetch int, args amqp.Table) *Consumer {
	return t.Channel().qos(prefetch, false).Subscribe(q, Subscription{Args: args})
}

// numbered fills a stream with the messages 0 to n-1, each in a chunk of its own.
func (t *T) numbered(q string, n int) {
	ch := t.Channel().Confirming()
	for i := range n {
		ch.Store(q, fmt.Sprint(i))
	}
}

// expectFrom expects the messages from one number up to and not including another.
func (c *Consumer) expectFrom(from, to int) {
	for i := from; i < to; i++ {
		d := c.Next()
		c.t.Equal(fmt.Sprint(i), string(d.Body), "body")
		c.t.Equal(int64(i), d.Headers["x-stream-offset"], "x-stream-offset")
		c.ch.Acked(d)
	}
}

func streamOffsets(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 10)
	for _, tc := range []struct {
		offset any
		from   int
	}{{"first", 0}, {"last", 9}, {int64(0), 0}, {int32(4), 4}, {int16(9), 9}, {int64(-3), 0}} {
		t.Case(fmt.Sprint(tc.offset), func() {
			c := t.read(q, 100, tc.offset)
			c.expectFrom(tc.from, 10)
			c.ExpectNoMore()
		})
	}
}

func streamOffsetNext(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 3)
	next, silent := t.read(q, 100, "next"), t.readWith(q, 100, nil)
	ch := t.Channel().Confirming()
	ch.Store(q, "3", "4")
	next.expectFrom(3, 5)
	silent.expectFrom(3, 5)
}

func streamOffsetToCome(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 2)
	c := t.read(q, 100, int64(5))
	ch := t.Channel().Confirming()
	for i := 2; i < 8; i++ {
		ch.Store(q, fmt.Sprint(i))
	}
	c.expectFrom(5, 8)
}

func streamOffsetByTime(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 3)
	now := time.Unix(t.runner.clock.Now().Unix(), 0)
	for _, offset := range []any{now.Add(-time.Hour), time.Unix(0, 0), "1h", "2D", "1M", "1Y"} {
		t.Case(fmt.Sprint(offset), func() { t.read(q, 100, offset).expectFrom(0, 3) })
	}
	future := t.read(q, 100, now.Add(time.Hour))
	t.Channel().Confirming().Store(q, "3")
	future.expectFrom(3, 4)
}

func streamDeliveries(t *T) {
	ch := t.Channel()
	q, x := ch.newStream(nil), ch.NewExchange("topic")
	ch.Bind(q, x, "a.#")
	ch.Confirming()
	ch.SendWith(x, "a.b", amqp.Publishing{Headers: amqp.Table{"h": "v"}, Body: []byte("0")})
	ch.AllConfirmed(1)
	ch.Store(q, "1")
	c := t.read(q, 10, "first")
	d := c.Next()
	t.Equal([]any{x, "a.b", uint64(1), false, "v", int64(0)},
		[]any{d.Exchange, d.RoutingKey, d.DeliveryTag, d.Redelivered, d.Headers["h"], d.Headers["x-stream-offset"]}, "first delivery")
	d = c.Next()
	t.Equal([]any{"", q, uint64(2), false, int64(1)},
		[]any{d.Exchange, d.RoutingKey, d.DeliveryTag, d.Redelivered, d.Headers["x-stream-offset"]}, "second delivery")
}

func streamManyReaders(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 5)
	var readers []*Consumer
	for range 3 {
		readers = append(readers, t.Channel().qos(10, false).Subscribe(q, Subscription{
			Exclusive: true, Args: amqp.Table{"x-stream-offset": "first"},
		}))
	}
	for _, c := range readers {
		c.expectFrom(0, 5)
	}
	t.read(q, 10, "first").expectFrom(0, 5)
}

func streamCredit(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 20)
	c := t.read(q, 2, "first")
	c.Next()
	last := c.Next()
	t.Equal("1", string(last.Body), "second delivery")
	t.OK(last.Ack(true), "ack both")
	c.Expect("2", "3")
	t.Equal(0, len(c.Stop()), "deliveries beyond the prefetch")
}

func streamNack(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 20)
	c := t.read(q, 1, "first")
	for i := range 10 {
		d := c.Next()
		t.Equal(fmt.Sprint(i), string(d.Body), "body")
		t.Equal(false, d.Redelivered, "redelivered")
		switch i % 4 {
		case 0:
			t.OK(d.Nack(false, true), "nack with requeue")
		case 1:
			t.OK(d.Nack(false, false), "nack")
		case 2:
			t.OK(d.Reject(true), "reject with requeue")
		default:
			t.OK(d.Reject(false), "reject")
		}
	}
	c.Expect("10")
}

func streamNackRefused(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 1)
	conn := t.Dial(amqp.Config{})
	ch := conn.Open().qos(1, false)
	d := ch.Subscribe(q, Subscription{Args: amqp.Table{"x-stream-offset": "first"}}).Next()
	t.OK(d.Nack(false, true), "nack")
	ch.ExpectClosed(540, "basic.nack and basic.reject not supported by stream queues "+t.QueueText(q))
}

func streamNothingBack(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 6)
	c := t.read(q, 3, "first")
	c.Expect("0", "1", "2")
	t.OK(c.ch.Cancel(c.Tag, false), "cancel")
	c.ch.ExpectOpen()
	second := c.ch.Subscribe(q, Subscription{Args: amqp.Table{"x-stream-offset": int64(4)}})
	second.expectFrom(4, 6)
	t.OK(c.ch.Close(), "close the channel")
	t.read(q, 10, "first").expectFrom(0, 6)
}

func streamFilter(t *T) {
	q := t.Channel().newStream(nil)
	ch := t.Channel().Confirming()
	values := []string{"eu", "us", "", "asia"}
	for i := range 40 {
		p := amqp.Publishing{Body: []byte(fmt.Sprint(i))}
		if v := values[i%4]; v != "" {
			p.Headers = amqp.Table{"x-stream-filter-value": v}
		}
		ch.SendWith("", q, p)
		ch.AllConfirmed(1) // a chunk each, so that nothing else is in it
	}
	wants := func(filter any, unfiltered bool, want func(v string) bool) {
		c := t.readWith(q, 5, amqp.Table{"x-stream-offset": "first", "x-stream-filter": filter, "x-stream-match-unfiltered": unfiltered})
		for i := range 40 {
			if v := values[i%4]; want(v) {
				d := c.Next()
				t.Equal(fmt.Sprint(i), string(d.Body), fmt.Sprintf("message for %v", filter))
				if v != "" {
					t.Equal(v, d.Headers["x-stream-filter-value"], "x-stream-filter-value")
				}
				c.ch.Acked(d)
			}
		}
		c.ExpectNoMore()
	}
	wants("eu", false, func(v string) bool { return v == "eu" })
	wants([]any{"us", "asia"}, false, func(v string) bool { return v == "us" || v == "asia" })
	wants("eu", true, func(v string) bool { return v == "eu" || v == "" })
}

func streamTags(t *T) {
	q := t.Channel().newStream(nil)
	t.numbered(q, 3)
	t.ExpectError(530, "attempt to reuse consumer tag 'twice'", func(ch *Channel) error {
		ch.qos(1, false).Subscribe(q, Subscription{Tag: "twice"})
		return consuming(q, "twice", false, nil)(ch)
	})
	ch := t.Channel().qos(10, false)
	c := ch.Subscribe(q, Subscription{Args: amqp.Table{"x-stream-offset": "first"}})
	c.expectFrom(0, 3)
	c.ExpectNoMore()
	ch.Subscribe(q, Subscription{Tag: c.Tag, Args: amqp.Table{"x-stream-offset": "last"}}).expectFrom(2, 3)
}
