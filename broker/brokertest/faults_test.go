package brokertest_test

// Every action of a fault, as the official client sees it, over TCP and in memory.

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
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
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
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
		assert.ErrorContains(t, err, "partial tx completion") // BASIC-86
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

func TestFaultCloseChannel(t *testing.T) {
	for _, method := range []string{"queue.declare", "basic.publish", "confirm", "deliver", "basic.ack", "channel.open"} {
		t.Run(method, func(t *testing.T) {
			rigs(t, func(r *rig) {
				other := r.channel()
				f := r.Fault(brokertest.On(method).Connection("app").Times(1),
					brokertest.CloseChannel(530, "NOT_ALLOWED - the text, to the letter"))
				closed := r.ch.NotifyClose(make(chan *amqp091.Error, 1))
				deliveries, err := r.ch.Consume("q", "", false, false, false, false, nil)
				require.NoError(t, err)
				switch method {
				case "queue.declare":
					_, err := r.ch.QueueDeclare("new", false, false, false, false, nil)
					assert.Error(t, err)
				case "channel.open":
					_, err = r.conn.Channel()
					assert.ErrorContains(t, err, "to the letter")
					assert.NoError(t, f.Wait(t.Context(), 1))
					return
				case "basic.ack":
					r.publish("", "a")
					d := <-deliveries
					require.NoError(t, d.Ack(false))
				default:
					r.publish("", "a")
				}
				e := <-closed
				assert.Equal(t, 530, e.Code, "a code that RabbitMQ would close the connection for")
				assert.Equal(t, "NOT_ALLOWED - the text, to the letter", e.Reason)
				assert.NoError(t, other.Qos(1, 0, false), "the connection goes on")
				assert.Equal(t, 1, f.Hits())
			})
		})
	}
}

func TestFaultCloseConnection(t *testing.T) {
	for _, method := range []string{"queue.*", "basic.publish", "confirm", "deliver"} {
		t.Run(method, func(t *testing.T) {
			rigs(t, func(r *rig) {
				r.Fault(brokertest.On(method).User("guest").VHost("/"), brokertest.CloseConnection(404, "gone"))
				closed := r.conn.NotifyClose(make(chan *amqp091.Error, 1))
				_, err := r.ch.Consume("q", "", false, false, false, false, nil)
				require.NoError(t, err)
				if method == "queue.*" {
					_, _ = r.ch.QueueDeclarePassive("q", false, false, false, false, nil)
				} else {
					r.publish("", "a")
				}
				e := <-closed
				assert.Equal(t, 404, e.Code)
				assert.Equal(t, "gone", e.Reason)
			})
		})
	}
}

func TestFaultResetTCP(t *testing.T) {
	for _, method := range []string{"queue.declare", "basic.publish", "confirm", "deliver"} {
		t.Run(method, func(t *testing.T) {
			rigs(t, func(r *rig) {
				r.Fault(brokertest.On(method), brokertest.ResetTCP())
				closed := r.conn.NotifyClose(make(chan *amqp091.Error, 1))
				if method == "deliver" {
					_, err := r.ch.Consume("q", "", false, false, false, false, nil)
					require.NoError(t, err)
				}
				if method == "queue.declare" {
					_, err := r.ch.QueueDeclare("new", false, false, false, false, nil)
					assert.Error(t, err)
				} else {
					r.publish("", "a")
				}
				e := <-closed
				assert.Contains(t, e.Reason, syscall.ECONNRESET.Error())
				if method == "queue.declare" {
					assert.Len(t, r.Topology().Queues, 2, "it was handled")
				} else {
					r.RequireReady("q", 1) // published, or back
				}
			})
		})
	}
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

func TestFaultCorrupt(t *testing.T) {
	for _, method := range []string{"queue.declare", "confirm", "deliver"} {
		rigs(t, func(r *rig) {
			r.Fault(brokertest.On(method), brokertest.Corrupt())
			closed := r.conn.NotifyClose(make(chan *amqp091.Error, 1))
			if method == "queue.declare" {
				_, err := r.ch.QueueDeclare("new", false, false, false, false, nil)
				assert.Error(t, err)
			} else {
				if method == "deliver" {
					_, err := r.ch.Consume("q", "", false, false, false, false, nil)
					require.NoError(t, err)
				}
				r.publish("", "a")
			}
			assert.Equal(t, amqp091.ErrFrame.Code, (<-closed).Code)
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

func TestFaultBlockConnection(t *testing.T) {
	rigs(t, func(r *rig) {
		blocked := r.conn.NotifyBlocked(make(chan amqp091.Blocking, 2))
		f := r.Fault(brokertest.On("basic.publish"), brokertest.BlockConnection(""))
		assert.True(t, r.confirmed(r.publish("", "a")), "the one that met it is handled")
		assert.Equal(t, amqp091.Blocking{Active: true, Reason: "low on memory"}, <-blocked)
		c := r.publish("", "b")
		other := dial(t, r.Broker)
		ch, err := other.Channel()
		require.NoError(t, err)
		require.NoError(t, ch.Qos(1, 0, false), "other connections go on")
		r.SetAlarm(broker.DiskAlarm, true)
		r.SetAlarm(broker.DiskAlarm, false)
		assert.Len(t, r.Ready("q"), 1)
		f.Remove()
		f.Remove()
		assert.False(t, (<-blocked).Active)
		assert.True(t, r.confirmed(c))
		assert.Equal(t, 1, f.Hits())
	})
}

func TestFaultRefuseLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the socket stays for a while (CONN-16)
		mq := brokertest.New(t)
		f := mq.Fault(brokertest.On("login").User("guest").Times(2), brokertest.RefuseLogin())
		for range 2 {
			_, err := networks["memory"](mq, "app")
			assert.ErrorIs(t, err, amqp091.ErrCredentials)
		}
		dial(t, mq)
		assert.Equal(t, 2, f.Hits())
	})
}

func TestFaultsBeforeLogin(t *testing.T) {
	for name, dial := range networks {
		t.Run(name, func(t *testing.T) {
			mq := brokertest.New(t)
			mq.Fault(brokertest.On("connect").Times(1), brokertest.ResetTCP())
			_, err := dial(mq, "app")
			assert.ErrorContains(t, err, syscall.ECONNRESET.Error())
			mq.Fault(brokertest.On("connection.open").Times(1), brokertest.CloseConnection(530, "NOT_ALLOWED - maintenance"))
			_, err = dial(mq, "app")
			assert.Error(t, err)
			mq.Fault(brokertest.On("login").Times(1), brokertest.CloseConnection(320, "CONNECTION_FORCED - draining"))
			_, err = dial(mq, "app")
			assert.Error(t, err)
			conn, err := dial(mq, "app")
			require.NoError(t, err)
			require.NoError(t, conn.Close())
		})
	}
}

// A delay is as long as the bubble's clock says, and what comes after waits too.
func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		queues(mq, "q")
		ch := channel(t, mq)
		require.NoError(t, ch.Confirm(false))
		publish := func() *amqp091.DeferredConfirmation {
			c, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp091.Publishing{})
			require.NoError(t, err)
			return c
		}
		took := func(c *amqp091.DeferredConfirmation, do func()) time.Duration {
			begin := mq.Now()
			if do != nil {
				do()
			} else {
				<-c.Done()
			}
			return mq.Now().Sub(begin)
		}
		f := mq.Fault(brokertest.On("basic.publish").Nth(1), brokertest.Delay(time.Minute))
		first, second := publish(), publish()
		synctest.Wait()
		assert.Empty(t, mq.Ready("q"))
		assert.Equal(t, time.Minute, took(first, nil))
		assert.Zero(t, took(second, nil))
		f.Remove()

		f = mq.Fault(brokertest.On("confirm"), brokertest.Delay(5*time.Second))
		c := publish()
		synctest.Wait()
		assert.Len(t, mq.Ready("q"), 3, "it is there")
		assert.Equal(t, 5*time.Second, took(c, nil))
		f.Remove()

		mq.Fault(brokertest.On("basic.publish").Times(1), brokertest.Nack().After(time.Second))
		c = publish()
		assert.Equal(t, time.Second, took(c, nil))
		assert.False(t, c.Acked())

		mq.Fault(brokertest.On("deliver").Times(1), brokertest.Delay(time.Second))
		deliveries, err := ch.Consume("q", "", true, false, false, false, nil)
		require.NoError(t, err)
		assert.Equal(t, time.Second, took(nil, func() { <-deliveries }))

		mq.Fault(brokertest.On("login").Times(1), brokertest.Delay(time.Second))
		assert.Equal(t, time.Second, took(nil, func() { dial(t, mq) }).Round(time.Microsecond)) // connecting takes a little
	})
}

// With a manual clock a delay ends when the clock is moved, or the broker ends.
func TestFaultDelayOnManualClock(t *testing.T) {
	for name, dial := range networks {
		t.Run(name, func(t *testing.T) {
			mq := brokertest.New(t, brokertest.WithManualClock())
			f := mq.Fault(brokertest.On("channel.open"), brokertest.Delay(time.Hour))
			conn, err := dial(mq, "app")
			require.NoError(t, err)
			opened := make(chan error, 1)
			open := func() { _, err := conn.Channel(); opened <- err }
			go open()
			require.NoError(t, f.Wait(t.Context(), 1))
			mq.Advance(time.Hour - 1)
			assert.Empty(t, opened)
			mq.Advance(1)
			assert.NoError(t, <-opened)
			go open()
			require.NoError(t, f.Wait(t.Context(), 2))
			mq.Close()
			<-opened
		})
	}
}

// Faults last when the broker is started again.
func TestFaultsOutlastRestart(t *testing.T) {
	mq := brokertest.New(t, brokertest.Durable())
	f := mq.Fault(brokertest.On("channel.open").Nth(2), brokertest.CloseConnection(320, "again"))
	channel(t, mq)
	mq.Restart()
	_, err := dial(t, mq).Channel()
	assert.Error(t, err)
	assert.Equal(t, 1, f.Hits())
	mq.Crash()
	channel(t, mq)
	assert.Equal(t, []*brokertest.Fault{f}, mq.Faults())
	mq.ClearFaults()
	assert.Empty(t, mq.Faults())
}

// A connection that waits because of a fault can be cut all the same.
func TestFaultsAndKilledConnections(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock())
	for _, do := range []brokertest.Action{brokertest.BlockConnection(""), brokertest.Delay(time.Hour)} {
		f := mq.Fault(brokertest.On("basic.publish"), do)
		ch := channel(t, mq)
		require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{}))
		require.NoError(t, f.Wait(t.Context(), 1))
		f.Remove()
		mq.KillConnections(nil)
	}
	mq.Advance(time.Hour)
	require.Eventually(t, func() bool { return len(mq.Connections()) == 0 }, 5*time.Second, time.Millisecond)
}
