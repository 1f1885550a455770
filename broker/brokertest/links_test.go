package brokertest_test

// What can be done to connections from outside, over TCP and in memory.

import (
	"context"
	"net"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// networks are the two ways to a broker.
var networks = map[string]func(mq *brokertest.Broker, name string) (*amqp091.Connection, error){
	"TCP": func(mq *brokertest.Broker, name string) (*amqp091.Connection, error) {
		return dialAs(mq.URL(), nil, name)
	},
	"memory": func(mq *brokertest.Broker, name string) (*amqp091.Connection, error) {
		return dialAs(mq.MemoryURL(), mq.DialFunc, name)
	},
}

func dialAs(url string, dial func(network, addr string) (net.Conn, error), name string) (*amqp091.Connection, error) {
	props := amqp091.NewConnectionProperties()
	props.SetClientConnectionName(name)
	return amqp091.DialConfig(url, amqp091.Config{Properties: props, Dial: dial})
}

// onBoth runs a test over each network.
func onBoth(t *testing.T, test func(t *testing.T, dial func(mq *brokertest.Broker, name string) *amqp091.Connection)) {
	for name, dial := range networks {
		t.Run(name, func(t *testing.T) {
			test(t, func(mq *brokertest.Broker, name string) *amqp091.Connection {
				conn, err := dial(mq, name)
				require.NoError(t, err)
				t.Cleanup(func() { _ = conn.Close() })
				return conn
			})
		})
	}
}

func TestKillConnections(t *testing.T) {
	onBoth(t, func(t *testing.T, dial func(mq *brokertest.Broker, name string) *amqp091.Connection) {
		mq := brokertest.New(t)
		queues(mq, "q")
		mq.Publish("", "q", []byte("held"))
		victim, other := dial(mq, "victim"), dial(mq, "other")
		ended := victim.NotifyClose(make(chan *amqp091.Error, 1))
		ch, err := victim.Channel()
		require.NoError(t, err)
		_, err = ch.QueueDeclare("exclusive", false, false, true, false, nil)
		require.NoError(t, err)
		_, _, err = ch.Get("q", false)
		require.NoError(t, err)

		killed := mq.KillConnections(func(c broker.ConnectionInfo) bool { return c.Name == "victim" })
		assert.Equal(t, 1, killed)
		assert.Len(t, mq.Ready("q"), 1, "it is back already")
		assert.Len(t, mq.Topology().Queues, 1, "the exclusive queue is gone")
		reason := <-ended
		assert.Contains(t, reason.Reason, syscall.ECONNRESET.Error())
		assert.False(t, other.IsClosed())
		assert.Len(t, mq.Connections(), 1)

		assert.Zero(t, mq.KillConnections(func(broker.ConnectionInfo) bool { return false }))
		assert.Equal(t, 1, mq.KillConnections(nil))
		assert.Empty(t, mq.Connections())
	})
}

// A connection amid its handshake can be cut too.
func TestKillTheSilent(t *testing.T) {
	mq := brokertest.New(t)
	nc, err := mq.Dial()
	require.NoError(t, err)
	assert.Equal(t, 1, mq.KillConnections(nil))
	_, err = nc.Read(make([]byte, 1))
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	require.NoError(t, nc.Close())
}

// A paused network carries nothing, and everything once it is resumed.
func TestPause(t *testing.T) {
	onBoth(t, func(t *testing.T, dial func(mq *brokertest.Broker, name string) *amqp091.Connection) {
		mq := brokertest.New(t)
		queues(mq, "in", "out")
		ch, err := dial(mq, "").Channel()
		require.NoError(t, err)
		deliveries, err := ch.Consume("out", "", true, false, false, false, nil)
		require.NoError(t, err)

		mq.Pause()
		require.NoError(t, ch.Publish("", "in", false, false, amqp091.Publishing{Body: []byte("late")}))
		mq.Publish("", "out", []byte("late too"))
		mq.RequireLen("out", 0) // handed to the connection, which keeps it
		ctx, cancel := context.WithTimeout(t.Context(), short)
		defer cancel()
		select {
		case d := <-deliveries:
			assert.Fail(t, "it got through", "%s", d.Body)
		case <-ctx.Done():
		}
		assert.Empty(t, mq.Ready("in"))

		mq.Resume()
		mq.RequireLen("in", 1)
		assert.Equal(t, "late too", string((<-deliveries).Body))
	})
}

// Who is cut off for long misses heartbeats on both sides.
func TestSynctestPauseOutlastsHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		conn := dial(t, mq)
		ended := conn.NotifyClose(make(chan *amqp091.Error, 1))
		mq.Pause()
		begin := mq.Now()
		<-ended
		assert.InDelta(t, 30, mq.Now().Sub(begin).Seconds(), 15)
		mq.Resume()
		synctest.Wait()
		assert.Empty(t, mq.Connections())
	})
}

// Nothing that is held up holds up the end.
func TestEndWhilePaused(t *testing.T) {
	mq := brokertest.New(t)
	_, err := dialAs(mq.URL(), nil, "")
	require.NoError(t, err)
	mq.Pause()
	mq.Close()
}

func TestSetAlarm(t *testing.T) {
	mq := brokertest.New(t)
	conn := dial(t, mq)
	blocked := conn.NotifyBlocked(make(chan amqp091.Blocking, 2))
	ch, err := conn.Channel()
	require.NoError(t, err)
	mq.SetAlarm(broker.MemoryAlarm, true)
	require.NoError(t, ch.Publish("", "nowhere", false, false, amqp091.Publishing{}))
	assert.Equal(t, amqp091.Blocking{Active: true, Reason: "low on memory"}, <-blocked)
	mq.SetAlarm(broker.MemoryAlarm, false)
	assert.False(t, (<-blocked).Active)
}

func TestFixedAddress(t *testing.T) {
	first := brokertest.New(t)
	addr := first.Addr().String()
	first.Close()
	mq := brokertest.New(t, brokertest.WithAddr(addr))
	conn, err := amqp091.Dial("amqp://guest:guest@" + addr + "/")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	assert.Equal(t, "amqp://guest:guest@"+addr+"/%2F", mq.URL())

	f := &fakeTB{t: t}
	t.Cleanup(f.finish)
	assert.Contains(t, f.fails(func() { brokertest.New(f, brokertest.WithAddr(addr)) }), "address already in use")
}

func TestSynctestRefusesTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq, f := newFake(t)
		assert.Contains(t, f.fails(func() { _ = mq.URL() }), "brokertest: a synctest bubble cannot wait for TCP")
		f.finish()
	})
}
