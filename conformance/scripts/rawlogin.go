// The handshake of the raw client, step by step, with the script free to stop or
// to stray at each.

package scripts

import (
	wire "github.com/rabbetmq/rabbet/amqp"
)

// failureClose is the client capability that makes a refused login audible
// (CONN-15).
var failureClose = wire.Table{{Key: "capabilities", Value: wire.Table{{Key: "authentication_failure_close", Value: true}}}}

// Start sends the protocol header and waits for connection.start.
func (r *Raw) Start() *wire.ConnectionStart {
	r.Send([]byte(wire.ProtocolHeader))
	return Await[*wire.ConnectionStart](r, 0)
}

// Login sends a start-ok that is right.
func (r *Raw) Login() { r.SendMethod(0, r.t.startOk()) }

// startOk is a start-ok that is right, with the login of the broker's URL.
func (t *T) startOk() *wire.ConnectionStartOk {
	return &wire.ConnectionStartOk{
		ClientProperties: failureClose, Mechanism: "PLAIN", Locale: "en_US",
		Response: "\x00" + t.runner.uri.Username + "\x00" + t.runner.uri.Password,
	}
}

// Tuned logs in and gives what the broker then proposes.
func (r *Raw) Tuned() *wire.ConnectionTune {
	r.Start()
	r.Login()
	return Await[*wire.ConnectionTune](r, 0)
}

// Tuning is what a script wants of tune-ok other than what the broker proposes.
// Zero is no wish; the heartbeat is off unless wished for.
type Tuning struct {
	ChannelMax uint16
	FrameMax   uint32
	Heartbeat  uint16
}

// Open logs in and opens the virtual host, but no channel.
func (r *Raw) Open(wish Tuning) *Raw {
	tune := r.Tuned()
	ok := wire.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: tune.FrameMax, Heartbeat: wish.Heartbeat}
	if wish.ChannelMax != 0 {
		ok.ChannelMax = wish.ChannelMax
	}
	if wish.FrameMax != 0 {
		ok.FrameMax = wish.FrameMax
	}
	r.SendMethod(0, &ok, &wire.ConnectionOpen{VirtualHost: r.t.runner.uri.Vhost})
	Await[*wire.ConnectionOpenOk](r, 0)
	return r
}

// OpenChannel opens a channel.
func (r *Raw) OpenChannel(channel uint16) *Raw {
	r.SendMethod(channel, &wire.ChannelOpen{})
	Await[*wire.ChannelOpenOk](r, channel)
	return r
}

// RawOpen is a connection with channel 1 open, heartbeats off.
func (t *T) RawOpen() *Raw { return t.Raw().Open(Tuning{}).OpenChannel(1) }

// RawQueue declares a queue for this connection alone and gives its name.
func (r *Raw) RawQueue(channel uint16) string {
	name := r.t.Name("q")
	r.SendMethod(channel, &wire.QueueDeclare{Queue: name, Exclusive: true})
	r.Expect(channel, &wire.QueueDeclareOk{Queue: name})
	return name
}

// Violation is something that a client must not do on a connection with channel
// 1 open, and what it earns.
type Violation struct {
	What   string
	Do     func(*Raw)
	Expect func(*Raw)
}

// closesWith expects connection.close with code, text and the method to blame.
func closesWith(code int, text string, blame wire.MethodID) func(*Raw) {
	return func(r *Raw) { r.ExpectClose(code, text, blame) }
}

// Violations tries each on a connection of its own, all at a time, while a client
// that has nothing to do with them sends and receives, before and after.
func (t *T) Violations(violations ...Violation) {
	ch := t.Channel()
	q := ch.NewQueue()
	bystander := ch.Subscribe(q, Subscription{NoAck: true})
	ch.Send("", q, "before")
	bystander.Expect("before")
	raws := make([]*Raw, len(violations))
	for i, v := range violations {
		t.Case(v.What, func() {
			raws[i] = t.RawOpen()
			v.Do(raws[i])
		})
	}
	for i, v := range violations {
		t.Case(v.What, func() { v.Expect(raws[i]) })
	}
	ch.Send("", q, "after")
	bystander.Expect("after")
}
