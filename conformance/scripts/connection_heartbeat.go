// Scripts: heartbeats (CONN-33 to CONN-37).

package scripts

import (
	"time"

	wire "github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

var connectionHeartbeatScripts = []Script{
	{Name: "connection/heartbeats-of-the-server", Covers: []string{"CONN-33", "CONN-25"}, Run: heartbeatsOfServer},
	{Name: "connection/heartbeats-not-needed", Covers: []string{"CONN-33"}, Run: heartbeatsNotNeeded},
	{Name: "connection/silent-client", Covers: []string{"CONN-34", "CONN-25"}, Run: heartbeatsMissed},
	{Name: "connection/any-byte-is-a-sign-of-life", Covers: []string{"CONN-34"}, Run: heartbeatsAnyByte},
	{Name: "connection/misplaced-heartbeats", Covers: []string{"CONN-36", "CONN-43"}, Run: heartbeatsMisplaced},
	{Name: "connection/heartbeats-amid-content", Covers: []string{"CONN-37"}, Run: heartbeatsAmidContent},
}

func heartbeatsOfServer(t *T) {
	const interval = 4 * time.Second
	clock := t.runner.clock
	r := t.Raw().Open(Tuning{Heartbeat: uint16(interval / time.Second)})
	last := clock.Now()
	for range 2 {
		r.NextHeartbeat(interval)
		now := clock.Now()
		if took := now.Sub(last); took < interval/4 {
			t.Errorf("a heartbeat after %v, expected %v", took, interval/2)
		}
		last = now
	}
}

// A connection on which the server has other things to say gets the first
// heartbeat and then no more, unless the machine stood still for so long that one
// was due.
func heartbeatsNotNeeded(t *T) {
	const interval = 2 * time.Second
	r := t.Raw().Open(Tuning{Heartbeat: uint16(interval / time.Second)}).OpenChannel(1)
	heartbeats, due := 0, 1
	clock := t.runner.clock
	last := clock.Now()
	for range 24 { // two and a half intervals
		t.OK(delay.Wait(t.ctx, t.runner.clock, interval/10), "wait")
		r.SendMethod(1, &wire.BasicQos{})
		for answered := false; !answered; {
			a, ok := r.next(0)
			if !ok {
				t.Fatalf("waited in vain for an answer")
			}
			t.OK(a.err, "wait for an answer")
			answered = a.Kind != wire.FrameHeartbeat
			if !answered {
				heartbeats++
			}
		}
		now := clock.Now()
		due += int(now.Sub(last) / (interval / 4))
		last = now
	}
	if heartbeats > due {
		t.Errorf("%d heartbeats on a busy connection, expected %d", heartbeats, due)
	}
}

// heartbeatsMissed says nothing: the end comes between two and three intervals, but
// not to a connection that wants no heartbeats, which gets none either.
func heartbeatsMissed(t *T) {
	const interval = time.Second
	still := t.RawOpen()
	r := t.Raw().Open(Tuning{Heartbeat: uint16(interval / time.Second)})
	if took := r.ExpectEnd(6 * interval); took < 2*interval-interval/4 {
		t.Errorf("the connection ended after %v, expected at least %v", took, 2*interval)
	}
	still.SendMethod(1, &wire.BasicQos{})
	a, _ := still.next(0)
	t.Equal("basic.qos-ok on channel 1 &{}", a.Frame.String(), "the first frame of a connection without heartbeats")
}

// heartbeatsAnyByte answers each of the server's heartbeats, two an interval, with
// one byte of a frame that takes many.
func heartbeatsAnyByte(t *T) {
	const interval = time.Second
	r := t.Raw().Open(Tuning{Heartbeat: uint16(interval / time.Second)})
	for _, b := range wire.AppendMethod(nil, 1, &wire.ChannelOpen{}) {
		r.NextHeartbeat(t.runner.patience)
		r.Send([]byte{b})
	}
	Await[*wire.ChannelOpenOk](r, 1)
}

func heartbeatsMisplaced(t *T) {
	send := func(channel uint16, payload string) func(*Raw) {
		return func(r *Raw) { r.SendFrame(wire.FrameHeartbeat, channel, []byte(payload)) }
	}
	t.Violations(
		Violation{"on an open channel", send(1, ""), closesWith(505, "type 8, all octets = <<>>", Nobody)},
		Violation{"on a channel that is not open", send(2, ""), closesWith(505, "type 8, all octets = <<>>", Nobody)},
		Violation{"with a payload", send(0, "\x01\x02"), closesWith(501, "type 8, all octets = <<1,2>>: unknown_frame", Nobody)},
	)
}

func heartbeatsAmidContent(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	heartbeat := wire.AppendHeartbeat(nil)
	b := wire.AppendMethod(nil, 1, &wire.BasicPublish{RoutingKey: q})
	b = append(b, heartbeat...)
	b = wire.AppendHeader(b, 1, 60, 10, noProps)
	b = append(b, heartbeat...)
	b = wire.AppendBody(b, 1, []byte("01234"), 0)
	b = append(append(b, heartbeat...), heartbeat...)
	r.Send(wire.AppendBody(b, 1, []byte("56789"), 0))
	_, body := r.Fetch(1, q)
	t.Equal("0123456789", body, "body")
}
