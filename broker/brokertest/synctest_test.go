package brokertest_test

// The official client in a bubble of testing/synctest, unchanged.

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/delay"
)

// sleep lets the bubble's time pass.
func sleep(t testing.TB, d time.Duration) {
	t.Helper()
	require.NoError(t, delay.Wait(t.Context(), delay.Real{}, d))
}

// An hour of time to live, over a connection with heartbeats.
func TestSynctestTimeToLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		ch := channel(t, mq)
		_, err := ch.QueueDeclare("expired", false, false, false, false, nil)
		require.NoError(t, err)
		_, err = ch.QueueDeclare("pending", false, false, false, false, amqp091.Table{
			"x-message-ttl": int32(time.Hour / time.Millisecond), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "expired",
		})
		require.NoError(t, err)
		require.NoError(t, ch.Publish("", "pending", false, false, amqp091.Publishing{Body: []byte("order")}))

		sleep(t, time.Hour-time.Millisecond)
		mq.RequireLen("pending", 1)
		sleep(t, time.Millisecond)
		synctest.Wait()
		assert.Len(t, mq.Ready("expired"), 1)
		assert.Empty(t, mq.Ready("pending"))
		assert.Len(t, mq.Connections(), 1, "heartbeats have kept the connection")
	})
}

// A consumer, an acknowledgement timeout after half an hour, and the redelivery.
func TestSynctestConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		queues(mq, "q")
		ch := channel(t, mq)
		closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
		deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
		require.NoError(t, err)
		mq.Publish("", "q", []byte("slow"))
		d := <-deliveries
		begin := mq.Now()
		reason := <-closed // BASIC-65: the delivery was held for too long
		assert.Equal(t, 406, reason.Code)
		assert.InDelta(t, 31, mq.Now().Sub(begin).Minutes(), 1)
		assert.Error(t, d.Ack(false))
		assert.True(t, mq.Get("q").Redelivered)
	})
}

// A client that reconnects in a loop comes back after a restart.
func TestSynctestReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		queues(mq, "q")
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan string)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			consumeForever(ctx, mq, "q", got)
		}()
		mq.Publish("", "q", []byte("one"))
		assert.Equal(t, "one", <-got)
		for range 3 {
			assert.Equal(t, 1, mq.KillConnections(nil))
			mq.Publish("", "q", []byte("again"))
			assert.Equal(t, "again", <-got)
		}
		cancel()
		<-ended
	})
}

// consumeForever is how a service reads a queue: it connects again when it has
// lost the connection, after a pause that grows.
func consumeForever(ctx context.Context, mq *brokertest.Broker, queue string, got chan<- string) {
	for pause := 100 * time.Millisecond; ctx.Err() == nil; pause *= 2 {
		_ = consumeOnce(ctx, mq, queue, got)
		_ = delay.Wait(ctx, delay.Real{}, pause)
	}
}

func consumeOnce(ctx context.Context, mq *brokertest.Broker, queue string, got chan<- string) error {
	conn, err := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	deliveries, err := ch.ConsumeWithContext(ctx, queue, "", true, false, false, false, nil)
	if err != nil {
		return err
	}
	for d := range deliveries {
		select {
		case got <- string(d.Body):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// A wait in a bubble takes the bubble's time, and so does its failure.
func TestSynctestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		queues(mq, "q")
		begin := mq.Now()
		delay.Real{}.AfterFunc(3*time.Second, func() { mq.Publish("", "q", nil) })
		mq.RequireLen("q", 1)
		assert.InDelta(t, 3, mq.Now().Sub(begin).Seconds(), 0.1)
		c := mq.Consume("q", broker.ConsumeOptions{NoAck: true})
		c.Next()
	})
}

// A broker with a disk restarts and crashes in a bubble like anywhere else.
func TestSynctestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t, brokertest.Durable())
		mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q", Durable: true}}})
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan string)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			consumeForever(ctx, mq, "q", got)
		}()
		for i, again := range []func(){mq.Restart, mq.Crash, mq.Crash, mq.Restart} {
			mq.WaitConsumers("q", 1)
			again()
			body := strconv.Itoa(i)
			mq.Publish("", "q", []byte(body), brokertest.Persistent())
			for <-got != body { // one before, of which a crash has forgotten that it was delivered
			}
		}
		cancel()
		<-ended
	})
}

// The official client's own recovery, which tries every five seconds.
func TestSynctestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t, brokertest.WithPatience(time.Minute))
		queues(mq, "q")
		conn, err := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc, Recovery: &amqp091.Recovery{}})
		require.NoError(t, err)
		defer conn.Close()
		ch, err := conn.Channel()
		require.NoError(t, err)
		got, err := ch.Consume("q", "", true, false, false, false, nil)
		require.NoError(t, err)
		for range 3 {
			mq.KillConnections(nil)
			mq.WaitConsumers("q", 1)
			mq.Publish("", "q", []byte("job"))
			assert.Equal(t, "job", string((<-got).Body))
		}
	})
}
