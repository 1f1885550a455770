package broker_test

// What a restart keeps of delayed messages (EXCH-54, EXCH-55).

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// onManual is again on a manual clock.
func onManual(t *testing.T, test func(t *testing.T, h *house, clock *delay.Manual, restart func())) {
	again(t, func() delay.Clock { return delay.NewManual(newYear) }, func(t *testing.T, h *house, restart func()) {
		test(t, h, h.clock.(*delay.Manual), restart)
	})
}

// now looks at a waiting room after a restart.
func (w *waitingRoom) now(b *broker.Broker) *waitingRoom {
	return &waitingRoom{w.t, b, vhost(w.t, b), w.name}
}

// What is due meanwhile goes out at the start, in order; what is not waits on.
func TestDelayedSurviveARestart(t *testing.T) {
	onManual(t, func(t *testing.T, h *house, clock *delay.Manual, restart func()) {
		w := newWaitingRoom(t, h.Broker, "x", nil)
		for i, ms := range []int64{3000, 1000, 2000, 5000, 2000, 10} {
			w.send(ms, strconv.Itoa(i))
		}
		clock.Advance(10 * time.Millisecond)
		_, ids := w.listed(10)
		found, err := w.v.CancelDelayed("x", ids[1]) // message 2
		require.NoError(t, err)
		require.True(t, found)
		h.meanwhile = func() { clock.Advance(3 * time.Second) }
		restart()
		clock.Advance(0) // what is due at the start has gone out
		w = w.now(h.Broker)
		assert.Equal(t, []string{"5", "1", "4", "0"}, w.bodies())
		bodies, now := w.listed(10)
		assert.Equal(t, []string{"3"}, bodies)
		assert.Equal(t, ids[len(ids)-1], now[0], "an ID stays what it is")
		w.send(3000, "6")
		clock.Advance(time.Hour)
		assert.Equal(t, []string{"3", "6"}, w.bodies())
		restart()
		clock.Advance(0)
		assert.Empty(t, w.now(h.Broker).bodies(), "what has gone out does not come again")
		assert.Zero(t, w.now(h.Broker).waiting())
	})
}

// A message that has nothing but its delivery mode of transient survives, and so
// does one in an exchange that does not: its name is enough (EXCH-54, EXCH-55).
func TestDelayedOfTransientKindsSurvive(t *testing.T) {
	onManual(t, func(t *testing.T, h *house, clock *delay.Manual, restart func()) {
		v := vhost(t, h.Broker)
		declareDurable(t, v, "q", nil)
		make := func(v *broker.VHost) {
			require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "x", Type: "x-delayed-message", Args: map[string]any{"x-delayed-type": "fanout", "alternate-exchange": "amq.topic"}}))
			require.NoError(t, v.Bind(broker.Binding{Source: "x", Destination: "q"}))
		}
		make(v)
		for _, ms := range []int64{1000, 2000, 3000} {
			p := delayBy(ms)
			p.DeliveryMode = 1
			_, err := v.Publish("x", "k", broker.Message{Properties: p, Body: []byte(fmt.Sprint(ms))})
			require.NoError(t, err)
		}
		require.NoError(t, v.Bind(broker.Binding{Source: "amq.topic", Destination: "q", Key: "#"}))
		restart()
		v = vhost(t, h.Broker)
		assert.Equal(t, -1, messagesDelayed(h.Broker, "x"), "the exchange is gone")
		info, err := v.Delayed("x")
		require.NoError(t, err)
		assert.Equal(t, 3, info.Count)
		clock.Advance(time.Second)
		counts, err := v.Counts("q")
		require.NoError(t, err)
		assert.Equal(t, 1, counts.Ready, "by the alternate of what is gone")
		require.NoError(t, v.Unbind(broker.Binding{Source: "amq.topic", Destination: "q", Key: "#"}))
		clock.Advance(time.Second)
		make(v)
		clock.Advance(time.Second)
		list, err := v.Peek("q", 10)
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, []string{"1000", "3000"}, []string{string(list[0].Body), string(list[1].Body)}, "the second had nowhere to go")
	})
}

// What belongs to no exchange and holds nothing is forgotten at the start, and
// the series of IDs goes on.
func TestDelayedLeavesNothingBehind(t *testing.T) {
	onManual(t, func(t *testing.T, h *house, clock *delay.Manual, restart func()) {
		v := vhost(t, h.Broker)
		w := newWaitingRoom(t, h.Broker, "x", nil)
		for _, name := range []string{"transient", "deleted"} {
			require.NoError(t, v.DeclareExchange(broker.Exchange{Name: name, Type: "x-delayed-message", Args: map[string]any{"x-delayed-type": "fanout"}}))
		}
		w.send(1000, "1")
		require.NoError(t, v.DeleteExchange("deleted"))
		restart()
		w = w.now(h.Broker)
		assert.Equal(t, 1, w.waiting().Count)
		for _, name := range []string{"transient", "deleted"} {
			_, err := w.v.Delayed(name)
			assert.EqualError(t, err, fmt.Sprintf("NOT_FOUND - no exchange '%s' in vhost '/'", name))
		}
		declareDurable(t, w.v, "after", nil)
		publishPersistent(t, w.v, "after", "a")
		require.NoError(t, w.v.DeleteExchange("x"))
		clock.Advance(time.Second)
		restart()
		list, err := vhost(t, h.Broker).Peek("after", 10)
		require.NoError(t, err)
		assert.Len(t, list, 1)
		_, err = vhost(t, h.Broker).Delayed("x")
		assert.Error(t, err)
	})
}

// A purge is for good.
func TestDelayedPurgedStayAway(t *testing.T) {
	onManual(t, func(t *testing.T, h *house, clock *delay.Manual, restart func()) {
		w := newWaitingRoom(t, h.Broker, "x", nil)
		for i := range 2000 {
			w.send(int64(i+1), "purged") // some are on disk by now, and some not
			if i == 1000 {
				h.commit()
			}
		}
		n, err := w.v.PurgeDelayed("x")
		require.NoError(t, err)
		assert.Equal(t, 2000, n)
		w.send(10, "after")
		restart()
		w = w.now(h.Broker)
		assert.Equal(t, 1, w.waiting().Count)
		clock.Advance(time.Hour)
		assert.Equal(t, []string{"after"}, w.bodies())
	})
}

// Rules of a strict exchange are there again, dead letters included.
func TestStrictSurvivesARestart(t *testing.T) {
	onManual(t, func(t *testing.T, h *house, clock *delay.Manual, restart func()) {
		w := newWaitingRoom(t, h.Broker, "x", strict(map[string]any{"x-dead-letter-exchange": "amq.fanout"}))
		declareDurable(t, w.v, "grave", nil)
		require.NoError(t, w.v.Bind(broker.Binding{Source: "amq.fanout", Destination: "grave"}))
		_, err := w.v.Publish("x", "other", broker.Message{Properties: delayBy(int64(1000))})
		require.NoError(t, err)
		restart()
		clock.Advance(time.Second)
		counts, err := vhost(t, h.Broker).Counts("grave")
		require.NoError(t, err)
		assert.Equal(t, 1, counts.Ready)
		require.NoError(t, vhost(t, h.Broker).DeleteExchange("x"))
	})
}

// Whatever was confirmed is there after kill -9, once at least: in the exchange or
// in the queue. On the wall clock, so that messages fall due all the while.
func TestDelayedSurviveTheDeathOfTheBroker(t *testing.T) {
	dir := t.TempDir()
	open := func() (*store.Store, *broker.Broker) {
		st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		b, err := broker.New(broker.Config{Store: st})
		require.NoError(t, err)
		return st, b
	}
	confirmed := map[string]bool{}
	for round := range 5 {
		st, b := open()
		newWaitingRoom(t, b, "x", nil)
		ch := channel(t, b)
		require.NoError(t, ch.Confirm(false))
		var sent []*amqp091.DeferredConfirmation
		for i := range 400 {
			c, err := ch.PublishWithDeferredConfirm("x", "k", false, false, amqp091.Publishing{
				Headers: amqp091.Table{"x-delay": rand.Int32N(60)}, DeliveryMode: amqp091.Persistent, Body: fmt.Appendf(nil, "%d.%d", round, i),
			})
			require.NoError(t, err)
			sent = append(sent, c)
		}
		sent[rand.IntN(len(sent))].Wait()
		require.NoError(t, st.Abandon())
		for i, c := range sent {
			if c.Acked() {
				confirmed[fmt.Sprintf("%d.%d", round, i)] = true
			}
		}
		assert.ErrorIs(t, b.Close(), store.ErrClosed)
	}
	_, b := open()
	w := (&waitingRoom{t: t, name: "x"}).now(b)
	eventually(t, "everything to be due", func() bool { return w.waiting().Count == 0 })
	require.NoError(t, b.Close())
	_, b = open() // what was going out when the last was counted has gone out
	there := map[string]bool{}
	for _, body := range w.now(b).bodies() {
		there[body] = true
	}
	for body := range confirmed {
		assert.True(t, there[body], "%s was confirmed, and is lost", body)
	}
	t.Logf("%d confirmed, %d there", len(confirmed), len(there))
	require.NoError(t, b.Close())
}
