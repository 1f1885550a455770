package broker_test

// What a restart keeps of messages (PERSIST-2, PERSIST-3, PERSIST-5, PERSIST-7,
// PERSIST-9).

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
			assert.ErrorContains(t, err, "no queue 'transient'") // PERSIST-1
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

// PERSIST-5: after an orderly stop the flag is on what was with a client and
// not acked, wherever it was by then; after a crash it is on everything.
func TestRestartTellsWhatWasDelivered(t *testing.T) {
	for _, tc := range []struct {
		name    string
		restart func(*house)
		want    []string // in their original places
	}{
		{"in order", (*house).restart, []string{"a*", "c*", "e*", "f", "g"}},
		{"crash", (*house).crash, []string{"a*", "c*", "e*", "f*", "g*"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, nil)
			v := vhost(t, h.Broker)
			declareDurable(t, v, "q", nil)
			publishPersistent(t, v, "q", "a", "b", "c", "d", "e", "f", "g")
			ch := channel(t, h.Broker)
			out := get(t, ch, "q", 5) // a and e stay with the client
			require.NoError(t, out[1].Ack(false))
			require.NoError(t, out[2].Reject(true))
			require.NoError(t, out[3].Reject(false))
			eventually(t, "c is back", func() bool { n, _ := v.Counts("q"); return n.Ready == 3 && n.Unacked == 2 })
			tc.restart(h)
			assert.Equal(t, tc.want, told(t, vhost(t, h.Broker), "q"))
			h.restart() // nothing was delivered in between
			assert.Equal(t, tc.want, told(t, vhost(t, h.Broker), "q"))
		})
	}
}

// What a crash leaves unknown is unknown of those messages only: not of ones
// that come later, and not of another queue's.
func TestCrashMarksNothingNew(t *testing.T) {
	h := newHouse(t, nil)
	v := vhost(t, h.Broker)
	for _, queue := range []string{"drained", "partly", "deleted"} {
		declareDurable(t, v, queue, nil)
		publishPersistent(t, v, queue, "1", "2", "3", "4", "5")
	}
	h.crash()
	v = vhost(t, h.Broker)
	ch := channel(t, h.Broker)
	require.NoError(t, get(t, ch, "drained", 5)[4].Ack(true))
	ch = channel(t, h.Broker)
	for _, d := range get(t, ch, "partly", 5)[1:] {
		require.NoError(t, d.Ack(false))
	}
	_, err := v.DeleteQueue("deleted")
	require.NoError(t, err)
	eventually(t, "the acks have come", func() bool {
		drained, _ := v.Counts("drained")
		partly, _ := v.Counts("partly")
		return drained.Unacked == 0 && partly.Unacked == 1
	})
	h.restart()
	v = vhost(t, h.Broker)
	require.Equal(t, []string{"1*"}, told(t, v, "partly"))
	declareDurable(t, v, "made after", nil)
	for _, queue := range []string{"drained", "partly", "made after"} {
		publishPersistent(t, v, queue, "new")
	}
	h.restart()
	v = vhost(t, h.Broker)
	assert.Equal(t, []string{"new"}, told(t, v, "drained"))
	assert.Equal(t, []string{"1*", "new"}, told(t, v, "partly"))
	assert.Equal(t, []string{"new"}, told(t, v, "made after"))
}

// A queue far longer than what is kept in memory comes back whole, after some
// of it was acked, some requeued, and some is still out.
func TestRestartWithALongQueue(t *testing.T) {
	for _, mode := range []string{"default", "lazy"} {
		t.Run(mode, func(t *testing.T) {
			again(t, wallClock, func(t *testing.T, h *house, restart func()) { longQueue(t, h, mode, restart) })
		})
	}
}

func longQueue(t *testing.T, h *house, mode string, restart func()) {
	const n, head = 100_000, 1000
	v := vhost(t, h.Broker)
	declareDurable(t, v, "q", map[string]any{"x-queue-mode": mode})
	for i := range n {
		publishPersistent(t, v, "q", strconv.Itoa(i))
	}
	h.commit()
	ch := channel(t, h.Broker)
	var want []string
	for i, d := range get(t, ch, "q", head) {
		require.Equal(t, strconv.Itoa(i), string(d.Body))
		switch i % 3 {
		case 0:
			require.NoError(t, d.Ack(false))
			continue
		case 1:
			require.NoError(t, d.Reject(true))
		}
		want = append(want, strconv.Itoa(i))
	}
	eventually(t, "all that is settled has come", func() bool { n, _ := v.Counts("q"); return n.Unacked == head/3 })
	for i := head; i < n; i++ {
		want = append(want, strconv.Itoa(i))
	}
	restart()
	v = vhost(t, h.Broker)
	publishPersistent(t, v, "q", "last")
	want = append(want, "last")
	counts, err := v.Counts("q")
	require.NoError(t, err)
	require.Equal(t, len(want), counts.Ready)
	size := 0
	for _, body := range want {
		size += len(body)
	}
	assert.EqualValues(t, size, counts.ReadyBytes)
	deliveries, err := channel(t, h.Broker).Consume("q", "", true, false, false, false, nil)
	require.NoError(t, err)
	for _, body := range want {
		require.Equal(t, body, string(receive(t, deliveries).Body))
	}
	restart()
	assert.Empty(t, bodies(t, vhost(t, h.Broker), "q"))
}

// What a queue let go stays gone: purged, acked, dropped by a limit, rejected
// to a dead-letter exchange.
func TestRestartBringsNoMessageBack(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		declareDurable(t, v, "purged", nil)
		declareDurable(t, v, "acked", nil)
		declareDurable(t, v, "limited", map[string]any{"x-max-length": 2})
		declareDurable(t, v, "source", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "target"})
		declareDurable(t, v, "target", nil)
		for _, queue := range []string{"purged", "acked", "limited", "source"} {
			publishPersistent(t, v, queue, "1", "2", "3", "4")
		}
		restart() // what goes below has been on the disk
		v = vhost(t, h.Broker)
		get(t, channel(t, h.Broker), "purged", 1) // it is out, and so not purged (QUEUE-24)
		n, err := v.Purge("purged")
		require.NoError(t, err)
		require.Equal(t, 3, n)
		publishPersistent(t, v, "purged", "after")
		publishPersistent(t, v, "limited", "5")
		require.NoError(t, get(t, channel(t, h.Broker), "acked", 3)[2].Ack(true))
		require.NoError(t, get(t, channel(t, h.Broker), "source", 3)[2].Nack(true, false))
		eventually(t, "acks and dead letters arrive", func() bool {
			acked, _ := v.Counts("acked")
			return len(bodies(t, v, "target")) == 3 && acked.Unacked == 0
		})
		deaths, err := v.Peek("target", 3)
		require.NoError(t, err)

		restart()

		v = vhost(t, h.Broker)
		assert.Equal(t, []string{"1", "after"}, bodies(t, v, "purged"))
		assert.Equal(t, []string{"4"}, bodies(t, v, "acked"))
		assert.Equal(t, []string{"4", "5"}, bodies(t, v, "limited"))
		assert.Equal(t, []string{"4"}, bodies(t, v, "source"))
		after, err := v.Peek("target", 4)
		require.NoError(t, err)
		require.Len(t, after, 3)
		for i := range after {
			assert.Equal(t, deaths[i].Properties, after[i].Properties, "x-death is kept") // PERSIST-9
			assert.Equal(t, fmt.Sprint(i+1), string(after[i].Body))
		}
	})
}

// PERSIST-9: what a transaction has not committed leaves no trace; its
// deliveries are in the queue again.
func TestRestartRollsBack(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		declareDurable(t, v, "q", nil)
		publishPersistent(t, v, "q", "1", "2", "3")
		ch := channel(t, h.Broker)
		require.NoError(t, ch.Tx())
		step := func(body string) {
			require.NoError(t, get(t, ch, "q", 1)[0].Ack(false))
			require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{DeliveryMode: 2, Body: []byte(body)}))
		}
		step("4")
		require.NoError(t, ch.TxCommit())
		step("5")
		restart()
		assert.Equal(t, []string{"2", "3", "4"}, bodies(t, vhost(t, h.Broker), "q"))
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
