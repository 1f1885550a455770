// Scripts: what a client may send, or get, though few ever do.

package scripts

import (
	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var connectionEdgeScripts = []Script{
	{Name: "content/publish-on-closed-channel", Covers: []string{"CONN-60"}, Run: edgeClosedChannel},
	{Name: "content/method-of-server", Covers: []string{"CONN-59"}, Run: edgeServerContent},
	{Name: "tx/publish-to-deleted-queue", Covers: []string{"BASIC-83", "BASIC-86"}, Run: edgeTxDeleted},
	{Name: "confirm/unroutable-before-stored", Covers: []string{"BASIC-15", "BASIC-17"}, Run: edgeConfirmMixed},
	{Name: "confirm/unroutable-one-by-one", Covers: []string{"BASIC-15", "BASIC-16"}, Run: edgeConfirmUnroutable},
}

// A publish on a channel that is not open is refused when its content is complete.
func edgeClosedChannel(t *T) {
	r := t.Raw().Open(Tuning{})
	r.SendMethod(7, &wire.BasicPublish{RoutingKey: "nowhere"})
	r.OpenChannel(1)
	r.SendContent(7, noProps, "body")
	r.ExpectClose(504, "expected 'channel.open'", wire.BasicPublishID)
}

// A method of the server's that has a content gets it, and is refused then.
func edgeServerContent(t *T) {
	deliver := &wire.BasicDeliver{ConsumerTag: "c"}
	t.Violations(
		Violation{"and no content", func(r *Raw) { r.SendMethod(1, deliver, &wire.BasicQos{}) },
			closesWith(505, "expected content header for class 60, got non content header frame instead", wire.BasicDeliverID)},
		Violation{"with its content", func(r *Raw) {
			r.SendMethod(1, deliver)
			r.SendContent(1, noProps, "body")
		}, closesWith(503, "unimplemented method", wire.BasicDeliverID)},
	)
}

// What a transaction publishes stays with the queues that it was routed to. One of
// them that is deleted before the commit rejects it.
func edgeTxDeleted(t *T) {
	for _, anew := range []bool{false, true} {
		ch, other := t.Dial(amqp.Config{}).Open().transacting(), t.Channel()
		q := other.NewSharedQueue()
		ch.SendAll(q, "m")
		ch.ExpectOpen()
		_, err := other.QueueDelete(q, false, false, false)
		t.OK(err, "delete the queue")
		if anew {
			t.OK(declareQueue(q, nil)(other), "declare it anew")
		}
		err = ch.TxCommit()
		switch {
		case t.Version().AtLeast(4, 2, 0) && !anew: // the text goes on over several lines if it is long
			got := Receive(t, ch.conn.closed, "the end of the connection")
			t.Equal(506, got.Code, "code")
			t.Equal("RESOURCE_ERROR - failed to deliver message: {not_found,", got.Reason[:min(len(got.Reason), 55)], "text")
		case t.Version().AtLeast(3, 13, 0):
			ch.ExpectClosed(406, "partial tx completion")
		default:
			t.OK(err, "tx.commit")
		}
	}
}

// A publish that reaches no queue is acked at once, by itself, while those before it wait
// for the disk.
func edgeConfirmMixed(t *T) {
	q, nowhere := t.QueueName(), t.Name("nowhere")
	r := t.RawOpen()
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Durable: true})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q})
	r.SendMethod(1, &wire.ConfirmSelect{})
	r.Expect(1, &wire.ConfirmSelectOk{})
	persistent := (&wire.Properties{Flags: wire.HasDeliveryMode, DeliveryMode: 2}).Append(nil)
	var b []byte
	for _, key := range []string{q, nowhere, q} {
		b = wire.AppendMethod(b, 1, &wire.BasicPublish{RoutingKey: key, Mandatory: true})
		b = wire.AppendHeader(b, 1, wire.BasicPublishID.Class(), 0, persistent)
	}
	r.Send(b)
	returned := false
	for left := map[uint64]bool{1: true, 2: true, 3: true}; len(left) > 0; {
		m, err := r.Next().method()
		t.OK(err, "read a method")
		switch m := m.(type) {
		case *wire.BasicReturn:
			r.Content(1)
			returned = true
		case *wire.BasicAck:
			if left[2] && m.DeliveryTag >= 2 { // a broker may be quick with the first, and not with the third
				t.Equal(wire.BasicAck{DeliveryTag: 2}, *m, "ack of what reached no queue")
				t.Equal(true, returned, "it was returned before")
			}
			for tag := range left {
				if tag == m.DeliveryTag || m.Multiple && tag < m.DeliveryTag {
					delete(left, tag)
				}
			}
		default:
			t.Fatalf("got %s", m.ID())
		}
	}
}

// Of publishes that reach no queue each is acked by itself, after its return.
func edgeConfirmUnroutable(t *T) {
	r := t.RawOpen()
	r.SendMethod(1, &wire.ConfirmSelect{})
	r.Expect(1, &wire.ConfirmSelectOk{})
	var b []byte
	for range 3 {
		for _, mandatory := range []bool{false, true} {
			b = wire.AppendMethod(b, 1, &wire.BasicPublish{Exchange: "amq.direct", RoutingKey: t.Name("k"), Mandatory: mandatory})
			b = wire.AppendHeader(b, 1, wire.BasicPublishID.Class(), 0, noProps)
		}
	}
	r.Send(b)
	returns := uint64(0)
	for tag := uint64(1); tag <= 6; {
		m, err := r.Next().method()
		t.OK(err, "read a method")
		switch m := m.(type) {
		case *wire.BasicReturn:
			r.Content(1)
			returns++
		case *wire.BasicAck:
			t.Equal(wire.BasicAck{DeliveryTag: tag}, *m, "ack")
			if returns < tag/2 {
				t.Errorf("the ack of %d came before its return", tag)
			}
			tag++
		default:
			t.Fatalf("got %s", m.ID())
		}
	}
}
