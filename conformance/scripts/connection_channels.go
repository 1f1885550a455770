// Scripts: channel 0, opening, closing and reusing channels (CONN-58 to CONN-68),
// and how a refusal looks on the wire (ERR-1 to ERR-6).

package scripts

import (
	"strconv"
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var connectionChannelScripts = []Script{
	{Name: "channels/methods-on-channel-0", Covers: []string{"CONN-58", "ERR-2"}, Run: channelsMethodsOn0},
	{Name: "channels/methods-of-the-server", Covers: []string{"CONN-59", "ERR-2"}, Run: channelsUnimplemented},
	{Name: "channels/not-opened", Covers: []string{"CONN-60"}, Run: channelsNotOpened},
	{Name: "channels/opened-twice", Covers: []string{"CONN-61", "CONN-65"}, Run: channelsOpenedTwice},
	{Name: "channels/open-ok", Covers: []string{"CONN-62"}, Run: channelsOpenOk},
	{Name: "channels/too-many", Covers: []string{"CONN-63", "CONN-22"}, Run: channelsTooMany},
	{Name: "channels/numbers-above-channel-max", Covers: []string{"CONN-63"}, Run: channelsHighNumbers},
	{Name: "channels/closed-by-the-server", Covers: []string{"CONN-64", "ERR-1", "ERR-2"}, Run: channelsClosedByServer},
	{Name: "channels/broken-content-after-the-close", Covers: []string{"CONN-64", "CONN-49"}, Run: channelsBrokenAfterClose},
	{Name: "channels/opened-before-close-ok", Covers: []string{"CONN-64"}, Run: channelsOpenedBeforeCloseOk},
	{Name: "channels/reuse-of-numbers", Covers: []string{"CONN-65"}, Run: channelsReuse},
	{Name: "channels/close-gives-back", Covers: []string{"CONN-66"}, Run: channelsCloseGivesBack},
	{Name: "channels/flow", Covers: []string{"CONN-67"}, Run: channelsFlow},
	{Name: "channels/access-request", Covers: []string{"CONN-68"}, Run: channelsAccessRequest},
	{Name: "channels/replies-before-the-close", Covers: []string{"ERR-6", "ERR-2"}, Run: channelsRepliesBeforeClose},
	{Name: "channels/long-reply-text", Covers: []string{"ERR-3", "ERR-5"}, Run: channelsLongText},
}

// on sends methods on a channel.
func on(channel uint16, methods ...wire.Method) func(*Raw) {
	return func(r *Raw) { r.SendMethod(channel, methods...) }
}

func channelsMethodsOn0(t *T) {
	var violations []Violation
	for _, m := range []wire.Method{
		&wire.ChannelOpen{}, &wire.QueueDeclare{}, &wire.BasicPublish{}, &wire.TxSelect{}, &wire.ChannelClose{}, &wire.BasicDeliver{},
		t.startOk(), &wire.ConnectionTuneOk{}, &wire.ConnectionOpen{}, &wire.ConnectionSecureOk{},
		&wire.ConnectionCloseOk{}, &wire.ConnectionStart{}, &wire.ConnectionTune{}, &wire.ConnectionBlocked{},
	} {
		violations = append(violations, Violation{m.ID().String(), on(0, m),
			closesWith(504, "unexpected method in connection state running", m.ID())})
	}
	t.Violations(violations...)
}

func channelsUnimplemented(t *T) {
	var violations []Violation
	for _, m := range []wire.Method{
		&wire.ConnectionStartOk{}, &wire.ConnectionOpen{}, &wire.ConnectionClose{}, &wire.ConnectionCloseOk{}, // of channel 0
		&wire.ChannelOpenOk{}, &wire.ChannelCloseOk{}, &wire.QueueDeclareOk{}, &wire.BasicConsumeOk{}, &wire.BasicGetEmpty{},
		&wire.ChannelFlowOk{Active: true}, &wire.ConfirmSelectOk{}, &wire.TxCommitOk{}, &wire.AccessRequestOk{},
	} {
		violations = append(violations, Violation{m.ID().String(), on(1, m), closesWith(503, "unimplemented method", m.ID())})
	}
	for _, m := range []wire.Method{&wire.BasicDeliver{}, &wire.BasicReturn{}, &wire.BasicGetOk{}} {
		content := func(r *Raw) {
			r.SendMethod(1, m)
			r.SendContent(1, noProps, "text")
		}
		violations = append(violations, Violation{m.ID().String(), content, closesWith(503, "unimplemented method", m.ID())})
	}
	t.Violations(violations...)
}

func channelsNotOpened(t *T) {
	var violations []Violation
	for _, m := range []wire.Method{
		&wire.QueueDeclare{}, &wire.ChannelClose{}, &wire.ChannelCloseOk{}, &wire.BasicAck{}, &wire.ChannelFlow{},
		&wire.ConnectionClose{}, &wire.BasicConsumeOk{},
	} {
		violations = append(violations, Violation{m.ID().String(), on(2, m), closesWith(504, "expected 'channel.open'", m.ID())})
	}
	violations = append(violations,
		Violation{"a publish with its content", func(r *Raw) { r.Publish(2, "q", noProps, "x") },
			closesWith(504, "expected 'channel.open'", wire.BasicPublishID)},
		Violation{"a header", func(r *Raw) { r.SendContent(2, noProps, "") }, closesWith(505, notMethod, Nobody)},
		Violation{"after close-ok", func(r *Raw) {
			r.SendMethod(1, &wire.ChannelClose{})
			r.Expect(1, &wire.ChannelCloseOk{})
			r.SendMethod(1, &wire.BasicQos{})
		}, closesWith(504, "expected 'channel.open'", wire.BasicQosID)},
	)
	t.Violations(violations...)
}

func channelsOpenedTwice(t *T) {
	closed := closesWith(504, "second 'channel.open' seen", wire.ChannelOpenID)
	t.Violations(
		Violation{"an open channel", on(1, &wire.ChannelOpen{}), closed},
		Violation{"open, then closed and opened in one go", on(1, &wire.ChannelClose{}, &wire.ChannelOpen{}), func(r *Raw) {
			// close-ok may or may not still come first
			if f := r.Next(); f.Channel == 0 {
				r.t.Equal("CHANNEL_ERROR - second 'channel.open' seen", closeText(f), "reply-text")
			} else {
				closed(r)
			}
		}},
	)
}

// closeText is the reply-text of a connection.close.
func closeText(f Frame) string {
	m, _ := f.method()
	if c, ok := m.(*wire.ConnectionClose); ok {
		return c.ReplyText
	}
	return f.String()
}

func channelsOpenOk(t *T) {
	r := t.RawOpen()
	for what, args := range map[string]string{"nothing": "\x00", "out-of-band": "\x04oobs"} {
		t.Case(what, func() {
			channel := uint16(100 + len(args))
			r.SendArguments(channel, wire.ChannelOpenID, args)
			t.Equal(Frame{wire.FrameMethod, channel, []byte{0, 20, 0, 11, 0, 0, 0, 0}}, r.Next(), "open-ok with an empty string")
		})
	}
}

func channelsTooMany(t *T) {
	for _, limit := range []uint16{1, 3} {
		t.Case(strconv.Itoa(int(limit)), func() {
			r := t.Raw().Open(Tuning{ChannelMax: limit})
			for channel := uint16(1); channel <= limit; channel++ {
				r.OpenChannel(channel)
			}
			r.SendMethod(limit, &wire.ChannelClose{})
			r.Expect(limit, &wire.ChannelCloseOk{})
			r.OpenChannel(limit + 1) // a closed one counts no more
			r.SendMethod(limit+2, &wire.ChannelOpen{})
			n := strconv.Itoa(int(limit))
			r.ExpectClose(530, "number of channels opened ("+n+") has reached the negotiated channel_max ("+n+")", Nobody)
		})
	}
}

func channelsHighNumbers(t *T) {
	r := t.Raw().Open(Tuning{ChannelMax: 2}).OpenChannel(60000).OpenChannel(65535)
	r.ExpectOpen(60000)
	r.ExpectOpen(65535)
}

// missing is a method that closes its channel, and why.
func (t *T) missing() (m wire.Method, text string) {
	q := t.Name("q")
	return &wire.BasicGet{Queue: q}, "no " + t.QueueText(q)
}

func channelsClosedByServer(t *T) {
	m, text := t.missing()
	r := t.RawOpen()
	q := t.QueueName()
	r.SendMethod(1, m)
	r.expectChannelClose(1, 404, text, m.ID())

	// Ignored: methods, contents, and what would be an error otherwise.
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Durable: true}, m, &wire.ConnectionClose{}, &wire.BasicPublish{})
	r.SendContent(1, noProps, "text")
	// Answered, and waiting for close-ok still.
	r.SendMethod(1, &wire.ChannelClose{})
	r.Expect(1, &wire.ChannelCloseOk{})
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Durable: true})
	// Free again.
	r.SendMethod(1, &wire.ChannelCloseOk{})
	r.OpenChannel(1)
	r.ExpectOpen(1)
	t.Equal(false, t.Conn().QueueExists(q), "a queue declared after the close exists")
}

// What is ignored must make sense as a sequence of frames.
func channelsBrokenAfterClose(t *T) {
	m, text := t.missing()
	r := t.RawOpen()
	r.SendMethod(1, m)
	r.expectChannelClose(1, 404, text, m.ID())
	r.SendFrame(wire.FrameBody, 1, []byte("stray"))
	r.ExpectClose(505, notMethod, Nobody)
}

func channelsOpenedBeforeCloseOk(t *T) {
	m, text := t.missing()
	r := t.RawOpen()
	r.SendMethod(1, m)
	r.expectChannelClose(1, 404, text, m.ID())
	r.SendMethod(1, &wire.ChannelOpen{})
	r.ExpectClose(504, "second 'channel.open' seen", wire.ChannelOpenID)
}

func channelsReuse(t *T) {
	m, text := t.missing()
	r := t.RawOpen()
	for range 3 {
		r.SendMethod(1, &wire.ChannelClose{ReplyCode: 200, ReplyText: "done"})
		r.Expect(1, &wire.ChannelCloseOk{})
		r.OpenChannel(1)
		r.SendMethod(1, m)
		r.expectChannelClose(1, 404, text, m.ID())
		r.SendMethod(1, &wire.ChannelCloseOk{}, &wire.ChannelOpen{})
		r.Expect(1, &wire.ChannelOpenOk{})
	}
	r.ExpectOpen(1)
}

// By close-ok the consumers are gone and the messages are back.
func channelsCloseGivesBack(t *T) {
	r := t.RawOpen().OpenChannel(2)
	q := r.RawQueue(1)
	r.Publish(1, q, noProps, "got")
	r.SendMethod(1, &wire.BasicGet{Queue: q})
	Await[*wire.BasicGetOk](r, 1)
	r.Content(1)
	r.SendMethod(2, &wire.BasicConsume{Queue: q, ConsumerTag: "tag"})
	r.Expect(2, &wire.BasicConsumeOk{ConsumerTag: "tag"})
	r.Publish(1, q, noProps, "delivered")
	Await[*wire.BasicDeliver](r, 2)
	r.Content(2)

	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Passive: true})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q, ConsumerCount: 1})
	r.SendMethod(2, &wire.ChannelClose{})
	r.Expect(2, &wire.ChannelCloseOk{})
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Passive: true})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q, MessageCount: 1})
	r.SendMethod(1, &wire.ChannelClose{})
	r.Expect(1, &wire.ChannelCloseOk{})
	r.OpenChannel(1)
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Passive: true})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q, MessageCount: 2})
}

func channelsFlow(t *T) {
	r := t.RawOpen()
	r.SendMethod(1, &wire.ChannelFlow{Active: true})
	r.Expect(1, &wire.ChannelFlowOk{Active: true})
	r.SendMethod(1, &wire.ChannelFlow{})
	r.ExpectClose(540, "active=false", wire.ChannelFlowID)
}

func channelsAccessRequest(t *T) {
	r := t.RawOpen()
	r.SendMethod(1, &wire.AccessRequest{Realm: t.Name("realm"), Exclusive: true, Active: true})
	r.Expect(1, &wire.AccessRequestOk{Ticket: 1})
	q := string(wire.AppendShortstr(nil, t.Name("q")))
	for _, ticket := range []string{"\x00\x00", "\x00\x01", "\xff\xff"} {
		r.SendArguments(1, wire.QueueDeclareID, ticket+q+"\x04\x00\x00\x00\x00")
		Await[*wire.QueueDeclareOk](r, 1)
	}
}

func channelsRepliesBeforeClose(t *T) {
	m, text := t.missing()
	r := t.RawOpen()
	first, later := t.Name("q"), t.QueueName()
	r.SendMethod(1, &wire.QueueDeclare{Queue: first, Exclusive: true}, &wire.BasicQos{PrefetchCount: 1}, m,
		&wire.QueueDeclare{Queue: later, Durable: true}, &wire.BasicQos{})
	r.Expect(1, &wire.QueueDeclareOk{Queue: first})
	r.Expect(1, &wire.BasicQosOk{})
	r.ExpectChannelClose(1, 404, text, m.ID())
	t.Equal(false, t.Conn().QueueExists(later), "a queue declared after the refusal exists")
}

func channelsLongText(t *T) {
	for _, n := range []int{100, 212, 213, 214, 255} {
		q := t.Name("q")
		q += strings.Repeat("x", n-len(q))
		r := t.RawOpen()
		r.SendMethod(1, &wire.BasicGet{Queue: q})
		r.ExpectChannelClose(1, 404, "no "+t.QueueText(q), wire.BasicGetID)
	}
}
