// Scripts: what is wrong with a frame as such (CONN-38 to CONN-48).

package scripts

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var connectionFrameScripts = []Script{
	{Name: "frames/wrong-end", Covers: []string{"CONN-38", "CONN-39"}, Run: framesWrongEnd},
	{Name: "frames/input-after-an-error", Covers: []string{"CONN-39", "CONN-70"}, Run: framesAfterError},
	{Name: "frames/too-large", Covers: []string{"CONN-40", "LIMIT-8"}, Run: framesTooLarge},
	{Name: "frames/barely-not-too-large", Covers: []string{"CONN-40"}, Run: framesTolerated},
	{Name: "frames/of-the-server-within-frame-max", Covers: []string{"CONN-41"}, Run: framesOfServer},
	{Name: "frames/unknown-type", Covers: []string{"CONN-43"}, Run: framesUnknownType},
	{Name: "frames/unknown-method", Covers: []string{"CONN-44"}, Run: framesUnknownMethod},
	{Name: "frames/malformed-arguments", Covers: []string{"CONN-45", "ERR-4"}, Run: framesMalformedArguments},
	{Name: "frames/malformed-table", Covers: []string{"CONN-46", "TYPES-2", "TYPES-8"}, Run: framesMalformedTable},
	{Name: "frames/malformed-utf-8", Covers: []string{"CONN-47"}, Run: framesMalformedUTF8},
	{Name: "frames/content-on-channel-0", Covers: []string{"CONN-48"}, Run: framesContentOnChannel0},
}

// unended is a frame whose last octet is wrong.
func unended(kind byte, channel uint16, payload string, end byte) func(*Raw) {
	b := wire.AppendFrame(nil, kind, channel, []byte(payload))
	b[len(b)-1] = end
	return func(r *Raw) { r.Send(b) }
}

func framesWrongEnd(t *T) {
	t.Violations(
		Violation{"a method", unended(wire.FrameMethod, 1, "\x00\x14\x00\x0a\x00", 0),
			closesWith(501, "type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,0}", Nobody)},
		Violation{"a method of channel 0", unended(wire.FrameMethod, 0, "\x00\x0a\x00\x3d", 0xCD),
			closesWith(501, "type 1, all octets = <<0,10,0,61>>: {invalid_frame_end_marker,205}", Nobody)},
		Violation{"a body", unended(wire.FrameBody, 1, "text", 0xCF),
			closesWith(501, `type 3, all octets = <<"text">>: {invalid_frame_end_marker,207}`, Nobody)},
		Violation{"a body of sixteen", unended(wire.FrameBody, 1, "0123456789abcdef", 1),
			closesWith(501, `type 3, all octets = <<"0123456789abcdef">>: {invalid_frame_end_marker,1}`, Nobody)},
		Violation{"a body of seventeen", unended(wire.FrameBody, 1, "0123456789abcdefg", 1),
			closesWith(501, `type 3, first 16 octets = <<"0123456789abcdef">>: {invalid_frame_end_marker,1}`, Nobody)},
		Violation{"an empty body", unended(wire.FrameBody, 1, "", 1),
			closesWith(501, "type 3, all octets = <<>>: {invalid_frame_end_marker,1}", Nobody)},
		Violation{"quotes and control characters", unended(wire.FrameBody, 1, "\"\\\n\x1b~", 1),
			closesWith(501, `type 3, all octets = <<"\"\\\n\e~">>: {invalid_frame_end_marker,1}`, Nobody)},
		Violation{"a large body that comes in pieces", func(r *Raw) {
			const size = 60000
			r.SendMethod(1, &wire.BasicPublish{})
			b := wire.AppendHeader(nil, 1, wire.BasicPublishID.Class(), size, noProps)
			b = wire.AppendFrame(b, wire.FrameBody, 1, bytes.Repeat([]byte("body"), size/4))
			b[len(b)-1] = 7
			for len(b) > 0 {
				n := min(len(b), 10000)
				r.Send(b[:n])
				b = b[n:]
			}
		}, closesWith(501, `type 3, first 16 octets = <<"bodybodybodybody">>: {invalid_frame_end_marker,7}`, Nobody)},
		// Erlang breaks lines at column 80.
		Violation{"a longer method", unended(wire.FrameMethod, 1, "\x00\x32\x00\x0a\x00\x00\x06queue1\x00\x00\x00\x00\x00", 0),
			closesWith(501, "type 1, first 16 octets = <<0,50,0,10,0,0,6,113,117,101,117,101,49,0,0,0>>: {invalid_frame_end_marker,\n"+
				strings.Repeat(" ", 77)+"0}", Nobody)},
		Violation{"a broken line of octets", unended(wire.FrameBody, 1, strings.Repeat("\x8c", 17), 206-1),
			closesWith(501, "type 3, first 16 octets = <<140,140,140,140,140,140,140,140,140,140,140,140,\n"+
				strings.Repeat(" ", 28)+"140,140,140,140>>: {invalid_frame_end_marker,205}", Nobody)},
		Violation{"an unprintable one", unended(wire.FrameBody, 1, "text\x7f", 1),
			closesWith(501, "type 3, all octets = <<116,101,120,116,127>>: {invalid_frame_end_marker,1}", Nobody)},
	)
}

// After a frame error the server reads no more, not even close-ok, and the
// connection ends in 3 seconds.
func framesAfterError(t *T) {
	r, q := t.RawOpen(), t.QueueName()
	unended(wire.FrameMethod, 1, "\x00\x14\x00\x0a\x00", 0)(r)
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Durable: true})
	r.expectClose(501, "type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,0}", Nobody)
	r.ExpectSilentClose()
	t.Equal(false, t.Conn().QueueExists(q), "a queue declared after the error exists")
}

// oversized is the start of a frame of this size, which is never sent in full.
func oversized(kind byte, size uint32) func(*Raw) {
	return func(r *Raw) { r.Send(binary.BigEndian.AppendUint32([]byte{kind, 0, 1}, size)) }
}

func framesTooLarge(t *T) {
	t.Violations(
		Violation{"a method", oversized(wire.FrameMethod, 131073),
			closesWith(501, "type 1, all octets = <<>>: {frame_too_large,131073,131064}", Nobody)},
		Violation{"a header", oversized(wire.FrameHeader, 200000),
			closesWith(501, "type 2, all octets = <<>>: {frame_too_large,200000,131064}", Nobody)},
		Violation{"four gigabytes", oversized(wire.FrameBody, 1<<32-1),
			closesWith(501, "type 3, all octets = <<>>: {frame_too_large,4294967295,131064}", Nobody)},
		Violation{"an unknown type", oversized(9, 131073),
			closesWith(501, "type 9, all octets = <<>>: {frame_too_large,131073,131064}", Nobody)},
	)
	t.Case("a smaller frame-max", func() {
		least := t.smallestFrameMax()
		r := t.Raw().Open(Tuning{FrameMax: least})
		oversized(wire.FrameBody, 200000)(r)
		r.expectClose(501, "type 3, all octets = <<>>: {frame_too_large,200000,"+itoa(least-8)+"}", Nobody)
	})
}

// A frame may be 8 bytes longer than agreed.
func framesTolerated(t *T) {
	least := t.smallestFrameMax()
	r := t.Raw().Open(Tuning{FrameMax: least}).OpenChannel(1)
	q := r.RawQueue(1)
	for _, size := range []uint32{least - 8, least - 7, least} {
		body := strings.Repeat("x", int(size))
		r.Publish(1, q, noProps, body)
		_, got := r.Fetch(1, q)
		t.Equal(body, got, "body of "+itoa(size))
	}
	oversized(wire.FrameBody, least+1)(r)
	r.expectClose(501, "type 3, all octets = <<>>: {frame_too_large,"+itoa(least+1)+","+itoa(least-8)+"}", Nobody)
}

func framesOfServer(t *T) {
	least := t.smallestFrameMax()
	part := int(least) - 8
	r := t.Raw().Open(Tuning{FrameMax: least}).OpenChannel(1)
	ch := t.Channel().Confirming() // of the largest frame-max
	q := ch.NewSharedQueue()
	for _, size := range []int{0, 1, part - 1, part, part + 1, 3 * part, 3*part + 1} {
		body := strings.Repeat("x", size)
		ch.Store(q, body)
		r.SendMethod(1, &wire.BasicGet{Queue: q, NoAck: true})
		Await[*wire.BasicGetOk](r, 1)
		_, got, frames := r.Content(1)
		t.Equal(body, string(got), "body")
		var sizes, want []int
		for _, f := range frames {
			sizes = append(sizes, len(f.Payload))
		}
		for left := size; left > 0; left -= part {
			want = append(want, min(left, part))
		}
		t.Equal(want, sizes, "sizes of the body frames")
	}
}

func framesUnknownType(t *T) {
	send := func(kind byte, channel uint16, payload string) func(*Raw) {
		return func(r *Raw) { r.SendFrame(kind, channel, []byte(payload)) }
	}
	t.Violations(
		Violation{"4", send(4, 1, "ab"), closesWith(501, `type 4, all octets = <<"ab">>: unknown_frame`, Nobody)},
		Violation{"0", send(0, 1, "\x00\x01"), closesWith(501, "type 0, all octets = <<0,1>>: unknown_frame", Nobody)},
		Violation{"255 on channel 0", send(255, 0, ""), closesWith(501, "type 255, all octets = <<>>: unknown_frame", Nobody)},
		Violation{"half a method", send(wire.FrameMethod, 1, "\x00\x3c\x00"),
			closesWith(501, "type 1, all octets = <<0,60,0>>: unknown_frame", Nobody)},
		Violation{"half a header", send(wire.FrameHeader, 1, "\x00\x3c\x00\x00\x00"),
			closesWith(501, "type 2, all octets = <<0,60,0,0,0>>: unknown_frame", Nobody)},
		Violation{"of 20 bytes", send(7, 1, strings.Repeat("a", 20)),
			closesWith(501, `type 7, first 16 octets = <<"aaaaaaaaaaaaaaaa">>: unknown_frame`, Nobody)},
	)
}

func framesUnknownMethod(t *T) {
	send := func(channel uint16, id wire.MethodID) func(*Raw) {
		return func(r *Raw) { r.SendArguments(channel, id, "\x00\x00") }
	}
	t.Violations(
		Violation{"unknown method", send(1, 60<<16|41), (*Raw).ExpectDrop},
		Violation{"unknown class", send(1, 61<<16|10), (*Raw).ExpectDrop},
		Violation{"on a channel that is not open", send(7, 60<<16|41), (*Raw).ExpectDrop},
		Violation{"on channel 0", send(0, 10<<16|99), (*Raw).ExpectDrop},
	)
}

func framesMalformedArguments(t *T) {
	send := func(channel uint16, id wire.MethodID, args string) func(*Raw) {
		return func(r *Raw) { r.SendArguments(channel, id, args) }
	}
	t.Violations(
		Violation{"truncated", send(1, wire.QueueDeclareID, "\x00\x00\x05a"),
			closesWith(501, "cannot decode <<0,0,5,97>>", wire.QueueDeclareID)},
		Violation{"trailing", send(1, wire.BasicAckID, "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00"),
			closesWith(501, "cannot decode <<0,0,0,0,0,0,0,1,0,0>>", wire.BasicAckID)},
		Violation{"printable", send(1, wire.QueueDeclareID, "text"),
			closesWith(501, "cannot decode <<116,101,120,116>>", wire.QueueDeclareID)},
		Violation{"none", send(1, wire.BasicPublishID, ""), closesWith(501, "cannot decode <<>>", wire.BasicPublishID)},
		Violation{"far too long", send(1, wire.BasicAckID, strings.Repeat("\x01", 1000)),
			closesWith(501, "cannot decode <<"+strings.Repeat("1,", 500), wire.BasicAckID)},
		Violation{"a table longer than the arguments", send(1, wire.QueueDeclareID, "\x00\x00\x01q\x00\x00\x00\x00\x09\x01aV"),
			closesWith(501, "cannot decode <<0,0,1,113,0,0,0,0,9,1,97,86>>", wire.QueueDeclareID)},
		Violation{"trailing and not UTF-8", send(1, wire.QueueDeclareID, "\x00\x00\x01\xff\x00\x00\x00\x00\x00\x01"),
			closesWith(501, "cannot decode <<0,0,1,255,0,0,0,0,0,1>>", wire.QueueDeclareID)},
		Violation{"on a channel that is not open", send(9, wire.QueueDeclareID, "text"),
			closesWith(501, "cannot decode <<116,101,120,116>>", wire.QueueDeclareID)},
		Violation{"on channel 0", send(0, wire.ConnectionCloseID, "\x00"), closesWith(541, "", Nobody)},
		Violation{"on channel 0, not UTF-8", send(0, wire.ConnectionCloseID, "\x00\xc8\x01\xff\x00\x00\x00\x00"), closesWith(501, "Malformed UTF-8 in shortstr", wire.ConnectionCloseID)},
	)
}

func framesMalformedTable(t *T) {
	send := func(table string) func(*Raw) {
		args := "\x00\x00\x01q\x00" + string(wire.AppendLongstr(nil, table))
		return func(r *Raw) { r.SendArguments(1, wire.QueueDeclareID, args) }
	}
	var violations []Violation
	for what, table := range map[string]string{
		"U": "\x01aU\x00\x01", "a short string": "\x01as\x03abc", "a digit": "\x01a1\x00", "NUL": "\x01a\x00", // TYPES-2: unknown tags
		"text that leaves the table": "\x01aS\x00\x00\x00\x09b", "key that leaves the table": "\x09ab",
		"no tag": "\x01a", "half a number": "\x01aI\x00\x00",
		"table that leaves the table": "\x01aF\x00\x00\x00\x09\x01bV", "unknown tag in an array": "\x01aA\x00\x00\x00\x01U",
		"infinity": "\x01af\x7f\x80\x00\x00", "no number": "\x01ad\x7f\xf8\x00\x00\x00\x00\x00\x00", // TYPES-8: no numbers
	} {
		violations = append(violations, Violation{what, send(table), (*Raw).ExpectDrop})
	}
	t.Violations(violations...)
}

func framesMalformedUTF8(t *T) {
	send := func(id wire.MethodID, args string) func(*Raw) {
		return func(r *Raw) { r.SendArguments(1, id, args) }
	}
	closed := closesWith(501, "Malformed UTF-8 in shortstr", Nobody)
	t.Violations(
		Violation{"queue", send(wire.QueueDeclareID, "\x00\x00\x01\xff\x00\x00\x00\x00\x00"), closed},
		Violation{"routing key", send(wire.QueueBindID, "\x00\x00\x00\x00\x02\xc3\x28\x00\x00\x00\x00\x00"), closed},
		Violation{"reserved", send(wire.ChannelOpenID, "\x01\x80"), closed},
		Violation{"overlong", send(wire.BasicCancelID, "\x02\xc0\x80\x00"), closed},
		Violation{"before a malformed table", send(wire.QueueDeclareID, "\x00\x00\x01\xff\x00\x00\x00\x00\x03\x01aU"), closed},
	)
	t.Case("the routing key of a message", func() {
		r := t.RawOpen()
		q, key := r.RawQueue(1), "\xff\xc3\x28"
		r.SendMethod(1, &wire.BasicPublish{RoutingKey: key, Mandatory: true})
		r.SendContent(1, noProps, "")
		t.Equal(key, Await[*wire.BasicReturn](r, 1).RoutingKey, "routing key of the return")
		r.Content(1)
		x := t.Name("x")
		r.SendMethod(1, &wire.ExchangeDeclare{Exchange: x, Type: "fanout", AutoDelete: true}, &wire.QueueBind{Queue: q, Exchange: x})
		r.Expect(1, &wire.ExchangeDeclareOk{})
		r.Expect(1, &wire.QueueBindOk{})
		r.SendMethod(1, &wire.BasicPublish{Exchange: x, RoutingKey: key})
		r.SendContent(1, noProps, "")
		r.SendMethod(1, &wire.BasicGet{Queue: q, NoAck: true})
		t.Equal(key, Await[*wire.BasicGetOk](r, 1).RoutingKey, "routing key of the delivery")
	})
	t.Case("a key of a table", func() {
		r, q := t.RawOpen(), t.Name("q")
		r.SendMethod(1, &wire.QueueDeclare{Queue: q, Exclusive: true, Arguments: wire.Table{{Key: "\xff", Value: "\xff"}}})
		r.Expect(1, &wire.QueueDeclareOk{Queue: q})
	})
}

func framesContentOnChannel0(t *T) {
	t.Violations(
		Violation{"a header", func(r *Raw) { r.SendContent(0, noProps, "") },
			closesWith(505, "type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,0,0,0>>", Nobody)},
		Violation{"a body", func(r *Raw) { r.SendFrame(wire.FrameBody, 0, []byte("text")) },
			closesWith(505, `type 3, all octets = <<"text">>`, Nobody)},
		Violation{"a long body", func(r *Raw) { r.SendFrame(wire.FrameBody, 0, []byte(strings.Repeat("a", 100))) },
			closesWith(505, `type 3, first 16 octets = <<"aaaaaaaaaaaaaaaa">>`, Nobody)},
	)
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
