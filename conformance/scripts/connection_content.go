// Scripts: a content in its frames, and out of them (CONN-49 to CONN-57).

package scripts

import (
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var connectionContentScripts = []Script{
	{Name: "content/not-expected", Covers: []string{"CONN-49", "CONN-54"}, Run: contentNotExpected},
	{Name: "content/no-header", Covers: []string{"CONN-50", "CONN-51"}, Run: contentNoHeader},
	{Name: "content/no-body", Covers: []string{"CONN-52", "CONN-53"}, Run: contentNoBody},
	{Name: "content/too-much-body", Covers: []string{"CONN-53"}, Run: contentTooMuchBody},
	{Name: "content/empty-body-frames", Covers: []string{"CONN-54"}, Run: contentEmptyFrames},
	{Name: "content/malformed-properties", Covers: []string{"CONN-55", "TYPES-2", "TYPES-8", "ERR-4"}, Run: contentMalformedProperties},
	{Name: "content/errors-when-complete", Covers: []string{"CONN-56"}, Run: contentErrorsWhenComplete},
	{Name: "content/interleaved-channels", Covers: []string{"CONN-38"}, Run: contentInterleaved},
	{Name: "content/pipelined", Covers: []string{"CONN-57"}, Run: contentPipelined},
}

const notMethod = "expected method frame, got non method frame instead"

func contentNotExpected(t *T) {
	t.Violations(
		Violation{"a header", func(r *Raw) { r.SendContent(1, noProps, "") }, closesWith(505, notMethod, Nobody)},
		Violation{"a body", func(r *Raw) { r.SendFrame(wire.FrameBody, 1, []byte("x")) }, closesWith(505, notMethod, Nobody)},
		Violation{"a body after a content that has none", func(r *Raw) {
			r.Publish(1, "nowhere", noProps, "")
			r.SendFrame(wire.FrameBody, 1, nil)
		}, closesWith(505, notMethod, Nobody)},
		Violation{"another body after a content that is complete", func(r *Raw) {
			r.Publish(1, "nowhere", noProps, "x")
			r.SendFrame(wire.FrameBody, 1, []byte("y"))
		}, closesWith(505, notMethod, Nobody)},
	)
}

func contentNoHeader(t *T) {
	publish := func(next func(*Raw)) func(*Raw) {
		return func(r *Raw) {
			r.SendMethod(1, &wire.BasicPublish{})
			next(r)
		}
	}
	header := func(class, weight byte) func(*Raw) {
		payload := []byte{0, class, 0, weight, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		return func(r *Raw) { r.SendFrame(wire.FrameHeader, 1, payload) }
	}
	const text = "expected content header for class 60, got non content header frame instead"
	t.Violations(
		Violation{"a method", publish(func(r *Raw) { r.SendMethod(1, &wire.BasicQos{}) }), closesWith(505, text, wire.BasicPublishID)},
		Violation{"a body", publish(func(r *Raw) { r.SendFrame(wire.FrameBody, 1, []byte("x")) }), closesWith(505, text, wire.BasicPublishID)},
		Violation{"a weight", publish(header(60, 1)), closesWith(505, text, wire.BasicPublishID)},
		Violation{"another class", publish(header(50, 0)),
			closesWith(505, "expected content header for class 60, got one for class 50 instead", wire.BasicPublishID)},
		Violation{"no class", publish(header(0, 0)),
			closesWith(505, "expected content header for class 60, got one for class 0 instead", wire.BasicPublishID)},
	)
}

func contentNoBody(t *T) {
	begun := func(size uint64, next func(*Raw)) func(*Raw) {
		return func(r *Raw) {
			r.SendMethod(1, &wire.BasicPublish{})
			r.Send(wire.AppendHeader(nil, 1, 60, size, noProps))
			next(r)
		}
	}
	closed := closesWith(505, "expected content body, got non content body frame instead", wire.BasicPublishID)
	t.Violations(
		Violation{"a method", begun(5, func(r *Raw) { r.SendMethod(1, &wire.BasicQos{}) }), closed},
		Violation{"a header", begun(5, func(r *Raw) { r.SendContent(1, noProps, "") }), closed},
		Violation{"a method amid the body", begun(5, func(r *Raw) {
			r.SendFrame(wire.FrameBody, 1, []byte("0123"))
			r.SendMethod(1, &wire.ChannelClose{})
		}), closed},
	)
}

// A content that has too much body is never complete, whatever more comes, until
// something else comes.
func contentTooMuchBody(t *T) {
	ch := t.Channel()
	q := ch.NewSharedQueue()
	r := t.RawOpen()
	r.SendMethod(1, &wire.BasicPublish{RoutingKey: q})
	r.Send(wire.AppendHeader(nil, 1, 60, 5, noProps))
	r.SendFrame(wire.FrameBody, 1, []byte("0123456789"))
	if t.Version().AtLeast(4, 3, 0) {
		r.ExpectClose(501, "content body frame exceeds remaining content size", wire.BasicPublishID)
		t.Equal(0, ch.Inspect(q).Messages, "messages")
		return
	}
	r.SendFrame(wire.FrameBody, 1, []byte("more"))
	r.OpenChannel(2) // an answer: the server has read all this
	t.Equal(0, ch.Inspect(q).Messages, "messages")
	r.SendMethod(1, &wire.BasicQos{})
	r.ExpectClose(505, "expected content body, got non content body frame instead", wire.BasicPublishID)
	t.Equal(0, ch.Inspect(q).Messages, "messages")
}

func contentEmptyFrames(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	r.SendMethod(1, &wire.BasicPublish{RoutingKey: q})
	r.Send(wire.AppendHeader(nil, 1, 60, 4, noProps))
	for _, part := range []string{"", "ab", "", "", "cd"} {
		r.SendFrame(wire.FrameBody, 1, []byte(part))
	}
	_, body := r.Fetch(1, q)
	t.Equal("abcd", body, "body")
}

func contentMalformedProperties(t *T) {
	var violations []Violation
	for what, props := range map[string]string{
		"no flags": "", "half the flags": "\x10", "truncated property": "\x80\x00\x05text", "missing property": "\x10\x00",
		"trailing byte": "\x10\x00\x02\x00", "trailing byte after no property": "\x00\x00\x00",
		"more flags, and a property of theirs": "\x00\x01\x80\x00\x00",
		"unknown tag in the headers":           "\x20\x00\x00\x00\x00\x05\x01aU\x00\x01",
		"headers that are too long":            "\x20\x00\x00\x00\x00\x09\x01aV",
		"text that leaves the headers":         "\x20\x00\x00\x00\x00\x08\x01aS\x00\x00\x00\x09b",
		"infinity in the headers":              "\x20\x00\x00\x00\x00\x07\x01af\x7f\x80\x00\x00",
	} {
		violations = append(violations, Violation{what, func(r *Raw) { r.Publish(1, "nowhere", []byte(props), "body") }, closesWith(541, "", Nobody)})
	}
	t.Violations(violations...)
}

func contentErrorsWhenComplete(t *T) {
	r := t.RawOpen()
	x := t.Name("x")
	r.SendMethod(1, &wire.BasicPublish{Exchange: x})
	r.OpenChannel(2)
	r.Send(wire.AppendHeader(nil, 1, 60, 2, noProps))
	r.ExpectOpen(2)
	r.SendFrame(wire.FrameBody, 1, []byte("a"))
	r.ExpectOpen(2)
	r.SendFrame(wire.FrameBody, 1, []byte("b"))
	r.ExpectChannelClose(1, 404, "no exchange '"+x+"' in vhost '"+t.URI().Vhost+"'", wire.BasicPublishID)
}

// Frames of other channels may come between those of a content.
func contentInterleaved(t *T) {
	r := t.RawOpen().OpenChannel(2)
	q := r.RawQueue(1)
	for _, channel := range []uint16{1, 2} {
		r.SendMethod(channel, &wire.BasicPublish{RoutingKey: q})
	}
	for _, channel := range []uint16{2, 1} {
		r.Send(wire.AppendHeader(nil, channel, 60, 4, noProps))
	}
	for _, part := range []string{"ab", "cd"} {
		r.SendFrame(wire.FrameBody, 1, []byte(part))
		r.SendFrame(wire.FrameBody, 2, []byte(strings.ToUpper(part)))
	}
	r.ExpectOpen(1)
	r.ExpectOpen(2)
	bodies := map[string]bool{}
	for range 2 {
		_, body := r.Fetch(1, q)
		bodies[body] = true
	}
	t.Equal(map[string]bool{"abcd": true, "ABCD": true}, bodies, "bodies")
}

func contentPipelined(t *T) {
	r := t.Raw().Open(Tuning{})
	q := t.Name("q")
	b := wire.AppendMethod(nil, 1, &wire.ChannelOpen{})
	b = wire.AppendMethod(b, 1, &wire.QueueDeclare{Queue: q, Exclusive: true})
	b = wire.AppendMethod(b, 1, &wire.BasicPublish{RoutingKey: q})
	b = wire.AppendBody(wire.AppendHeader(b, 1, 60, 4, noProps), 1, []byte("body"), 0)
	b = wire.AppendMethod(b, 1, &wire.BasicGet{Queue: q})
	b = wire.AppendMethod(b, 1, &wire.QueueDelete{Queue: q})
	b = wire.AppendMethod(b, 1, &wire.ChannelClose{})
	r.Send(b)
	r.Expect(1, &wire.ChannelOpenOk{})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q})
	r.Expect(1, &wire.BasicGetOk{DeliveryTag: 1, RoutingKey: q})
	_, body, _ := r.Content(1)
	t.Equal("body", string(body), "body")
	r.Expect(1, &wire.QueueDeleteOk{})
	r.Expect(1, &wire.ChannelCloseOk{})
}
