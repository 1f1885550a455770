// Scripts: tune, open, and steps out of order (CONN-21 to CONN-32).

package scripts

import (
	"fmt"
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var connectionTuneScripts = []Script{
	{Name: "connection/tune", Covers: []string{"CONN-21", "CONN-19"}, Run: connectionTune},
	{Name: "connection/tune-ok-within-limits", Covers: []string{"CONN-22", "CONN-23", "CONN-25"}, Run: connectionTuneOk},
	{Name: "connection/tune-ok-beyond-limits", Covers: []string{"CONN-22", "CONN-23"}, Run: connectionTuneBeyond},
	{Name: "connection/frame-size-before-tune-ok", Covers: []string{"CONN-26"}, Run: connectionInitialFrameMax},
	{Name: "connection/open", Covers: []string{"CONN-27"}, Run: connectionOpen},
	{Name: "connection/open-missing-vhost", Covers: []string{"CONN-28"}, Run: connectionMissingVHost},
	{Name: "connection/handshake-out-of-order", Covers: []string{"CONN-32"}, Run: connectionOutOfOrder},
	{Name: "connection/errors-between-tune-ok-and-open", Covers: []string{"CONN-32"}, Run: connectionOpening},
	{Name: "connection/heartbeats-in-handshake", Covers: []string{"CONN-32"}, Run: connectionHeartbeatsInHandshake},
	{Name: "connection/malformed-method-in-handshake", Covers: []string{"CONN-32", "CONN-45"}, Run: connectionMalformedInHandshake},
}

// smallestFrameMax is the least that tune-ok may say, and the limit before it.
func (t *T) smallestFrameMax() uint32 {
	if t.Version().AtLeast(4, 1, 0) {
		return 8192
	}
	return 4096
}

func connectionTune(t *T) {
	t.Equal(wire.ConnectionTune{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 60}, *t.Raw().Tuned(), "tune")
}

func connectionTuneOk(t *T) {
	least := t.smallestFrameMax()
	for _, ok := range []wire.ConnectionTuneOk{
		{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 60},
		{ChannelMax: 1, FrameMax: least, Heartbeat: 1},
		{ChannelMax: 2046, FrameMax: 131071, Heartbeat: 0},
		{ChannelMax: 2047, FrameMax: least + 1, Heartbeat: 65535},
	} {
		t.Case(fmt.Sprintf("%+v", ok), func() {
			r := t.Raw()
			r.Tuned()
			r.SendMethod(0, &ok, &wire.ConnectionOpen{VirtualHost: t.URI().Vhost})
			r.Expect(0, &wire.ConnectionOpenOk{})
		})
	}
}

func connectionTuneBeyond(t *T) {
	raws := map[string]*Raw{}
	for _, ok := range []wire.ConnectionTuneOk{
		{ChannelMax: 2048, FrameMax: 131072}, {ChannelMax: 65535, FrameMax: 131072}, {ChannelMax: 0, FrameMax: 131072},
		{ChannelMax: 2047, FrameMax: 131073}, {ChannelMax: 2047, FrameMax: 1<<32 - 1}, {ChannelMax: 2047, FrameMax: 0},
		{ChannelMax: 2047, FrameMax: t.smallestFrameMax() - 1}, {ChannelMax: 2047, FrameMax: 1},
	} {
		r := t.Raw()
		r.Tuned()
		r.SendMethod(0, &ok)
		raws[fmt.Sprintf("%+v", ok)] = r
	}
	for what, r := range raws {
		t.Case(what, r.ExpectSilentClose)
	}
}

// The longest start-ok has a payload of as many bytes as the smallest frame-max.
func connectionInitialFrameMax(t *T) {
	padded := func(size uint32) *Raw {
		ok := t.startOk()
		pad := int(size) - 4 - len(ok.Append(nil)) - len("\x03padS\x00\x00\x00\x00")
		ok.ClientProperties = append(wire.Table{{Key: "pad", Value: strings.Repeat("x", pad)}}, ok.ClientProperties...)
		r := t.Raw()
		r.Start()
		r.SendMethod(0, ok)
		return r
	}
	longest, longer := padded(t.smallestFrameMax()), padded(t.smallestFrameMax()+1)
	t.Case("longest", func() { Await[*wire.ConnectionTune](longest, 0) })
	t.Case("longer", longer.ExpectSilentClose)
}

// tuned is a connection before its open, the broker's proposal accepted.
func (t *T) tuned() *Raw {
	r := t.Raw()
	tune := r.Tuned()
	r.SendMethod(0, &wire.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: tune.FrameMax})
	return r
}

func connectionOpen(t *T) {
	vhost := string(wire.AppendShortstr(nil, t.URI().Vhost))
	for what, rest := range map[string]string{
		"nothing more": "\x00\x00", "capabilities": "\x04caps\x00", "insist": "\x00\x01", "both": "\x04caps\x01",
	} {
		t.Case(what, func() {
			r := t.tuned()
			r.SendArguments(0, wire.ConnectionOpenID, vhost+rest)
			f := r.Next()
			t.Equal(Frame{wire.FrameMethod, 0, []byte{0, 10, 0, 41, 0}}, f, "open-ok with an empty string")
		})
	}
}

func connectionMissingVHost(t *T) {
	for _, name := range []string{t.Name("vhost"), "", "it's"} {
		t.Case(fmt.Sprintf("%q", name), func() {
			r := t.tuned()
			r.SendMethod(0, &wire.ConnectionOpen{VirtualHost: name})
			r.ExpectClose(530, fmt.Sprintf("vhost %s not found", name), wire.ConnectionOpenID)
		})
	}
}

func connectionOutOfOrder(t *T) {
	tuneOk := &wire.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 131072}
	open := &wire.ConnectionOpen{VirtualHost: t.URI().Vhost}
	closing := &wire.ConnectionClose{ReplyCode: 200}
	start := func() *Raw { r := t.Raw(); r.Start(); return r }
	tune := func() *Raw { r := t.Raw(); r.Tuned(); return r }
	raws := map[string]*Raw{}
	for _, c := range []struct {
		what    string
		from    func() *Raw
		channel uint16
		methods []wire.Method
	}{
		{"open before start-ok", start, 0, []wire.Method{open}},
		{"tune-ok before start-ok", start, 0, []wire.Method{tuneOk}},
		{"close before start-ok", start, 0, []wire.Method{closing}},
		{"secure-ok before start-ok", start, 0, []wire.Method{&wire.ConnectionSecureOk{}}},
		{"channel 1 before start-ok", start, 1, []wire.Method{t.startOk()}},
		{"open before tune-ok", tune, 0, []wire.Method{open}},
		{"close before tune-ok", tune, 0, []wire.Method{closing}},
		{"start-ok again before tune-ok", tune, 0, []wire.Method{t.startOk()}},
	} {
		r := c.from()
		r.SendMethod(c.channel, c.methods...)
		raws[c.what] = r
	}
	for what, r := range raws {
		t.Case(what, r.ExpectSilentClose)
	}
}

// From tune-ok on the server says what is wrong, if it can read it.
func connectionOpening(t *T) {
	const text = "unexpected method in connection state opening"
	for _, m := range []wire.Method{
		&wire.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 131072}, &wire.ConnectionClose{ReplyCode: 200},
		&wire.ConnectionCloseOk{}, &wire.ConnectionUpdateSecret{}, &wire.ChannelOpen{},
	} {
		t.Case(m.ID().String(), func() {
			r := t.tuned()
			r.SendMethod(0, m)
			r.ExpectClose(504, text, m.ID())
		})
	}
	t.Case("a method on channel 1", func() {
		r := t.tuned()
		r.SendMethod(1, &wire.ChannelOpen{})
		r.ExpectClose(505, "type 1, all octets = <<0,20,0,10,0>>", Nobody)
	})
	t.Case("truncated arguments", func() {
		r := t.tuned()
		r.SendArguments(0, wire.ConnectionOpenID, "\x05/")
		r.ExpectSilentClose()
	})
}

func connectionHeartbeatsInHandshake(t *T) {
	heartbeat := wire.AppendHeartbeat(nil)
	r := t.Raw()
	r.Start()
	r.Send(heartbeat)
	r.Login()
	tune := Await[*wire.ConnectionTune](r, 0)
	r.Send(heartbeat)
	r.SendMethod(0, &wire.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: tune.FrameMax})
	r.Send(heartbeat)
	r.SendMethod(0, &wire.ConnectionOpen{VirtualHost: t.URI().Vhost})
	r.Expect(0, &wire.ConnectionOpenOk{})
}

// What is an error with a text later on is silent during the handshake.
func connectionMalformedInHandshake(t *T) {
	raws := map[string]*Raw{}
	for what, send := range map[string]func(*Raw){
		"truncated start-ok": func(r *Raw) { r.SendArguments(0, wire.ConnectionStartOkID, "\x00\x00\x00\x00\x05PLAIN") },
		"wrong end of frame": func(r *Raw) { r.Send([]byte{wire.FrameMethod, 0, 0, 0, 0, 0, 4, 0, 10, 0, 11, 0}) },
		"unknown frame type": func(r *Raw) { r.SendFrame(5, 0, []byte("12345")) },
		"body frame":         func(r *Raw) { r.SendFrame(wire.FrameBody, 0, []byte("12345")) },
	} {
		r := t.Raw()
		r.Start()
		send(r)
		raws[what] = r
	}
	for what, r := range raws {
		t.Case(what, r.ExpectSilentClose)
	}
}
