package broker_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

var largeVHost = flag.Bool("vhost.large", false, "delete a virtual host of 100,000 queues and a million messages, not of a fifth")

// Deleting a virtual host with very many queues and messages holds up no confirm of
// another for long.
func TestDeletingALargeVHostHoldsUpNobody(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("measures time")
	}
	queues, messages := 20_000, 200_000
	if *largeVHost {
		queues, messages = 100_000, 1_000_000
	}
	b := reopened(t, t.TempDir(), broker.Config{})
	defer b.Close()
	v := b.AddVHost("large")
	for i := range queues {
		_, err := v.DeclareQueue(broker.Queue{Name: fmt.Sprintf("q%d", i), Durable: true})
		require.NoError(t, err)
	}
	for i := range messages {
		_, err := v.Publish("", fmt.Sprintf("q%d", i%queues), broker.Message{Properties: amqp.Properties{DeliveryMode: 2}, Body: []byte("x")})
		require.NoError(t, err)
	}
	_, err := vhost(t, b).DeclareQueue(broker.Queue{Name: "q", Durable: true})
	require.NoError(t, err)
	conn, err := amqp091.DialConfig("amqp://guest:guest@memory/", amqp091.Config{Dial: b.DialFunc})
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	confirms := ch.NotifyPublish(make(chan amqp091.Confirmation, 1))
	clock := delay.Real{}
	confirm := func() time.Duration {
		begin := clock.Now()
		require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{DeliveryMode: 2, Body: []byte("x")}))
		receive(t, confirms)
		return clock.Now().Sub(begin)
	}
	for range 100 {
		confirm()
	}
	done := make(chan time.Duration, 1)
	go func() {
		begin := clock.Now()
		_, err := b.DeleteVHost("large")
		assert.NoError(t, err)
		done <- clock.Now().Sub(begin)
	}()
	var took []time.Duration
	for {
		select {
		case whole := <-done:
			slices.Sort(took)
			at := func(p float64) time.Duration { return took[int(p*float64(len(took)-1))] }
			t.Logf("%d queues, %d messages deleted in %v; %d confirms meanwhile: median %v, 99.9 %% %v, longest %v",
				queues, messages, whole, len(took), at(0.5), at(0.999), at(1))
			assert.Less(t, at(0.999).Seconds(), 0.05*slack)
			return
		default:
			took = append(took, confirm())
		}
	}
}
