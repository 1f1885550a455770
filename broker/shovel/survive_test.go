package shovel_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/shovel"
)

// SHOVEL-7, SHOVEL-12: whichever of the three parties dies or restarts, whatever was in the
// source is at the destination once at least.
func TestNothingIsLostWhoeverDies(t *testing.T) {
	const messages = 12000
	from, to, own := brokertest.New(t, brokertest.Durable()), brokertest.New(t, brokertest.Durable()), brokertest.New(t)
	fill(from, "q", messages)
	from.Restart() // a crash may lose what the disk does not have yet: nobody was told that it has
	m := shovel.Start(own.Broker(), shovel.Config{})
	defer func() { m.Close() }()
	set(t, own.Broker(), "s", "src-uri", uri(t, from), "src-queue", "q", "dest-uri", uri(t, to), "dest-queue", "q",
		"src-prefetch-count", 50, "reconnect-delay", 0.02)
	there := func() int { return max(0, ready(t, to.Broker(), "q")) }
	for i, strike := range []func(){
		to.Crash, from.Crash, to.Restart, from.Restart, func() {
			m.Close()
			m = shovel.Start(own.Broker(), shovel.Config{})
		}, to.Crash, func() { from.Crash(); to.Crash() },
	} {
		wanted := min(messages*9/10, there()+200)
		eventually(t, func() bool { return there() >= wanted }, "nothing moves before strike %d", i)
		strike()
	}
	eventually(t, func() bool {
		c, err := vhost(t, from.Broker()).Counts("q")
		return err == nil && c.Ready+c.Unacked == 0
	}, "messages are left")
	list, err := vhost(t, to.Broker()).Peek("q", 2*messages)
	require.NoError(t, err)
	seen := make(map[string]bool)
	for _, msg := range list {
		seen[string(msg.Body)] = true
	}
	assert.Len(t, seen, messages)
	t.Logf("%d duplicates", len(list)-len(seen))
}

// Messages that the destination refuses go back to the source, as a probe of RabbitMQ 3.10.8
// showed (SHOVEL-7 says otherwise).
func TestRefusedMessagesGoBack(t *testing.T) {
	from, to := brokertest.New(t), brokertest.New(t)
	from.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "dead"}, {
		Name: "q", Durable: true, Args: map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"},
	}}})
	for i := range 4 {
		from.Publish("", "q", fmt.Appendf(nil, "%d", i))
	}
	to.Declare(brokertest.Topology{Queues: []broker.Queue{{
		Name: "full", Durable: true, Args: map[string]any{"x-max-length": 1, "x-overflow": "reject-publish"},
	}}})
	m := start(t, from.Broker())
	set(t, from.Broker(), "s", "src-uri", "amqp://", "src-queue", "q", "dest-uri", uri(t, to), "dest-queue", "full")
	eventually(t, func() bool {
		st, _ := m.Shovel("/", "s")
		return st.Forwarded > 20 && ready(t, to.Broker(), "full") == 1
	}, "what is refused does not come again")
	assert.Equal(t, 0, ready(t, from.Broker(), "dead"))
	m.Delete("/", "s")
	eventually(t, func() bool { return ready(t, from.Broker(), "q") == 3 }, "messages are gone")
}

func TestADeletedSourceComesBack(t *testing.T) {
	from, to := brokertest.New(t), brokertest.New(t)
	fill(from, "q", 3)
	m := start(t, from.Broker())
	set(t, from.Broker(), "s", "src-uri", uri(t, from), "src-queue", "q", "dest-uri", uri(t, to), "dest-queue", "q")
	eventually(t, func() bool { return ready(t, to.Broker(), "q") == 3 }, "nothing moves")
	_, err := vhost(t, from.Broker()).DeleteQueue("q")
	require.NoError(t, err)
	eventually(t, func() bool { return ready(t, from.Broker(), "q") == 0 }, "the queue is not declared again")
	state(t, m, "s", shovel.Running)
	from.Publish("", "q", []byte("again"))
	eventually(t, func() bool { return ready(t, to.Broker(), "q") == 4 }, "nothing moves")
	q, _ := vhost(t, from.Broker()).Queue("q")
	assert.True(t, q.Durable)
}

// A shovel that fails tries again at once the first time, and then after reconnect-delay, in
// the broker's time.
func TestRetries(t *testing.T) {
	own, to := brokertest.New(t, brokertest.WithManualClock()), brokertest.New(t)
	m, log := startLogged(t, own.Broker())
	set(t, own.Broker(), "s", "src-uri", "amqp://", "src-queue", "q", "dest-uri", uri(t, to), "dest-exchange", "nope", "reconnect-delay", 7)
	own.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q", Durable: true}}})
	own.Publish("", "q", []byte("x"))
	st := state(t, m, "s", shovel.Terminated)
	const closed = "is stopping: one of its connections closed with code 404"
	eventually(t, func() bool { return log.count(closed) == 2 }, "it does not try again at once")
	st = state(t, m, "s", shovel.Terminated)
	assert.Equal(t, `{outbound_link_or_channel_closure,<<"NOT_FOUND - no exchange 'nope' in vhost '/'">>}`, st.Reason)
	to.Declare(brokertest.Topology{Exchanges: []broker.Exchange{{Name: "nope", Type: "fanout"}}})
	own.Advance(6 * time.Second)
	assert.Equal(t, 2, log.count(closed))
	own.Advance(time.Second)
	state(t, m, "s", shovel.Running)
	eventually(t, func() bool { return ready(t, own.Broker(), "q") == 0 }, "nothing moves")
}

func TestARefusedLoginKeepsItStarting(t *testing.T) {
	own, to := brokertest.New(t, brokertest.WithManualClock()), brokertest.New(t, brokertest.WithUser("u", "right"))
	m, log := startLogged(t, own.Broker())
	address := to.Addr()
	for name, bad := range map[string]string{
		"login":   "amqp://u:s3cret@" + address.String(),
		"vhost":   "amqp://u:right@" + address.String() + "/none",
		"refused": "amqp://u:s3cret@127.0.0.1:1",
	} {
		set(t, own.Broker(), name, "src-uri", "amqp://", "src-queue", "q", "dest-uri", bad, "dest-queue", "q")
	}
	eventually(t, func() bool { return log.count("could not connect to destination") == 6 }, "not two tries each")
	for _, line := range []string{
		"Shovel 'login' failed to connect (URI: amqp://" + address.String() + "): ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
		"Shovel 'login' has no more URIs to try for connection",
		"Shovel 'vhost' failed to connect (URI: amqp://" + address.String() + "/none): access to target virtual host was refused",
		"Shovel 'refused' failed to connect (URI: amqp://127.0.0.1:1): connection to target host was refused (ECONNREFUSED)",
	} {
		assert.Equal(t, 2, log.count(line), line)
	}
	assert.Zero(t, log.count("s3cret"))
	for _, st := range m.Shovels() {
		assert.Equal(t, shovel.Starting, st.State)
	}
}

func TestABlockedDestination(t *testing.T) {
	from, to := brokertest.New(t), brokertest.New(t)
	fill(from, "q", 3)
	m := start(t, from.Broker())
	set(t, from.Broker(), "s", "src-uri", "amqp://", "src-queue", "q", "dest-uri", uri(t, to), "dest-queue", "q")
	eventually(t, func() bool { return ready(t, to.Broker(), "q") == 3 }, "nothing moves")
	to.SetAlarm(broker.MemoryAlarm, true)
	from.Publish("", "q", []byte("x"))
	state(t, m, "s", shovel.Blocked)
	to.SetAlarm(broker.MemoryAlarm, false)
	state(t, m, "s", shovel.Running)
	eventually(t, func() bool { return ready(t, to.Broker(), "q") == 4 }, "nothing moves")
}

func TestAShovelMayPointAtItself(t *testing.T) {
	mq := brokertest.New(t)
	fill(mq, "q", 10)
	m := start(t, mq.Broker())
	set(t, mq.Broker(), "s", "src-uri", "amqp://", "src-queue", "q", "dest-uri", "amqp://", "dest-queue", "q")
	eventually(t, func() bool { return m.Forwarded() > 1000 }, "it does not go round")
	m.Delete("/", "s")
	eventually(t, func() bool { return ready(t, mq.Broker(), "q") >= 10 }, "messages are lost")
}

func TestAHundredShovels(t *testing.T) {
	from, to := brokertest.New(t), brokertest.New(t)
	for i := range 100 {
		fill(from, fmt.Sprint("q", i), 20)
	}
	m := start(t, from.Broker())
	for i := range 100 {
		set(t, from.Broker(), fmt.Sprint("s", i), "src-uri", "amqp://", "src-queue", fmt.Sprint("q", i), "dest-uri", uri(t, to), "dest-queue", "all")
	}
	eventually(t, func() bool { return ready(t, to.Broker(), "all") == 2000 }, "messages are missing")
	assert.Len(t, m.Shovels(), 100)
	for _, st := range m.Shovels() {
		assert.Equal(t, shovel.Running, st.State)
		m.Delete("/", st.Name)
	}
	assert.Empty(t, m.Shovels())
}

func TestAVirtualHostTakesItsShovelsAlong(t *testing.T) {
	mq := brokertest.New(t)
	m := start(t, mq.Broker())
	v, err := mq.Broker().CreateVHost("v", broker.VHostSettings{})
	require.NoError(t, err)
	require.NoError(t, v.SetParameter(shovel.Component, "s", value(t, "src-uri", "amqp:///v", "src-queue", "q", "dest-uri", "amqp://")))
	eventually(t, func() bool { st, _ := m.Shovel("v", "s"); return st.State == shovel.Running }, "it does not run")
	_, err = mq.Broker().DeleteVHost("v")
	require.NoError(t, err)
	assert.Empty(t, m.Shovels())
}
