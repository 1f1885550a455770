package brokertest_test

// Faults that break channels and connections, as the official client sees them.

import (
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
	require.Eventually(t, func() bool { return len(mq.Connections()) == 0 }, 20*time.Second, time.Millisecond)
}
