package brokertest_test

// Brokers that start again, in order or not, and disks that fail.

import (
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// durable is a broker with a durable queue, a transient one, and a persistent
// and a transient message in the first.
func durable(t testing.TB) *brokertest.Broker {
	mq := brokertest.New(t, brokertest.Durable())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "kept", Durable: true}, {Name: "lost"}}})
	mq.Publish("", "kept", []byte("persistent"), brokertest.Persistent())
	mq.Publish("", "kept", []byte("transient"))
	return mq
}

// PERSIST-1, PERSIST-2: what is durable is there again, at the same address;
// clients were told.
func TestRestart(t *testing.T) {
	mq := durable(t)
	url := mq.URL()
	conn, err := amqp091.Dial(url)
	require.NoError(t, err)
	ended := conn.NotifyClose(make(chan *amqp091.Error, 1))
	before := mq.Broker()

	mq.Restart()
	assert.Equal(t, 320, (<-ended).Code)
	assert.NotSame(t, before, mq.Broker())
	assert.Equal(t, url, mq.URL())
	assert.Equal(t, []broker.Queue{{Name: "kept", Durable: true}}, mq.Topology().Queues)
	require.Len(t, mq.Ready("kept"), 1)
	assert.Equal(t, "persistent", string(mq.Ready("kept")[0].Body))
	conn, err = amqp091.Dial(url)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// A stopped broker turns everybody away, and is back at the same address.
func TestStopAndStart(t *testing.T) {
	for name, dial := range networks {
		t.Run(name, func(t *testing.T) {
			mq := durable(t)
			conn, err := dial(mq, "")
			require.NoError(t, err)
			ended := conn.NotifyClose(make(chan *amqp091.Error, 1))
			mq.Stop()
			assert.Equal(t, 320, (<-ended).Code)
			_, err = dial(mq, "")
			assert.Error(t, err)
			mq.Start()
			conn, err = dial(mq, "")
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			mq.RequireLen("kept", 1)
			mq.Stop()
			mq.Close()
		})
	}
}

func TestStoppedTwice(t *testing.T) {
	mq, f := newFake(t, brokertest.Durable())
	assert.Equal(t, "brokertest: Start: the broker has not been stopped", f.fails(mq.Start))
	mq.Stop()
	_, err := mq.Dial()
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	for name, do := range map[string]func(){"Stop": mq.Stop, "Restart": mq.Restart, "Crash": mq.Crash} {
		assert.Equal(t, "brokertest: "+name+": the broker is stopped", f.fails(do))
	}
	mq.Start()
}

// A crash tells nobody and takes nothing that was confirmed.
func TestCrash(t *testing.T) {
	mq := durable(t)
	conn, err := amqp091.Dial(mq.URL())
	require.NoError(t, err)
	ended := conn.NotifyClose(make(chan *amqp091.Error, 1))
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	confirm, err := ch.PublishWithDeferredConfirm("", "kept", false, false,
		amqp091.Publishing{DeliveryMode: 2, Body: []byte("confirmed")})
	require.NoError(t, err)
	require.True(t, confirm.Wait())

	mq.FailNextSync(-1)
	confirm, err = ch.PublishWithDeferredConfirm("", "kept", false, false,
		amqp091.Publishing{DeliveryMode: 2, Body: []byte("never written")})
	require.NoError(t, err)
	assert.False(t, confirm.Wait(), "nacked")
	mq.Crash()
	assert.Contains(t, (<-ended).Reason, syscall.ECONNRESET.Error())
	mq.FailNextSync(0)
	var bodies []string
	for _, m := range mq.Ready("kept") {
		bodies = append(bodies, string(m.Body))
	}
	assert.Equal(t, []string{"persistent", "confirmed"}, bodies)
}

// A batch that failed is tried again; what it would have confirmed was nacked.
func TestFailNextSync(t *testing.T) {
	mq := durable(t)
	ch := channel(t, mq)
	require.NoError(t, ch.Confirm(false))
	publish := func() bool {
		confirm, err := ch.PublishWithDeferredConfirm("", "kept", false, false,
			amqp091.Publishing{DeliveryMode: 2, Body: []byte("x")})
		require.NoError(t, err)
		return confirm.Wait()
	}
	require.True(t, publish())
	mq.FailNextSync(1)
	assert.False(t, publish())
	assert.True(t, publish())
}

// In a folder of the test's own, what is durable survives the broker.
func TestDataDir(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		mq := brokertest.New(t, brokertest.WithDataDir(dir))
		mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q", Durable: true}}})
		mq.RequireLen("q", i)
		mq.Publish("", "q", []byte(strconv.Itoa(i)), brokertest.Persistent())
		mq.Close()
	}
}

func TestFoldersAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	mq := brokertest.New(t, brokertest.Durable())
	mq.Restart()
	entries, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	mq.Close()
	entries, err = os.ReadDir(os.TempDir())
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// Without a store a broker restarts all the same, and has nothing then.
func TestRestartInMemory(t *testing.T) {
	mq, f := newFake(t)
	for name, do := range map[string]func(){
		"Restart": mq.Restart, "Crash": mq.Crash, "Stop": func() { mq.Stop(); mq.Start() },
	} {
		mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q", Durable: true}}})
		mq.Publish("", "q", nil, brokertest.Persistent())
		closed := dial(t, mq).NotifyClose(make(chan *amqp091.Error, 1))
		do()
		<-closed
		assert.Empty(t, mq.Topology(), name)
		assert.Contains(t, f.fails(func() { mq.RequireLen("q", 1) }),
			"this broker keeps everything in memory, and was restarted", name)
	}
	assert.Equal(t, "brokertest: FailNextSync: this broker keeps everything in memory. Start "+
		"it with brokertest.New(t, brokertest.Durable())", f.fails(func() { mq.FailNextSync(1) }))
}

// A broker that cannot start says why.
func TestStartFails(t *testing.T) {
	f := &fakeTB{t: t}
	t.Cleanup(f.finish)
	assert.Equal(t, "brokertest: broker: FrameMax is below 4096", f.fails(func() {
		brokertest.New(f, brokertest.WithConfig(func(c *broker.Config) { c.FrameMax = 1 }), brokertest.Durable())
	}))
	dir := t.TempDir()
	brokertest.New(t, brokertest.WithDataDir(dir))
	assert.Contains(t, f.fails(func() { brokertest.New(f, brokertest.WithDataDir(dir)) }), "in use by another process")
}
