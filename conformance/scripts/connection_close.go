// Scripts: how connections end (CONN-69 to CONN-72), and the one thing that can be
// changed while they last (CONN-76).

package scripts

import (
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var connectionCloseScripts = []Script{
	{Name: "closing/by-the-client", Covers: []string{"CONN-69", "CONN-71"}, Run: closingByClient},
	{Name: "closing/client-that-stays", Covers: []string{"CONN-69"}, Run: closingClientStays},
	{Name: "closing/by-the-server", Covers: []string{"CONN-70", "CONN-71"}, Run: closingByServer},
	{Name: "closing/client-that-never-answers", Covers: []string{"CONN-70"}, Run: closingNoCloseOk},
	{Name: "closing/abruptly", Covers: []string{"CONN-72"}, Run: closingAbruptly},
	{Name: "closing/amid-a-content", Covers: []string{"CONN-72", "CONN-56"}, Run: closingAmidContent},
	{Name: "connection/update-secret", Covers: []string{"CONN-76"}, Run: connectionUpdateSecret},
}

// holding is a connection that has an exclusive queue of its own, one message of
// another queue unacked, and a consumer on it.
func (t *T) holding(shared string, wish Tuning) (r *Raw, exclusive string) {
	r = t.Raw().Open(wish).OpenChannel(1)
	exclusive = r.RawQueue(1)
	r.SendMethod(1, &wire.BasicGet{Queue: shared})
	Await[*wire.BasicGetOk](r, 1)
	r.Content(1)
	r.SendMethod(1, &wire.BasicConsume{Queue: shared, ConsumerTag: "tag"})
	r.Expect(1, &wire.BasicConsumeOk{ConsumerTag: "tag"})
	return r, exclusive
}

// released reports whether what holding held is free.
func (t *T) released(ch *Channel, shared, exclusive string) bool {
	return !t.Conn().QueueExists(exclusive) && ch.Inspect(shared) == amqp.Queue{Name: shared, Messages: 1}
}

func closingByClient(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	ch.Store(q, "m")
	r, exclusive := t.holding(q, Tuning{})
	r.SendMethod(0, &wire.ConnectionClose{ReplyCode: 200, ReplyText: "bye"})
	r.Expect(0, &wire.ConnectionCloseOk{})
	t.Equal(true, t.released(ch, q, exclusive), "all that the connection had is released by close-ok")
}

// The server waits for the client to hang up, as long as an interval of
// heartbeats.
func closingClientStays(t *T) {
	const interval = 2 * time.Second
	r := t.Raw().Open(Tuning{Heartbeat: uint16(interval / time.Second)}).OpenChannel(1)
	r.SendMethod(0, &wire.ConnectionClose{ReplyCode: 200})
	r.Expect(0, &wire.ConnectionCloseOk{})
	if took := r.ExpectEnd(0); took < interval*3/4 {
		t.Errorf("the connection ended %v after close-ok, expected %v", took, interval)
	}
}

func closingByServer(t *T) {
	ch := t.Channel().Confirming()
	q, ignored := ch.NewSharedQueue(), t.QueueName()
	ch.Store(q, "m")
	r, exclusive := t.holding(q, Tuning{})
	refuse := &wire.ChannelFlow{}
	r.SendMethod(1, refuse)
	r.expectClose(540, "active=false", refuse.ID())
	t.Equal(true, t.released(ch, q, exclusive), "all that the connection had is released by connection.close")

	// Ignored: methods on channels that were open or were not.
	r.SendMethod(1, &wire.QueueDeclare{Queue: ignored, Durable: true}, refuse)
	r.SendMethod(7, &wire.ChannelOpen{}, &wire.ChannelOpen{})
	r.SendMethod(0, &wire.ChannelOpen{})
	// Answered.
	r.SendMethod(0, &wire.ConnectionClose{ReplyCode: 200})
	r.Expect(0, &wire.ConnectionCloseOk{})
	r.SendMethod(0, &wire.ConnectionCloseOk{})
	r.ExpectDrop()
	t.Equal(false, t.Conn().QueueExists(ignored), "a queue declared after the close exists")
}

func closingNoCloseOk(t *T) {
	const interval = 2 * time.Second
	r := t.Raw().Open(Tuning{Heartbeat: uint16(interval / time.Second)}).OpenChannel(1)
	r.SendMethod(1, &wire.ChannelFlow{})
	r.expectClose(540, "active=false", wire.ChannelFlowID)
	if took := r.ExpectEnd(0); took < interval*3/4 {
		t.Errorf("the connection ended after %v, expected %v", took, interval)
	}
}

func closingAbruptly(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	ch.Store(q, "m")
	r, exclusive := t.holding(q, Tuning{})
	r.socket.Close()
	t.WaitFor("all that the connection had to be released", func() bool { return t.released(ch, q, exclusive) })
	t.Equal(true, ch.Fetch(q).Redelivered, "redelivered")
}

func closingAmidContent(t *T) {
	ch := t.Channel()
	q := ch.NewSharedQueue()
	r := t.RawOpen()
	exclusive := r.RawQueue(1)
	r.SendMethod(1, &wire.BasicPublish{RoutingKey: q})
	r.Send(wire.AppendHeader(nil, 1, 60, 10, noProps))
	r.SendFrame(wire.FrameBody, 1, []byte("half"))
	r.socket.Close()
	t.WaitFor("the connection to be gone", func() bool { return !t.Conn().QueueExists(exclusive) })
	t.Equal(0, ch.Inspect(q).Messages, "messages")
}

func connectionUpdateSecret(t *T) {
	r := t.RawOpen()
	r.SendMethod(0, &wire.ConnectionUpdateSecret{NewSecret: "another", Reason: "time"})
	r.Expect(0, &wire.ConnectionUpdateSecretOk{})
	r.ExpectOpen(1)
}
