package broker_test

// What a restart makes of messages that were with clients, and of those that were
// settled (PERSIST-5, PERSIST-7, PERSIST-9).

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
			assert.Equal(t, deaths[i].Properties, after[i].Properties, "x-death is kept") // PERSIST-9: headers survive unchanged
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
