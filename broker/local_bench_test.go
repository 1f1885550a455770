package broker_test

import (
	"context"
	"net"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
)

// Within the process, as a test or a program that embeds the broker has it.
func BenchmarkInProcess(b *testing.B) {
	message := broker.Message{Body: make([]byte, 100)}
	open := func(b *testing.B) *broker.VHost {
		v := vhost(b, start(b, broker.Config{}))
		declare(b, v, "q")
		b.ReportAllocs()
		return v
	}
	publish := func(b *testing.B, v *broker.VHost) {
		n, err := v.Publish("", "q", message)
		require.NoError(b, err)
		require.Equal(b, 1, n)
	}
	b.Run("publish-get", func(b *testing.B) {
		v := open(b)
		for b.Loop() {
			publish(b, v)
			_, ok, err := v.Get("q", true)
			require.NoError(b, err)
			require.True(b, ok)
		}
	})
	b.Run("publish-consume-ack", func(b *testing.B) {
		v := open(b)
		c, err := v.Consume("q", broker.ConsumeOptions{})
		require.NoError(b, err)
		for b.Loop() {
			publish(b, v)
			d, err := c.Next(context.Background())
			require.NoError(b, err)
			require.NoError(b, d.Ack())
		}
	})
	b.Run("official-client-confirm", func(b *testing.B) {
		ch := overPipe(b)
		require.NoError(b, ch.Confirm(false))
		for b.Loop() {
			c, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp091.Publishing{Body: message.Body})
			require.NoError(b, err)
			require.True(b, c.Wait())
		}
	})
	b.Run("official-client-round-trip", func(b *testing.B) {
		ch := overPipe(b)
		deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
		require.NoError(b, err)
		for b.Loop() {
			require.NoError(b, ch.PublishWithContext(context.Background(), "", "q", false, false, amqp091.Publishing{Body: message.Body}))
			d := <-deliveries
			require.NoError(b, d.Ack(false))
		}
	})
	b.Run("start-stop", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			br, err := broker.New(broker.Config{})
			require.NoError(b, err)
			require.NoError(b, br.Close())
		}
	})
}

// overPipe is a channel of the official client to a broker in this process, with a queue.
func overPipe(b *testing.B) *amqp091.Channel {
	br := start(b, broker.Config{})
	declare(b, vhost(b, br), "q")
	conn, err := amqp091.DialConfig(br.URL(), amqp091.Config{
		Dial: func(string, string) (net.Conn, error) { return br.Dial() },
	})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, conn.Close()) })
	ch, err := conn.Channel()
	require.NoError(b, err)
	b.ReportAllocs()
	return ch
}
