package brokertest_test

import (
	"context"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// One broker serves several tests, each of which fails by itself.
func TestOneServerForManyTests(t *testing.T) {
	s, err := brokertest.NewServer()
	require.NoError(t, err)
	defer s.Close()
	url, err := s.URL()
	require.NoError(t, err)
	conn, err := amqp091.Dial(url)
	require.NoError(t, err)
	defer conn.Close()

	first, second := &fakeTB{t: t}, &fakeTB{t: t}
	one, two := s.For(first), s.For(second)
	one.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q"}}})
	two.Publish("", "q", []byte("m"))
	assert.Contains(t, first.fails(func() { one.RequireEmpty("q") }), `queue "q": want no messages, have 1`)
	assert.False(t, second.Failed())

	one.Consume("q")
	f := one.Fault(brokertest.On("basic.publish"), brokertest.Nack())
	first.finish()
	assert.True(t, f.Removed(), "faults end with the test that added them")
	two.WaitConsumers("q", 0)
	assert.False(t, conn.IsClosed(), "the broker goes on")
	second.finish()
	two.Reset()
	assert.Empty(t, two.Topology())
}

// The core returns what would fail a test.
func TestServerReturnsErrors(t *testing.T) {
	s, err := brokertest.NewServer(brokertest.WithPatience(short), brokertest.WithLedger(0))
	require.NoError(t, err)
	defer s.Close()
	assert.ErrorIs(t, s.Advance(time.Second), brokertest.ErrRealTime)
	assert.ErrorIs(t, s.SetTime(time.Time{}), brokertest.ErrRealTime)
	assert.ErrorIs(t, s.FailNextSync(1), brokertest.ErrInMemory)
	assert.ErrorIs(t, s.Start(), brokertest.ErrStarted)
	_, err = s.Published()
	assert.ErrorIs(t, err, brokertest.ErrNoLedger)
	_, err = s.Lookup("nope")
	assert.ErrorContains(t, err, "vhost nope not found")
	var refusal *broker.Error
	_, err = s.Ready("nope")
	assert.ErrorAs(t, err, &refusal)
	_, err = s.Fault(brokertest.On("nope"), brokertest.Nack())
	assert.ErrorContains(t, err, "no method of a client's")
	var unmet *brokertest.UnmetError
	_, err = s.Get(context.Background(), "nope")
	assert.ErrorAs(t, err, &unmet)
	assert.ErrorAs(t, s.WaitDelayed(context.Background(), "nope", 1), &unmet)

	require.NoError(t, s.Stop())
	_, err = s.Publish("", "q", nil)
	assert.ErrorIs(t, err, brokertest.ErrStopped)
	s.Close()
	_, err = s.Publish("", "q", nil)
	assert.ErrorIs(t, err, broker.ErrClosed)
	assert.ErrorIs(t, s.Reset(), broker.ErrClosed)

	_, err = brokertest.NewServer(brokertest.WithAddr("256.0.0.1:1"))
	assert.Error(t, err)
}

// alarm-hang: a test that has failed while its clients are blocked ends.
func TestFailedTestLetsItsClientsGo(t *testing.T) {
	for name, block := range map[string]func(*brokertest.Broker){
		"alarm": func(mq *brokertest.Broker) { mq.SetAlarm(broker.MemoryAlarm, true) },
		"fault": func(mq *brokertest.Broker) {
			mq.Fault(brokertest.On("basic.publish"), brokertest.BlockConnection(""))
		},
		"pause": func(mq *brokertest.Broker) { mq.Pause() },
		"delay": func(mq *brokertest.Broker) { mq.Fault(brokertest.On("basic.publish"), brokertest.Delay(time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mq, f := newFake(t)
			ended := make(chan string, 1)
			go func() {
				ended <- f.fails(func() {
					conn, err := amqp091.Dial(mq.URL())
					require.NoError(t, err)
					defer conn.Close()
					ch, err := conn.Channel()
					require.NoError(t, err)
					block(mq)
					require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{}))
					f.Fatalf("so it is")
				})
			}()
			select {
			case said := <-ended:
				assert.Equal(t, "so it is", said)
			case <-after(20 * time.Second):
				mq.Close()
				<-ended
				t.Fatal("the client's close hangs")
			}
		})
	}
}

// What is published from Go may have any property.
func TestPublishOptions(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "q")
	when := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	mq.Publish("", "q", nil, brokertest.Priority(3), brokertest.MessageID("m"), brokertest.CorrelationID("c"),
		brokertest.ReplyTo("r"), brokertest.Type("t"), brokertest.AppID("a"), brokertest.Timestamp(when))
	d, ok, err := channel(t, mq).Get("q", true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, []any{uint8(3), "m", "c", "r", "t", "a", when.Unix()},
		[]any{d.Priority, d.MessageId, d.CorrelationId, d.ReplyTo, d.Type, d.AppId, d.Timestamp.Unix()})
}

func TestDeleteQueue(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "q")
	mq.Publish("", "q", nil)
	ch := channel(t, mq)
	cancelled := ch.NotifyCancel(make(chan string, 1))
	require.NoError(t, ch.Qos(1, 0, false))
	_, err := ch.Consume("q", "c", false, false, false, false, nil)
	require.NoError(t, err)
	mq.RequireReady("q", 0)
	mq.Publish("", "q", nil)
	assert.Equal(t, 1, mq.DeleteQueue("q"), "the ready one")
	assert.Equal(t, "c", <-cancelled)
	assert.Zero(t, mq.DeleteQueue("q"))
}

// delay-early: a delay ends on the nanosecond of a manual clock that starts by itself.
func TestDelayed(t *testing.T) {
	mq, f := newFake(t, brokertest.WithManualClock())
	mq.Declare(brokertest.Topology{
		Exchanges: []broker.Exchange{{Name: "later", Type: "x-delayed-message", Args: map[string]any{"x-delayed-type": "fanout"}}},
		Queues:    []broker.Queue{{Name: "q"}},
		Bindings:  []broker.Binding{{Source: "later", Destination: "q"}},
	})
	begin := mq.Now()
	mq.Publish("later", "k", []byte("second"), brokertest.Header("x-delay", time.Hour.Milliseconds()))
	mq.Publish("later", "k", []byte("first"), brokertest.Header("x-delay", time.Minute.Milliseconds()))
	mq.RequireDelayed("later", 2)
	waiting := mq.Delayed("later")
	assert.Equal(t, "first", string(waiting[0].Body))
	assert.True(t, begin.Add(time.Hour).Equal(waiting[1].Due))
	assert.Contains(t, f.fails(func() { mq.RequireDelayed("later", 3) }), `exchange "later": want 3 delayed messages, have 2, and`)
	assert.Contains(t, f.fails(func() { mq.RequireDelayed("amq.topic", 1) }), "amq.topic")

	mq.Advance(time.Minute)
	assert.Equal(t, "first", string(mq.Get("q").Body))
	mq.Advance(time.Hour - time.Minute - 1)
	mq.RequireDelayed("later", 1)
	mq.RequireEmpty("q")
	mq.Advance(1)
	mq.RequireLen("q", 1)
}
