package shovel_test

import (
	"context"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/shovel"
	"github.com/rabbetmq/rabbet/store"
)

// benchmarks moves b.N persistent messages of 1 KB from one broker to another over TCP, in
// memory and with stores: by a shovel, and by a loop with RabbitMQ's client. The first has
// to be worth its own frames.
func BenchmarkMove(b *testing.B) {
	for name, durable := range map[string]bool{"memory": false, "disk": true} {
		b.Run(name+"/frames", func(b *testing.B) { benchmark(b, durable, byShovel) })
		b.Run(name+"/client", func(b *testing.B) { benchmark(b, durable, byClient) })
	}
}

const benchPrefetch = 5000

func benchmark(b *testing.B, durable bool, move func(b *testing.B, from, to *broker.Broker)) {
	from, to := benchBroker(b, durable), benchBroker(b, durable)
	v, err := from.VHost("")
	require.NoError(b, err)
	for _, of := range []*broker.Broker{from, to} {
		at, err := of.VHost("")
		require.NoError(b, err)
		_, err = at.DeclareQueue(broker.Queue{Name: "q", Durable: true})
		require.NoError(b, err)
	}
	for range b.N {
		_, err := v.Publish("", "q", broker.Message{Body: make([]byte, 1024), Properties: amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 2}})
		require.NoError(b, err)
	}
	b.ResetTimer()
	move(b, from, to)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

func benchBroker(b *testing.B, durable bool) *broker.Broker {
	cfg := broker.Config{DiskFreeLimit: -1}
	if durable {
		st, err := store.Open(b.TempDir(), store.Options{})
		require.NoError(b, err)
		cfg.Store = st
	}
	mq, err := broker.New(cfg)
	require.NoError(b, err)
	b.Cleanup(func() { _ = mq.Close() })
	_, err = mq.Listen("127.0.0.1:0")
	require.NoError(b, err)
	return mq
}

func byShovel(b *testing.B, from, to *broker.Broker) {
	m := shovel.Start(from, shovel.Config{})
	defer m.Close()
	v, err := from.VHost("")
	require.NoError(b, err)
	require.NoError(b, v.SetParameter(shovel.Component, "s", benchValue(b, from, to)))
	for m.Forwarded() < uint64(b.N) {
		waitABit()
	}
	for {
		if _, there := v.Parameter(shovel.Component, "s"); !there {
			return
		}
		waitABit()
	}
}

func byClient(b *testing.B, from, to *broker.Broker) {
	source, target := benchChannel(b, from), benchChannel(b, to)
	require.NoError(b, source.Qos(benchPrefetch, 0, false))
	require.NoError(b, target.Confirm(false))
	confirms := target.NotifyPublish(make(chan amqp091.Confirmation, benchPrefetch))
	deliveries, err := source.Consume("q", "", false, false, false, false, nil)
	require.NoError(b, err)
	failed := make(chan error, 1)
	go func() {
		for i := 0; i < b.N; i++ {
			d := <-deliveries
			err := target.PublishWithContext(context.Background(), "", "q", false, false, amqp091.Publishing{
				Headers: d.Headers, DeliveryMode: d.DeliveryMode, Body: d.Body,
			})
			if err != nil {
				failed <- err
				return
			}
		}
	}()
	for i := 1; i <= b.N; i++ {
		select {
		case c := <-confirms:
			if i%100 == 0 || i == b.N { // as often as a careful program acknowledges
				require.NoError(b, source.Ack(c.DeliveryTag, true))
			}
		case err := <-failed:
			b.Fatal(err)
		}
	}
}

func benchChannel(b *testing.B, mq *broker.Broker) *amqp091.Channel {
	c, err := amqp091.Dial(mq.URL())
	require.NoError(b, err)
	b.Cleanup(func() { _ = c.Close() })
	ch, err := c.Channel()
	require.NoError(b, err)
	return ch
}
