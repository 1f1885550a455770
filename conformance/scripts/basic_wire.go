// Scripts: what of publishing and consuming only frames show: order, names that
// the broker makes, multiple acks, properties byte by byte (BASIC-11, BASIC-14
// to BASIC-16, BASIC-20, BASIC-23, BASIC-24, BASIC-26, BASIC-34, BASIC-38,
// BASIC-51, BASIC-62, BASIC-89 to BASIC-91).

package scripts

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var basicWireScripts = []Script{
	{Name: "wire/consumer-tag", Covers: []string{"BASIC-24"}, Run: wireConsumerTag},
	{Name: "wire/consume-ok-first", Covers: []string{"BASIC-26", "BASIC-39"}, Run: wireConsumeOk},
	{Name: "wire/cancel", Covers: []string{"BASIC-27"}, Run: wireCancel},
	{Name: "wire/cancel-not-asked-for", Covers: []string{"BASIC-34"}, Run: wireCancelUnwanted},
	{Name: "wire/client-sends-cancel-ok", Covers: []string{"BASIC-34"}, Before: V(4, 2, 0), Run: wireCancelOk},
	{Name: "wire/confirm-of-one", Covers: []string{"BASIC-14", "BASIC-16"}, Run: wireConfirmOne},
	{Name: "wire/confirm-of-many", Covers: []string{"BASIC-16", "BASIC-20"}, Run: wireConfirmMany},
	{Name: "wire/return-then-ack", Covers: []string{"BASIC-3", "BASIC-15"}, Run: wireReturnAck},
	{Name: "wire/no-confirm-after-close", Covers: []string{"BASIC-22", "BASIC-23"}, Run: wireConfirmClosed},
	{Name: "wire/get-empty", Covers: []string{"BASIC-51"}, Run: wireGetEmpty},
	{Name: "wire/recover-async", Covers: []string{"BASIC-62"}, Run: wireRecoverAsync},
	{Name: "wire/properties", Covers: []string{"BASIC-89", "BASIC-90", "BASIC-91"}, Run: wireProperties},
	{Name: "wire/empty-properties", Covers: []string{"BASIC-90"}, Run: wireEmptyProperties},
	{Name: "wire/empty-expiration", Covers: []string{"BASIC-6"}, Run: wireEmptyExpiration},
	{Name: "wire/header-order", Covers: []string{"BASIC-11", "TYPES-5"}, Run: wireHeaderOrder},
	{Name: "wire/reader-that-stops", Covers: []string{"BASIC-38"}, Run: wireStoppedReader},
}

var generatedTag = regexp.MustCompile(`^amq\.ctag-[A-Za-z0-9_-]{22}$`)

func wireConsumerTag(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	seen := map[string]bool{}
	for range 3 {
		r.SendMethod(1, &wire.BasicConsume{Queue: q})
		tag := Await[*wire.BasicConsumeOk](r, 1).ConsumerTag
		t.Equal(true, generatedTag.MatchString(tag), fmt.Sprintf("%q matches %v", tag, generatedTag))
		seen[tag] = true
	}
	t.Equal(3, len(seen), "different tags")
}

func wireConsumeOk(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	for i := range 3 {
		r.Publish(1, q, noProps, fmt.Sprint(i))
	}
	r.SendMethod(1, &wire.BasicConsume{Queue: q, ConsumerTag: "c"})
	r.Expect(1, &wire.BasicConsumeOk{ConsumerTag: "c"})
	for i := range 3 {
		r.Expect(1, &wire.BasicDeliver{ConsumerTag: "c", DeliveryTag: uint64(i + 1), RoutingKey: q})
		_, body, _ := r.Content(1)
		t.Equal(fmt.Sprint(i), string(body), "body")
	}
	r.ExpectOpen(1)
}

func wireCancel(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	r.SendMethod(1, &wire.BasicConsume{Queue: q, ConsumerTag: "c"})
	r.Expect(1, &wire.BasicConsumeOk{ConsumerTag: "c"})
	r.Publish(1, q, noProps, "before")
	r.Expect(1, &wire.BasicDeliver{ConsumerTag: "c", DeliveryTag: 1, RoutingKey: q})
	r.Content(1)
	for range 2 { // the second time there is no such consumer any more
		r.SendMethod(1, &wire.BasicCancel{ConsumerTag: "c"})
		r.Expect(1, &wire.BasicCancelOk{ConsumerTag: "c"})
	}
	r.Publish(1, q, noProps, "after")
	r.ExpectOpen(1)
}

// The raw client has not said that it knows basic.cancel.
func wireCancelUnwanted(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	r.SendMethod(1, &wire.BasicConsume{Queue: q, ConsumerTag: "c"})
	r.Expect(1, &wire.BasicConsumeOk{ConsumerTag: "c"})
	r.SendMethod(1, &wire.QueueDelete{Queue: q})
	r.Expect(1, &wire.QueueDeleteOk{})
	r.ExpectOpen(1)
}

func wireCancelOk(t *T) {
	r := t.RawOpen()
	r.SendMethod(1, &wire.BasicCancelOk{ConsumerTag: "c"})
	r.ExpectClose(503, "unimplemented method", wire.BasicCancelOkID)
}

func wireConfirmOne(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	r.Publish(1, q, noProps, "before")
	r.SendMethod(1, &wire.ConfirmSelect{})
	r.Expect(1, &wire.ConfirmSelectOk{})
	for i := range 3 {
		r.Publish(1, q, noProps, "m")
		r.Expect(1, &wire.BasicAck{DeliveryTag: uint64(i + 1)})
	}
	r.ExpectOpen(1)
}

func wireConfirmMany(t *T) {
	const n = 200
	r := t.RawOpen()
	q := r.RawQueue(1)
	r.SendMethod(1, &wire.ConfirmSelect{})
	r.Expect(1, &wire.ConfirmSelectOk{})
	var b []byte
	for range n {
		b = wire.AppendMethod(b, 1, &wire.BasicPublish{RoutingKey: q})
		b = wire.AppendHeader(b, 1, wire.BasicPublishID.Class(), 1, noProps)
		b = wire.AppendBody(b, 1, []byte("m"), 0)
	}
	r.Send(b)
	pending := map[uint64]bool{}
	for i := range n {
		pending[uint64(i+1)] = true
	}
	for len(pending) > 0 {
		ack := Await[*wire.BasicAck](r, 1)
		if !pending[ack.DeliveryTag] {
			t.Fatalf("confirm of %d, which was confirmed already or is not published", ack.DeliveryTag)
		}
		for tag := range pending {
			if tag == ack.DeliveryTag || ack.Multiple && tag < ack.DeliveryTag {
				delete(pending, tag)
			}
		}
	}
	r.ExpectOpen(1)
}

func wireReturnAck(t *T) {
	r := t.RawOpen()
	r.SendMethod(1, &wire.ConfirmSelect{})
	r.Expect(1, &wire.ConfirmSelectOk{})
	r.SendMethod(1, &wire.BasicPublish{Exchange: "amq.direct", RoutingKey: t.Name("k"), Mandatory: true})
	r.SendContent(1, noProps, "m")
	got := Await[*wire.BasicReturn](r, 1)
	t.Equal("312 NO_ROUTE amq.direct", fmt.Sprint(got.ReplyCode, " ", got.ReplyText, " ", got.Exchange), "return")
	_, body, _ := r.Content(1)
	t.Equal("m", string(body), "body of the return")
	r.Expect(1, &wire.BasicAck{DeliveryTag: 1})
	r.ExpectOpen(1)
}

func wireConfirmClosed(t *T) {
	r := t.RawOpen()
	q, absent := r.RawQueue(1), t.Name("x")
	r.SendMethod(1, &wire.ConfirmSelect{})
	r.Expect(1, &wire.ConfirmSelectOk{})
	b := wire.AppendMethod(nil, 1, &wire.BasicPublish{RoutingKey: q})
	b = wire.AppendHeader(b, 1, wire.BasicPublishID.Class(), 0, noProps)
	b = wire.AppendMethod(b, 1, &wire.BasicPublish{Exchange: absent})
	b = wire.AppendHeader(b, 1, wire.BasicPublishID.Class(), 0, noProps)
	r.Send(b)
	f := r.Next()
	if m, err := f.method(); err == nil && m.ID() == wire.BasicAckID {
		t.Equal(&wire.BasicAck{DeliveryTag: 1}, m, "the confirm of the first")
		f = r.Next()
	}
	m, err := f.method()
	t.OK(err, "read a method")
	if closing, ok := m.(*wire.ChannelClose); !ok || closing.ReplyCode != 404 {
		t.Fatalf("expected channel.close with 404, got %s", f)
	}
	r.SendMethod(1, &wire.ChannelCloseOk{}, &wire.ChannelOpen{})
	r.Expect(1, &wire.ChannelOpenOk{})
	r.ExpectOpen(1)
}

func wireGetEmpty(t *T) {
	r := t.RawOpen()
	r.SendMethod(1, &wire.BasicGet{Queue: r.RawQueue(1)})
	t.Equal([]byte{0, 60, 0, 72, 0}, r.Next().Payload, "payload of get-empty")
}

func wireRecoverAsync(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	r.Publish(1, q, noProps, "m")
	for i := range 2 {
		r.SendMethod(1, &wire.BasicGet{Queue: q})
		r.Expect(1, &wire.BasicGetOk{DeliveryTag: uint64(i + 1), Redelivered: i > 0, RoutingKey: q})
		r.Content(1)
		r.SendMethod(1, &wire.BasicRecoverAsync{Requeue: true})
	}
	r.SendMethod(1, &wire.BasicRecoverAsync{})
	r.ExpectClose(540, "requeue=false", wire.BasicRecoverAsyncID)
}

// allProperties are all 14 of them as they are on the wire, but the user id,
// which cannot be anything.
var allProperties = []byte("\xff\xec" + "\x0atext/plain" + "\x04gzip" + "\x00\x00\x00\x08\x01hS\x00\x00\x00\x01v" + "\x02" + "\x09" +
	"\x03cor" + "\x03rep" + "\x0560000" + "\x03mid" + "\x00\x00\x00\x00\x65\x53\xf1\x00" + "\x03typ" + "\x03app" + "\x03clu")

func wireProperties(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	for _, body := range []string{"", "body"} {
		r.Publish(1, q, allProperties, body)
		r.SendMethod(1, &wire.BasicGet{Queue: q, NoAck: true})
		Await[*wire.BasicGetOk](r, 1)
		header := r.Next()
		want := binary.BigEndian.AppendUint64([]byte{0, 60, 0, 0}, uint64(len(body)))
		t.Equal(append(want, allProperties...), header.Payload, "payload of the content header")
		if body != "" {
			t.Equal(Frame{wire.FrameBody, 1, []byte(body)}, r.Next(), "body frame")
		}
		r.ExpectOpen(1)
	}
}

// Present but empty is not absent, and the bits do not imply each other.
func wireEmptyProperties(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	for _, props := range []string{
		"\x00\x00", "\x80\x00\x00", "\x40\x00\x00", "\x10\x00\x00", "\x08\x00\x00", "\x04\x00\x00", "\x02\x00\x00",
		"\x00\x80\x00", "\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x20\x00", "\x00\x08\x00", "\x00\x04\x00",
	} {
		if props == "\x10\x00\x00" && !t.Version().AtLeast(3, 13, 0) {
			continue // a delivery mode of 0 is refused (BASIC-8)
		}
		r.Publish(1, q, []byte(props), "")
		got, _ := r.Fetch(1, q)
		t.Equal(props, string(got), "properties")
	}
}

func wireEmptyExpiration(t *T) {
	r := t.RawOpen()
	r.Publish(1, r.RawQueue(1), []byte("\x01\x00\x00"), "m")
	r.ExpectChannelClose(1, 406, "invalid expiration '': no_integer", wire.BasicPublishID)
}

func wireHeaderOrder(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	const flags, length = "\x20\x00", "\x00\x00\x00"
	sent := flags + length + "\x15" + "\x01bt\x01" + "\x01at\x01" + "\x01bt\x00" + "\x02abt\x01" + "\x01Bt\x01"
	want := sent
	if t.Version().AtLeast(3, 13, 0) {
		want = flags + length + "\x11" + "\x01Bt\x01" + "\x01at\x01" + "\x02abt\x01" + "\x01bt\x01"
	}
	r.Publish(1, q, []byte(sent), "m")
	got, _ := r.Fetch(1, q)
	t.Equal(want, string(got), "properties")
	r.SendMethod(1, &wire.BasicPublish{RoutingKey: t.Name("q"), Mandatory: true})
	r.SendContent(1, []byte(sent), "")
	Await[*wire.BasicReturn](r, 1)
	header, _, _ := r.Content(1)
	t.Equal(want, string(header.Properties()), "properties of a return")
}

// wireStoppedReader has a consumer with no prefetch limit that does not read,
// while more is published at it than sockets hold. Others keep their pace, and
// it loses nothing.
func wireStoppedReader(t *T) {
	const n, size = 500, 64 << 10
	r := t.RawOpen()
	q := r.RawQueue(1)
	r.SendMethod(1, &wire.BasicConsume{Queue: q, ConsumerTag: "c", NoAck: true})
	r.Expect(1, &wire.BasicConsumeOk{ConsumerTag: "c"})

	ch := t.Channel().Confirming()
	filler := strings.Repeat("x", size)
	for i := range n {
		ch.Send("", q, fmt.Sprintf("%05d%s", i, filler))
	}
	ch.AllConfirmed(n)
	other := t.Dial(amqp.Config{}).Open()
	free := other.NewQueue()
	consumer := other.Subscribe(free, Subscription{NoAck: true})
	other.SendAll(free, numbered(100)...)
	consumer.Expect(numbered(100)...)

	for i := range n {
		Await[*wire.BasicDeliver](r, 1)
		_, body, _ := r.Content(1)
		if len(body) != size+5 || string(body[:5]) != fmt.Sprintf("%05d", i) {
			t.Fatalf("delivery %d is %.5q of %d bytes", i, body, len(body))
		}
	}
	r.ExpectOpen(1)
}
