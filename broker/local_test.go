package broker_test

// Consuming from Go takes turns with clients, under the same rules.

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// publish publishes bodies to a queue.
func publish(t testing.TB, v *broker.VHost, queue string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		reached, err := v.Publish("", queue, broker.Message{Body: []byte(body)})
		require.NoError(t, err)
		require.Equal(t, 1, reached)
	}
}

// consume is Consume that ends with the test.
func consume(t testing.TB, v *broker.VHost, queue string, opts broker.ConsumeOptions) *broker.Consumer {
	t.Helper()
	c, err := v.Consume(queue, opts)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// next is the next delivery.
func next(t testing.TB, c *broker.Consumer) *broker.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := c.Next(ctx)
	require.NoError(t, err)
	return d
}

// assertNothing checks that nothing has been given to a consumer.
func assertNothing(t testing.TB, c *broker.Consumer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // what has arrived comes all the same
	_, err := c.Next(ctx)
	assert.ErrorIs(t, err, context.Canceled)
}

func counts(t testing.TB, v *broker.VHost, name string) queue.Counts {
	t.Helper()
	n, err := v.Counts(name)
	require.NoError(t, err)
	return n
}

func TestConsumeFromGo(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "q")
	publish(t, v, "q", "a", "b")
	c := consume(t, v, "q", broker.ConsumeOptions{Tag: "mine"})
	publish(t, v, "q", "c")
	assert.Equal(t, "mine", c.Tag())
	for i, want := range []string{"a", "b", "c"} {
		d := next(t, c)
		assert.Equal(t, want, string(d.Body))
		assert.Equal(t, uint64(i+1), d.Tag)
		assert.Equal(t, "q", d.Key)
		assert.False(t, d.Redelivered)
		require.NoError(t, d.Ack())
	}
	assert.Equal(t, queue.Counts{Consumers: 1}, counts(t, v, "q"))
	c.Close()
	c.Close()
	assert.Zero(t, counts(t, v, "q").Consumers)
	_, err := c.Next(t.Context())
	assert.ErrorIs(t, err, broker.ErrClosed)
}

// BASIC-54: what is settled is settled.
func TestSettledTwiceFromGo(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "q")
	publish(t, v, "q", "a")
	d := next(t, consume(t, v, "q", broker.ConsumeOptions{}))
	require.NoError(t, d.Ack())
	for _, again := range []error{d.Ack(), d.Nack(true)} {
		var e *broker.Error
		require.ErrorAs(t, again, &e)
		assert.Equal(t, "PRECONDITION_FAILED - unknown delivery tag 1", e.Error())
	}
}

// BASIC-44: a prefetch holds back what is more than it allows.
func TestPrefetchFromGo(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "q")
	publish(t, v, "q", "a", "b", "c")
	c := consume(t, v, "q", broker.ConsumeOptions{Prefetch: 2})
	a, b := next(t, c), next(t, c)
	assertNothing(t, c)
	assert.Equal(t, queue.Counts{Ready: 1, Unacked: 2, Consumers: 1, ReadyBytes: 1}, counts(t, v, "q"))
	require.NoError(t, b.Ack())
	assert.Equal(t, "c", string(next(t, c).Body))
	require.NoError(t, a.Ack())
}

// BASIC-58, BASIC-60: given back to its place, or dead-lettered.
func TestNackFromGo(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "dead")
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Args: map[string]any{
		"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
	}})
	require.NoError(t, err)
	publish(t, v, "q", "a", "b")
	c := consume(t, v, "q", broker.ConsumeOptions{Prefetch: 1})
	require.NoError(t, next(t, c).Nack(true))
	d := next(t, c)
	assert.Equal(t, "a", string(d.Body))
	assert.True(t, d.Redelivered)
	require.NoError(t, d.Nack(false))
	assert.Equal(t, []string{"a"}, bodies(t, v, "dead"))
	assert.Equal(t, "b", string(next(t, c).Body))
}

// CONN-66: what a consumer holds goes back when it ends, taken by Next or not.
func TestCloseRequeuesFromGo(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "q")
	publish(t, v, "q", "a", "b")
	c := consume(t, v, "q", broker.ConsumeOptions{})
	d := next(t, c)
	c.Close()
	assert.Equal(t, []string{"a", "b"}, bodies(t, v, "q"))
	assert.Error(t, d.Ack(), "it is not the consumer's any more")
}

func TestNoAckFromGo(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "q")
	c := consume(t, v, "q", broker.ConsumeOptions{NoAck: true, Prefetch: 1}) // BASIC-47: no-ack ignores the prefetch
	publish(t, v, "q", "a", "b")
	assert.Equal(t, queue.Counts{Consumers: 1}, counts(t, v, "q"))
	assert.Equal(t, uint64(1), next(t, c).Tag)
	d := next(t, c)
	assert.Equal(t, uint64(2), d.Tag)
	assert.Error(t, d.Ack())
}

// BASIC-29, BASIC-28: refusals are a client's.
func TestConsumeRefusedFromGo(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "q")
	consume(t, v, "q", broker.ConsumeOptions{Exclusive: true})
	var e *broker.Error
	_, err := v.Consume("q", broker.ConsumeOptions{})
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use", e.Error())
	_, err = v.Consume("nope", broker.ConsumeOptions{})
	require.ErrorAs(t, err, &e)
	assert.Equal(t, amqp.NotFound, e.Code)
	_, err = v.Consume("q", broker.ConsumeOptions{Prefetch: -1})
	require.EqualError(t, err, "broker: Prefetch is negative", "it would never get anything")
	_, _, err = v.Get("nope", true)
	require.ErrorAs(t, err, &e)
	assert.Equal(t, amqp.NotFound, e.Code)
}

// BASIC-34: a consumer learns that its queue is gone, after what it has been
// given before.
func TestQueueDeletedUnderGoConsumer(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "q")
	c := consume(t, v, "q", broker.ConsumeOptions{})
	publish(t, v, "q", "a")
	_, err := v.DeleteQueue("q")
	require.NoError(t, err)
	d := next(t, c)
	assert.NoError(t, d.Ack(), "as a client may")
	var e *broker.Error
	for range 2 {
		_, err = c.Next(t.Context())
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "NOT_FOUND - no queue 'q' in vhost '/'", e.Error())
	}
	assert.Empty(t, b.Snapshot().VHosts[0].Consumers)
}

// A goroutine that waits learns of the broker's end.
func TestBrokerClosedUnderGoConsumer(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "q")
	c := consume(t, v, "q", broker.ConsumeOptions{})
	ended := make(chan error)
	for range 3 {
		go func() {
			_, err := c.Next(context.Background())
			ended <- err
		}()
	}
	require.NoError(t, b.Close())
	for range 3 {
		assert.ErrorIs(t, receive(t, ended), broker.ErrClosed)
	}
	_, err := v.Consume("q", broker.ConsumeOptions{})
	assert.ErrorIs(t, err, broker.ErrClosed)
}

// BASIC-51, BASIC-53.
func TestGetFromGo(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "q")
	_, ok, err := v.Get("q", false)
	require.NoError(t, err)
	assert.False(t, ok)
	publish(t, v, "q", "a", "b")
	d, ok, err := v.Get("q", false)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "a", string(d.Body))
	assert.Equal(t, queue.Counts{Ready: 1, Unacked: 1, ReadyBytes: 1}, counts(t, v, "q"))
	require.NoError(t, d.Nack(true))
	d, _, err = v.Get("q", true)
	require.NoError(t, err)
	assert.True(t, d.Redelivered)
	assert.Error(t, d.Ack(), "it counts as acknowledged")
	assert.Equal(t, []string{"b"}, bodies(t, v, "q"))
}

// Consumers in Go and a client's take turns (BASIC-36).
func TestGoConsumersTakeTurns(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "q")
	ch := channel(t, b)
	theirs, err := ch.Consume("q", "theirs", true, false, false, false, nil)
	require.NoError(t, err)
	mine := consume(t, v, "q", broker.ConsumeOptions{Tag: "mine", NoAck: true})
	for i := range 6 {
		publish(t, v, "q", strconv.Itoa(i))
	}
	for _, want := range []string{"1", "3", "5"} {
		assert.Equal(t, want, string(next(t, mine).Body))
	}
	assert.Equal(t, "0", string(receive(t, theirs).Body))
	s := b.Snapshot()
	assert.Equal(t, []broker.ConsumerInfo{{Tag: "mine", Queue: "q", NoAck: true, Active: true}}, s.VHosts[0].Consumers)
}

// PERSIST-5: what a Go program holds when the broker ends comes back, marked.
func TestHeldInGoSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	open := func() *broker.Broker {
		st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		return start(t, broker.Config{Store: st})
	}
	b := open()
	v := vhost(t, b)
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: true})
	require.NoError(t, err)
	persistent := amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 2}
	for _, body := range []string{"a", "b", "c", "d"} {
		_, err := v.Publish("", "q", broker.Message{Properties: persistent, Body: []byte(body)})
		require.NoError(t, err)
	}
	_, _, err = v.Get("q", false)
	require.NoError(t, err)
	c, err := v.Consume("q", broker.ConsumeOptions{Prefetch: 2})
	require.NoError(t, err)
	require.NoError(t, next(t, c).Ack())
	next(t, c)
	require.NoError(t, b.Close())

	v = vhost(t, open())
	messages, err := v.Peek("q", 10)
	require.NoError(t, err)
	require.Len(t, messages, 3)
	for i, want := range []struct {
		body        string
		redelivered bool
	}{{"a", true}, {"c", true}, {"d", true}} {
		assert.Equal(t, want.body, string(messages[i].Body))
		assert.Equal(t, want.redelivered, messages[i].Redelivered, want.body)
	}
}

// QUEUE-94: deliveries tell how often a quorum queue has got them back.
func TestDeliveryCountFromGo(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: true, Args: map[string]any{"x-queue-type": "quorum"}})
	require.NoError(t, err)
	publish(t, v, "q", "a")
	c := consume(t, v, "q", broker.ConsumeOptions{})
	d := next(t, c)
	require.NoError(t, d.Nack(true))
	d = next(t, c)
	n, _ := d.Properties.Headers.Get("x-delivery-count")
	assert.Equal(t, int64(1), n)
}

func TestUnackedIsToldByHolder(t *testing.T) {
	b := start(t, broker.Config{})
	listen(t, b)
	v := vhost(t, b)
	declare(t, v, "q")
	declare(t, v, "other")
	props := amqp091.NewConnectionProperties()
	props.SetClientConnectionName("worker")
	conn, err := amqp091.DialConfig(b.URL(), amqp091.Config{Properties: props})
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Channel()
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	publish(t, v, "other", "x")
	publish(t, v, "q", "got", "consumed", "mine", "taken", "ready")
	_, _, err = ch.Get("other", false)
	require.NoError(t, err)
	_, _, err = ch.Get("q", false)
	require.NoError(t, err)
	require.NoError(t, ch.Qos(1, 0, false))
	_, err = ch.Consume("q", "theirs", false, false, false, false, nil)
	require.NoError(t, err)
	eventually(t, "it is delivered", func() bool { return counts(t, v, "q").Unacked == 2 })
	consume(t, v, "q", broker.ConsumeOptions{Tag: "mine", Prefetch: 1})
	_, _, err = v.Get("q", false)
	require.NoError(t, err)

	list, err := v.Unacked("q")
	require.NoError(t, err)
	require.Len(t, list, 4)
	for i, want := range []broker.Unacked{
		{DeliveryTag: 2, Peer: conn.LocalAddr().String(), Connection: "worker", Channel: 2},
		{DeliveryTag: 3, Peer: conn.LocalAddr().String(), Connection: "worker", Channel: 2, Consumer: "theirs"},
		{DeliveryTag: 1, Consumer: "mine"},
		{DeliveryTag: 1},
	} {
		want.Message = broker.Message{Key: "q", Body: []byte([]string{"got", "consumed", "mine", "taken"}[i])}
		want.ID = strconv.Itoa(i + 1)
		if want.Peer != "" {
			want.Timeout = 30 * time.Minute
			assert.False(t, list[i].Delivered.IsZero())
			list[i].Delivered = time.Time{}
			want.ConnectionID = conn.LocalAddr().String() + " -> " + conn.RemoteAddr().String()
		}
		assert.Equal(t, want, list[i])
	}
	_, err = v.Unacked("nope")
	assert.Error(t, err)
}

// Many at once: every message is settled once.
func TestConcurrentGoConsumers(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "q")
	const messages, consumers = 2000, 4
	settled := make(chan string, messages)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range consumers {
		c := consume(t, v, "q", broker.ConsumeOptions{Prefetch: 1 + i})
		for range 2 {
			go func() {
				for n := 0; ; n++ {
					d, err := c.Next(ctx)
					switch {
					case err != nil:
						return
					case n%7 == 0 && !d.Redelivered:
						_ = d.Nack(true)
					case d.Ack() == nil:
						settled <- string(d.Body)
					}
				}
			}()
		}
	}
	for i := range messages {
		publish(t, v, "q", strconv.Itoa(i))
	}
	seen := map[string]bool{}
	for range messages {
		body := receive(t, settled)
		assert.False(t, seen[body], body)
		seen[body] = true
	}
	eventually(t, "nothing is left", func() bool { n := counts(t, v, "q"); return n.Ready+n.Unacked == 0 })
}
