package broker_test

// Who writes to a connection: the goroutine that filled a small outbox, or the connection's writer.

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// tcpOpen is a raw client over TCP, which the broker may write to inline.
func tcpOpen(t *testing.T, addr string) *rawClient {
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	c := newRawClient(t, nc)
	c.open(0)
	c.channel(1)
	return c
}

// A client that does not read holds up nobody: neither the reader of a publisher, nor the
// committer that confirms. It gets everything in order once it reads, no matter who has written
// which part.
func TestFullSocketHoldsUpNobody(t *testing.T) {
	const messages = 8_000
	for _, durable := range []bool{false, true} {
		st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		b := start(t, broker.Config{Store: st})
		addr := listen(t, b)
		deaf := tcpOpen(t, addr)
		deaf.send(1, &amqp.QueueDeclare{Queue: "q", Durable: durable, AutoDelete: !durable}, &amqp.BasicConsume{Queue: "q", NoAck: true})
		expect[*amqp.QueueDeclareOk](deaf)
		expect[*amqp.BasicConsumeOk](deaf)

		publisher := tcpOpen(t, addr)
		publisher.send(1, &amqp.ConfirmSelect{})
		expect[*amqp.ConfirmSelectOk](publisher)
		props := (&amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 2}).Append(nil)
		body := make([]byte, 1500)
		for i := range uint64(messages) { // one at a time, so that each outbox is small
			binary.BigEndian.PutUint64(body, i)
			p := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{RoutingKey: "q"})
			p = amqp.AppendHeader(p, 1, 60, uint64(len(body)), props)
			publisher.write(amqp.AppendBody(p, 1, body, 131072))
			ack := expect[*amqp.BasicAck](publisher)
			require.Equal(t, i+1, ack.DeliveryTag)
		}
		for i := range uint64(messages) {
			require.Equal(t, i+1, expect[*amqp.BasicDeliver](deaf).DeliveryTag)
			require.EqualValues(t, amqp.FrameHeader, deaf.next().kind)
			require.Equal(t, i, binary.BigEndian.Uint64(deaf.next().payload), "in order")
		}
	}
}

// A client that is gone with a full socket ends, and what it held is ready again.
func TestConnectionLostWithFullSocket(t *testing.T) {
	b := start(t, broker.Config{})
	addr := listen(t, b)
	vh, err := b.VHost("")
	require.NoError(t, err)
	_, err = vh.DeclareQueue(broker.Queue{Name: "q"})
	require.NoError(t, err)
	deaf := tcpOpen(t, addr)
	deaf.send(1, &amqp.BasicConsume{Queue: "q"})
	expect[*amqp.BasicConsumeOk](deaf)
	const messages = 10_000
	for range messages { // from Go, whose goroutine writes too
		_, err := vh.Publish("", "q", broker.Message{Body: make([]byte, 1000)})
		require.NoError(t, err)
	}
	require.NoError(t, deaf.nc.Close())
	eventually(t, "everything is ready again", func() bool {
		n, err := vh.Counts("q")
		return err == nil && n.Ready == messages && n.Consumers == 0
	})
}
