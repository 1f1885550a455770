// Scripts: the first bytes of a connection and connection.start (CONN-1 to
// CONN-12).

package scripts

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	wire "github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

var connectionStartScripts = []Script{
	{Name: "connection/protocol-header", Covers: []string{"CONN-1", "CONN-2"}, Run: connectionProtocolHeader},
	{Name: "connection/closes-in-0-8", Covers: []string{"CONN-3", "CONN-69"}, Before: V(4, 0, 0), Run: connectionCloses08},
	{Name: "connection/protocol-header-of-0-8", Covers: []string{"CONN-3"}, Before: V(4, 0, 0), Run: connectionHeaderOf08},
	{Name: "connection/other-protocol-headers", Covers: []string{"CONN-4", "CONN-5"}, Before: V(4, 0, 0), Run: connectionOtherHeaders},
	{Name: "connection/handshake-time-out", Covers: []string{"CONN-6"}, Run: connectionHandshakeTimeout},
	{Name: "connection/mechanisms-and-locales", Covers: []string{"CONN-7", "CONN-8"}, Run: connectionMechanisms},
	{Name: "connection/server-properties", Covers: []string{"CONN-9", "CONN-10"}, Run: connectionServerProperties},
	{Name: "connection/capabilities-of-the-client", Covers: []string{"CONN-11"}, Run: connectionClientCapabilities},
	{Name: "connection/locale-of-the-client", Covers: []string{"CONN-12"}, Run: connectionLocale},
}

func connectionProtocolHeader(t *T) {
	for _, header := range []string{"AMQP\x00\x00\x09\x01", "AMQP\x01\x01\x00\x09"} {
		t.Case(fmt.Sprintf("%q", header), func() {
			r := t.Raw()
			r.Send([]byte(header))
			start := Await[*wire.ConnectionStart](r, 0)
			t.Equal([2]uint8{0, 9}, [2]uint8{start.VersionMajor, start.VersionMinor}, "version")
		})
	}
}

// 0-8 and 0-9-1 agree on what connection.start looks like.
func connectionHeaderOf08(t *T) {
	for _, header := range []string{"AMQP\x01\x01\x08\x00", "AMQP\x01\x01\x09\x01"} {
		t.Case(fmt.Sprintf("%q", header), func() {
			r := t.Raw()
			r.Send([]byte(header))
			start := Await[*wire.ConnectionStart](r, 0)
			t.Equal([2]uint8{8, 0}, [2]uint8{start.VersionMajor, start.VersionMinor}, "version")
			capabilities, _ := start.ServerProperties.Get("capabilities")
			t.Equal(wire.Table(nil), capabilities, "capabilities")
		})
	}
}

// In 0-8 connection.close is 10.60 and close-ok 10.61, from both sides.
func connectionCloses08(t *T) {
	const closing, closed = wire.MethodID(10<<16 | 60), wire.MethodID(10<<16 | 61)
	open := func() *Raw {
		r := t.Raw()
		r.Send([]byte("AMQP\x01\x01\x08\x00"))
		Await[*wire.ConnectionStart](r, 0)
		r.Login()
		tune := Await[*wire.ConnectionTune](r, 0)
		r.SendMethod(0, &wire.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: tune.FrameMax},
			&wire.ConnectionOpen{VirtualHost: t.VHost()})
		Await[*wire.ConnectionOpenOk](r, 0)
		return r
	}
	expect := func(r *Raw, want wire.MethodID, what string) {
		f := r.Next()
		t.Equal(want, wire.MethodID(binary.BigEndian.Uint32(append(f.Payload, 0, 0, 0, 0))), what)
	}
	r := open()
	r.SendArguments(0, closing, "\x00\xc8\x00\x00\x00\x00\x00")
	expect(r, closed, "answer to the client's close")
	r = open()
	r.SendMethod(0, &wire.ConnectionOpen{VirtualHost: t.VHost()})
	expect(r, closing, "the broker's close")
	r.SendArguments(0, closed, "")
	r.ExpectDrop()
}

func connectionOtherHeaders(t *T) {
	for _, header := range []string{
		"AMQP\x00\x00\x09\x02", "AMQP\x00\x00\x0a\x00", "AMQP\x01\x01\x00\x0a", "AMQP\xff\xff\xff\xff", // unknown versions
		"AMQP\x00\x01\x00\x00", "AMQP\x03\x01\x00\x00", // AMQP 1.0, bare and with SASL
		"GET / HT", "\x16\x03\x01\x02\x00\x01\x00\x01", "\x00\x00\x00\x00\x00\x00\x00\x00", "amqp\x00\x00\x09\x01",
	} {
		t.Case(fmt.Sprintf("%q", header), func() {
			r := t.Raw()
			r.Send([]byte(header))
			t.Equal(wire.ProtocolHeader, string(r.Next().Payload), "answer")
			r.ExpectDrop()
		})
	}
}

// The limit is 10 seconds for all of the handshake, whichever step it stops at, and
// however lively it is meanwhile.
func connectionHandshakeTimeout(t *T) {
	const limit = 10 * time.Second
	clock := t.runner.clock
	began := clock.Now()
	stops := []struct {
		at string
		do func(*Raw)
	}{
		{"nothing", func(r *Raw) {}},
		{"half a header", func(r *Raw) { r.Send([]byte("AMQP")) }},
		{"start", func(r *Raw) { r.Start() }},
		{"half a start-ok", func(r *Raw) { r.Start(); r.Send([]byte{wire.FrameMethod, 0, 0, 0, 0, 1, 0, 'x'}) }},
		{"tune", func(r *Raw) { r.Tuned() }},
		{"tune-ok", func(r *Raw) {
			tune := r.Tuned()
			r.SendMethod(0, &wire.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: tune.FrameMax})
		}},
	}
	raws := make([]*Raw, len(stops))
	for i, s := range stops {
		t.Case(s.at, func() {
			raws[i] = t.Raw()
			s.do(raws[i])
		})
	}
	lively := t.Raw()
	lively.Start()
	for range limit/time.Second + 2 {
		lively.Send(wire.AppendHeartbeat(nil))
		t.OK(delay.Wait(t.ctx, clock, time.Second), "wait")
	}
	select {
	case a := <-lively.came:
		t.Equal(true, ended(a.err), "a handshake of heartbeats has ended")
	default:
		t.Errorf("a handshake of heartbeats lasts")
	}
	for i, s := range stops {
		t.Case("stopped at "+s.at, func() {
			r := raws[i]
			end := r.sent.Add(r.ExpectEnd(3 * limit / 2))
			if took := end.Sub(began); took < 9*limit/10 {
				t.Errorf("the connection ended after %v, expected %v", took, limit)
			}
		})
	}
}

func connectionMechanisms(t *T) {
	start := t.Raw().Start()
	t.Equal("en_US", start.Locales, "locales")
	mechanisms := strings.Split(start.Mechanisms, " ")
	for _, m := range []string{"PLAIN", "AMQPLAIN"} {
		t.Equal(true, slices.Contains(mechanisms, m), fmt.Sprintf("%s is among %q", m, start.Mechanisms))
	}
}

func connectionServerProperties(t *T) {
	properties := t.Raw().Start().ServerProperties
	var keys []string
	for _, f := range properties {
		keys = append(keys, f.Key)
		if want := "longstr"; f.Key != "capabilities" {
			t.Equal(want, wire.TypeName(f.Value), "type of "+f.Key)
		}
	}
	t.Equal("capabilities cluster_name copyright information platform product version", strings.Join(keys, " "), "keys")
	product, _ := properties.Get("product")
	t.Equal("RabbitMQ", product, "product")

	capabilities, _ := properties.Get("capabilities")
	t.Equal(wire.Table{
		{Key: "publisher_confirms", Value: true}, {Key: "exchange_exchange_bindings", Value: true}, {Key: "basic.nack", Value: true},
		{Key: "consumer_cancel_notify", Value: true}, {Key: "connection.blocked", Value: true}, {Key: "consumer_priorities", Value: true},
		{Key: "authentication_failure_close", Value: true}, {Key: "per_consumer_qos", Value: true}, {Key: "direct_reply_to", Value: true},
	}, capabilities, "capabilities")
}

// A refused login shows whether the server has read authentication_failure_close
// (CONN-15, CONN-16).
func connectionClientCapabilities(t *T) {
	key := "authentication_failure_close"
	refused := func(properties wire.Table) *Raw {
		r := t.Raw()
		r.Start()
		ok := t.startOk()
		ok.ClientProperties, ok.Response = properties, ok.Response+"wrong"
		r.SendMethod(0, ok)
		return r
	}
	silent := map[string]*Raw{
		"no table":       refused(wire.Table{{Key: "capabilities", Value: key}}),
		"an array":       refused(wire.Table{{Key: "capabilities", Value: wire.Array{key}}}),
		"false":          refused(wire.Table{{Key: "capabilities", Value: wire.Table{{Key: key, Value: false}}}}),
		"not a boolean":  refused(wire.Table{{Key: "capabilities", Value: wire.Table{{Key: key, Value: "true"}}}}),
		"one level down": refused(wire.Table{{Key: key, Value: true}}),
	}
	t.Case("a boolean in a table", func() {
		refused(failureClose).expectClose(403, loginRefused("PLAIN"), Nobody)
	})
	for what, r := range silent {
		t.Case(what, r.ExpectSilentClose)
	}
}

func connectionLocale(t *T) {
	for _, locale := range []string{"", "tlh_QO", strings.Repeat("x", 255)} {
		t.Case(fmt.Sprintf("%.10q", locale), func() {
			r := t.Raw()
			r.Start()
			ok := t.startOk()
			ok.Locale = locale
			r.SendMethod(0, ok)
			Await[*wire.ConnectionTune](r, 0)
		})
	}
}
