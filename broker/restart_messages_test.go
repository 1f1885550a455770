package broker_test

// What a restart keeps of messages (PERSIST-2, PERSIST-3, PERSIST-9), and what the
// tests of restarts share. What becomes of those that had been delivered or settled
// is in restart_settled_test.go.

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// persistent is the properties of a persistent message.
func persistent(change func(*amqp.Properties)) amqp.Properties {
	p := amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 2}
	if change != nil {
		change(&p)
	}
	return p
}

// publishPersistent publishes persistent messages of these bodies to a queue.
func publishPersistent(t testing.TB, v *broker.VHost, queue string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		n, err := v.Publish("", queue, broker.Message{Properties: persistent(nil), Body: []byte(body)})
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}
}

// declareDurable declares a durable queue.
func declareDurable(t testing.TB, v *broker.VHost, name string, args map[string]any) {
	t.Helper()
	_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true, Args: args})
	require.NoError(t, err)
}

// get takes messages out of a queue, n or as many as there are.
func get(t testing.TB, ch *amqp091.Channel, queue string, n int) (list []amqp091.Delivery) {
	t.Helper()
	for len(list) < n {
		d, ok, err := ch.Get(queue, false)
		require.NoError(t, err)
		if !ok {
			break
		}
		list = append(list, d)
	}
	return list
}

// told is bodies, each with * if it carries the redelivered flag.
func told(t testing.TB, v *broker.VHost, queue string) (list []string) {
	t.Helper()
	messages, err := v.Peek(queue, 1000)
	require.NoError(t, err)
	for _, m := range messages {
		mark := ""
		if m.Redelivered {
			mark = "*"
		}
		list = append(list, string(m.Body)+mark)
	}
	return list
}

// PERSIST-2: only persistent messages in durable queues survive, lazy or not.
func TestRestartKeepsPersistentMessages(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		declareDurable(t, v, "plain", nil)
		declareDurable(t, v, "lazy", map[string]any{"x-queue-mode": "lazy"})
		declare(t, v, "transient")
		for _, queue := range []string{"plain", "lazy", "transient"} {
			for i := range 100 {
				m := broker.Message{Body: []byte(strconv.Itoa(i))}
				if i%3 == 0 {
					m.Properties = persistent(nil)
				} else if i%3 == 1 {
					m.Properties = amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 1}
				}
				_, err := v.Publish("", queue, m)
				require.NoError(t, err)
			}
		}
		var want []string
		for i := 0; i < 100; i += 3 {
			want = append(want, strconv.Itoa(i))
		}
		for range 2 {
			restart()
			v = vhost(t, h.Broker)
			assert.Equal(t, want, bodies(t, v, "plain"))
			assert.Equal(t, want, bodies(t, v, "lazy"))
			_, err := v.Counts("transient")
			assert.ErrorContains(t, err, "no queue 'transient'") // PERSIST-1: transient queues are gone
		}
	})
}

// What survives counts as persistent, before and after: in a quorum queue that is all
// (QUEUE-98).
func TestRestartCountsPersistentMessages(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		declareDurable(t, v, "plain", nil)
		declareDurable(t, v, "priorities", map[string]any{"x-max-priority": 3})
		declareDurable(t, v, "quorum", map[string]any{"x-queue-type": "quorum"})
		counts := func(queue string, messages, bytes int) {
			t.Helper()
			info, ok := v.Queue(queue)
			require.True(t, ok)
			assert.Equal(t, [2]int{messages, bytes}, [2]int{info.Persistent, int(info.PersistentBytes)}, queue)
		}
		survive := map[string]int{"plain": 2, "priorities": 2, "quorum": 5}
		for queue, n := range survive {
			publishPersistent(t, v, queue, "12345", "12345")
			for range 3 {
				_, err := v.Publish("", queue, broker.Message{Body: []byte("12345")})
				require.NoError(t, err)
			}
			counts(queue, n, 5*n)
		}
		restart()
		v = vhost(t, h.Broker)
		for queue, n := range survive {
			counts(queue, n, 5*n)
			publishPersistent(t, v, queue, "1234")
			counts(queue, n+1, 5*n+4)
			for range n {
				_ = take(t, v, queue)
			}
			counts(queue, 1, 4)
			purged, err := v.Purge(queue)
			require.NoError(t, err)
			assert.Equal(t, 1, purged)
			counts(queue, 0, 0)
		}
	})
}

// PERSIST-9: a message is what it was, headers, properties, an empty body.
func TestRestartChangesNothingOfAMessage(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		declareDurable(t, v, "q", nil)
		require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "x", Type: "fanout"})) // itself transient
		require.NoError(t, v.Bind(broker.Binding{Source: "x", Destination: "q"}))
		full := amqp.Properties{
			Flags:       1<<16 - 4, // all fourteen
			ContentType: "text/plain", ContentEncoding: "none", DeliveryMode: 2, Priority: 9, CorrelationID: "c",
			ReplyTo: "r", Expiration: "3600000", MessageID: "m", Timestamp: 1 << 40, Type: "t", UserID: "guest", AppID: "a", ClusterID: "i",
			Headers: amqp.Table{
				{Key: "x-death", Value: amqp.Array{amqp.Table{
					{Key: "count", Value: int64(3)}, {Key: "reason", Value: "expired"}, {Key: "queue", Value: "old"},
					{Key: "time", Value: amqp.Timestamp(1_600_000_000)}, {Key: "exchange", Value: ""},
					{Key: "routing-keys", Value: amqp.Array{"old"}},
				}}},
				{Key: "n", Value: uint8(1)}, {Key: "n", Value: nil},
			},
		}
		_, err := v.Publish("x", "a key", broker.Message{Properties: full, Body: []byte{}})
		require.NoError(t, err)
		large := make([]byte, 1<<20)
		for i := range large {
			large[i] = byte(i * i >> 8)
		}
		_, err = v.Publish("x", "", broker.Message{Properties: persistent(nil), Body: large})
		require.NoError(t, err)
		before, err := v.Peek("q", 10)
		require.NoError(t, err)
		restart()
		after, err := vhost(t, h.Broker).Peek("q", 10)
		require.NoError(t, err)
		require.Len(t, after, 2)
		for i := range after {
			before[i].Redelivered = after[i].Redelivered // TestRestartTellsWhatWasDelivered
		}
		assert.Equal(t, before[0], after[0])
		assert.Equal(t, large, after[1].Body)
	})
}

// PERSIST-3: the order within a priority, and the order of priorities.
func TestRestartKeepsPriorities(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		declareDurable(t, v, "q", map[string]any{"x-max-priority": 10})
		for i, priority := range []uint8{0, 5, 10, 5, 0, 200, 1} {
			p := persistent(func(p *amqp.Properties) { p.Flags |= amqp.HasPriority; p.Priority = priority })
			_, err := v.Publish("", "q", broker.Message{Properties: p, Body: []byte{byte('a' + i)}})
			require.NoError(t, err)
		}
		restart()
		v = vhost(t, h.Broker)
		assert.Equal(t, []string{"c", "f", "b", "d", "g", "a", "e"}, bodies(t, v, "q"))
		publishPersistent(t, v, "q", "new")
		restart()
		assert.Equal(t, []string{"c", "f", "b", "d", "g", "a", "e", "new"}, bodies(t, vhost(t, h.Broker), "q"))
	})
}

// PERSIST-3, QUEUE-59: a deadline is a moment, which may pass during downtime;
// a queue's own expiry starts anew.
func TestRestartKeepsDeadlines(t *testing.T) {
	var clock *delay.Manual
	manual := func() delay.Clock {
		clock = delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		return clock
	}
	again(t, manual, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		declareDurable(t, v, "grave", nil)
		publishPersistent(t, v, "grave", "first")
		declareDurable(t, v, "messages", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"})
		declareDurable(t, v, "queue", map[string]any{"x-message-ttl": 30_000})
		declareDurable(t, v, "used", map[string]any{"x-expires": 30_000})
		for _, ttl := range []string{"10000", "20000", "30000", ""} {
			p := persistent(nil)
			if ttl != "" {
				p.Flags, p.Expiration = p.Flags|amqp.HasExpiration, ttl
			}
			_, err := v.Publish("", "messages", broker.Message{Properties: p, Body: []byte(ttl)})
			require.NoError(t, err)
		}
		publishPersistent(t, v, "queue", "early")
		clock.Advance(15 * time.Second)
		publishPersistent(t, v, "queue", "late")
		require.Equal(t, []string{"20000", "30000", ""}, bodies(t, v, "messages"))
		h.meanwhile = func() { clock.Advance(10 * time.Second) } // to 25 s
		restart()
		v = vhost(t, h.Broker)
		eventually(t, "what fell due is in the dead-letter queue", func() bool { return len(bodies(t, v, "grave")) == 3 })
		assert.Equal(t, []string{"first", "10000", "20000"}, bodies(t, v, "grave"))
		assert.Equal(t, []string{"30000", ""}, bodies(t, v, "messages"))
		assert.Equal(t, []string{"early", "late"}, bodies(t, v, "queue"))
		clock.Advance(5 * time.Second) // 30 s
		eventually(t, "deadlines are kept", func() bool {
			return len(bodies(t, v, "grave")) == 4 && len(bodies(t, v, "queue")) == 1
		})
		clock.Advance(15*time.Second - time.Millisecond)
		assert.Equal(t, []string{"late"}, bodies(t, v, "queue"))
		_, err := v.Counts("used")
		assert.NoError(t, err, "20 s since the restart, 45 s since its declaration")
		clock.Advance(time.Millisecond)
		eventually(t, "all have expired", func() bool { return len(bodies(t, v, "queue")) == 0 })
		clock.Advance(10 * time.Second)
		eventually(t, "30 s without use", func() bool { _, err := v.Counts("used"); return err != nil })
	})
}

// What fell due during downtime dies into queues that are whole: behind what
// they have.
func TestRestartRecoversAllQueuesFirst(t *testing.T) {
	clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	h := newHouse(t, clock)
	v := vhost(t, h.Broker)
	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "dlx", Type: "fanout", Durable: true}))
	const queues, dead = 100, 300
	for i := range queues {
		name := fmt.Sprint("grave-", i)
		declareDurable(t, v, name, nil)
		require.NoError(t, v.Bind(broker.Binding{Source: "dlx", Destination: name}))
		publishPersistent(t, v, name, "old", "old", "old")
	}
	declareDurable(t, v, "source", map[string]any{"x-message-ttl": 1000, "x-dead-letter-exchange": "dlx"})
	for range dead {
		publishPersistent(t, v, "source", "dead")
	}
	h.meanwhile = func() { clock.Advance(time.Second) }
	h.restart()
	v = vhost(t, h.Broker)
	for i := range queues {
		name := fmt.Sprint("grave-", i)
		eventually(t, "the dead arrive", func() bool { n, _ := v.Counts(name); return n.Ready == 3+dead })
		require.Equal(t, []string{"old", "old", "old", "dead"}, bodies(t, v, name)[:4])
	}
}
