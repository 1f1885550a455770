package brokertest_test

// Every action of a fault, as the official client sees it, over TCP and in memory.

import (
	"context"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// A rig is a broker with a queue "q" and a client's channel that confirms.
type rig struct {
	*brokertest.Broker
	t    *testing.T
	conn *amqp091.Connection
	ch   *amqp091.Channel
}

// rigs runs a test with each network.
func rigs(t *testing.T, test func(r *rig)) {
	onBoth(t, func(t *testing.T, dial func(mq *brokertest.Broker, name string) *amqp091.Connection) {
		mq := brokertest.New(t)
		queues(mq, "q")
		r := &rig{Broker: mq, t: t, conn: dial(mq, "app")}
		r.ch = r.channel()
		test(r)
	})
}

func (r *rig) channel() *amqp091.Channel {
	r.t.Helper()
	ch, err := r.conn.Channel()
	require.NoError(r.t, err)
	require.NoError(r.t, ch.Confirm(false))
	return ch
}

// publish publishes to an exchange and returns the confirm to come.
func (r *rig) publish(exchange, body string) *amqp091.DeferredConfirmation {
	r.t.Helper()
	c, err := r.ch.PublishWithDeferredConfirm(exchange, "q", true, false, amqp091.Publishing{Body: []byte(body)})
	require.NoError(r.t, err)
	return c
}

// confirmed is what a confirm says.
func (r *rig) confirmed(c *amqp091.DeferredConfirmation) bool {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	ack, err := c.WaitContext(ctx)
	require.NoError(r.t, err)
	return ack
}

// bodies are those of what is ready in the queue.
func (r *rig) bodies() (list []string) {
	for _, m := range r.Ready("q") {
		list = append(list, string(m.Body))
	}
	return list
}

func TestFaultNack(t *testing.T) {
	rigs(t, func(r *rig) {
		f := r.Fault(brokertest.On("basic.publish").Exchange("").Nth(2), brokertest.Nack())
		var confirms []*amqp091.DeferredConfirmation
		for _, body := range []string{"a", "b", "c"} {
			confirms = append(confirms, r.publish("", body))
		}
		for i, c := range confirms {
			assert.Equal(t, i != 1, r.confirmed(c), i)
		}
		assert.Equal(t, []string{"a", "c"}, r.bodies())
		assert.Equal(t, 1, f.Hits())
		r.RequireHits()
	})
}

// A publish that the queues have, and the publisher is told otherwise.
func TestFaultNackedConfirm(t *testing.T) {
	rigs(t, func(r *rig) {
		r.Fault(brokertest.On("confirm").Queue("q"), brokertest.Nack())
		assert.False(t, r.confirmed(r.publish("", "a")))
		assert.Equal(t, []string{"a"}, r.bodies())
	})
}

func TestFaultNackInTransaction(t *testing.T) {
	rigs(t, func(r *rig) {
		ch, err := r.conn.Channel()
		require.NoError(t, err)
		require.NoError(t, ch.Tx())
		r.Fault(brokertest.On("basic.publish").Nth(2), brokertest.Nack())
		for range 2 {
			require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{}))
		}
		err = ch.TxCommit()
		assert.ErrorContains(t, err, "partial tx completion") // BASIC-86: a queue has rejected one
		assert.Len(t, r.Ready("q"), 1)
		list := r.Published()
		assert.Equal(t, brokertest.Committed, list[0].Tx)
		assert.Equal(t, "nack", list[1].Fault)
		assert.Equal(t, brokertest.NoTx, list[1].Tx, "it is no part of it")
	})
}

func TestFaultReturnUnroutable(t *testing.T) {
	rigs(t, func(r *rig) {
		returns := r.ch.NotifyReturn(make(chan amqp091.Return, 1))
		r.Fault(brokertest.On("basic.publish").Key("q").Times(1), brokertest.ReturnUnroutable())
		assert.True(t, r.confirmed(r.publish("", "a")), "confirmed like any unroutable one")
		got := <-returns
		assert.Equal(t, "a", string(got.Body))
		assert.EqualValues(t, 312, got.ReplyCode)
		assert.True(t, r.confirmed(r.publish("", "b")))
		assert.Equal(t, []string{"b"}, r.bodies())
	})
}

func TestFaultSwallow(t *testing.T) {
	rigs(t, func(r *rig) {
		f := r.Fault(brokertest.On("basic.publish").Nth(1), brokertest.Swallow())
		lost, kept := r.publish("", "lost"), r.publish("", "kept")
		assert.True(t, r.confirmed(kept))
		assert.False(t, lost.Acked())
		assert.Equal(t, []string{"kept"}, r.bodies())
		f.Remove()

		r.Fault(brokertest.On("basic.ack").Queue("q"), brokertest.Swallow())
		d, _, err := r.ch.Get("q", false)
		require.NoError(t, err)
		require.NoError(t, d.Ack(false))
		require.NoError(t, r.ch.Qos(1, 0, false)) // the ack has been read
		assert.Len(t, r.Unacked("q"), 1)

		r.Fault(brokertest.On("deliver").Queue("q").Times(1), brokertest.Swallow())
		ch := r.channel()
		deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
		require.NoError(t, err)
		r.Publish("", "q", []byte("on its way for ever"))
		r.Publish("", "q", []byte("arrives"))
		assert.Equal(t, "arrives", string((<-deliveries).Body))
		assert.Len(t, r.Unacked("q"), 3)
	})
}

func TestFaultDropConfirm(t *testing.T) {
	for _, match := range []brokertest.Match{
		brokertest.On("basic.publish").Queue("q").Nth(2), brokertest.On("confirm").Nth(2),
	} {
		rigs(t, func(r *rig) {
			r.Fault(match, brokertest.DropConfirm())
			var confirms []*amqp091.DeferredConfirmation
			for range 5 {
				confirms = append(confirms, r.publish("", "m"))
			}
			for i, c := range confirms {
				if i != 1 {
					assert.True(t, r.confirmed(c))
				}
			}
			assert.False(t, confirms[1].Acked())
			r.RequireReady("q", 5)
		})
	}
}

func TestFaultCorruptBody(t *testing.T) {
	rigs(t, func(r *rig) {
		f := r.Fault(brokertest.On("basic.publish"), brokertest.CorruptBody())
		assert.True(t, r.confirmed(r.publish("", "abc")))
		assert.Equal(t, []string{"\x9ebc"}, r.bodies())
		f.Remove()
		r.Purge("q")
		r.Fault(brokertest.On("deliver"), brokertest.CorruptBody())
		deliveries, err := r.ch.Consume("q", "", false, false, false, false, nil)
		require.NoError(t, err)
		r.publish("", "abc")
		assert.Equal(t, "\x9ebc", string((<-deliveries).Body))
		assert.Equal(t, "abc", string(r.Unacked("q")[0].Body), "the queue's is whole")
	})
}

func TestFaultDeliverTwice(t *testing.T) {
	rigs(t, func(r *rig) {
		f := r.Fault(brokertest.On("deliver").Queue("q").Nth(1), brokertest.DeliverTwice())
		deliveries, err := r.ch.Consume("q", "", false, false, false, false, nil)
		require.NoError(t, err)
		r.publish("", "a")
		r.publish("", "b")
		var got []string
		for range 3 {
			d := <-deliveries
			got = append(got, string(d.Body))
			assert.Equal(t, len(got) == 2, d.Redelivered)
			require.NoError(t, d.Ack(false))
		}
		assert.Equal(t, []string{"a", "a", "b"}, got)
		r.RequireEmpty("q")
		assert.NoError(t, r.ch.Qos(1, 0, false), "no tag was unknown")
		assert.Equal(t, 1, f.Hits())
	})
}
