package broker_test

// Delayed exchanges in virtual time, and what Go sees of them. What clients see is
// in the conformance scripts.

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

var newYear = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// A waitingRoom is a delayed exchange with a queue bound to it, both of the same
// name and durable.
type waitingRoom struct {
	t    testing.TB
	b    *broker.Broker
	v    *broker.VHost
	name string
}

// newWaitingRoom declares one that routes like a direct exchange; args may say
// otherwise.
func newWaitingRoom(t testing.TB, b *broker.Broker, name string, args map[string]any) *waitingRoom {
	t.Helper()
	w := &waitingRoom{t, b, vhost(t, b), name}
	w.declare(args)
	declareDurable(t, w.v, name, nil)
	w.bind()
	return w
}

func (w *waitingRoom) declare(args map[string]any) {
	w.t.Helper()
	all := map[string]any{"x-delayed-type": "direct"}
	for k, v := range args {
		all[k] = v
	}
	require.NoError(w.t, w.v.DeclareExchange(broker.Exchange{Name: w.name, Type: "x-delayed-message", Durable: true, Args: all}))
}

func (w *waitingRoom) bind() {
	w.t.Helper()
	require.NoError(w.t, w.v.Bind(broker.Binding{Source: w.name, Destination: w.name, Key: "k"}))
}

// delayBy is the properties of a persistent message with a delay.
func delayBy(delay any) amqp.Properties {
	return persistent(func(p *amqp.Properties) {
		p.Flags |= amqp.HasHeaders
		p.Headers = amqp.Table{{Key: "x-delay", Value: delay}}
	})
}

// send publishes a message with a delay in milliseconds, and expects it to be
// kept.
func (w *waitingRoom) send(ms int64, body string) {
	w.t.Helper()
	n, err := w.v.Publish(w.name, "k", broker.Message{Properties: delayBy(ms), Body: []byte(body)})
	require.NoError(w.t, err)
	require.Zero(w.t, n, "it was routed at once")
}

// bodies are those of the queue's messages, which are taken out of it.
func (w *waitingRoom) bodies() []string {
	w.t.Helper()
	list, err := w.v.Peek(w.name, math.MaxInt)
	require.NoError(w.t, err)
	bodies := []string{}
	for _, m := range list {
		bodies = append(bodies, string(m.Body))
	}
	_, err = w.v.Purge(w.name)
	require.NoError(w.t, err)
	return bodies
}

// waiting is what Delayed tells.
func (w *waitingRoom) waiting() broker.DelayedInfo {
	w.t.Helper()
	info, err := w.v.Delayed(w.name)
	require.NoError(w.t, err)
	return info
}

// listed are the bodies of all that waits, by pages of a size.
func (w *waitingRoom) listed(page int) (bodies []string, ids []string) {
	w.t.Helper()
	for after := ""; ; {
		list, err := w.v.ListDelayed(w.name, after, page)
		require.NoError(w.t, err)
		require.LessOrEqual(w.t, len(list), page)
		if len(list) == 0 {
			return bodies, ids
		}
		for _, m := range list {
			bodies, ids = append(bodies, string(m.Body)), append(ids, m.ID)
		}
		after = list[len(list)-1].ID
	}
}

// inBoth runs a test of a broker on a manual clock, in memory and with a store.
func inBoth(t *testing.T, test func(t *testing.T, b *broker.Broker, clock *delay.Manual)) {
	t.Run("memory", func(t *testing.T) {
		clock := delay.NewManual(newYear)
		test(t, start(t, broker.Config{Clock: clock, PeerClock: delay.Real{}}), clock)
	})
	t.Run("store", func(t *testing.T) {
		clock := delay.NewManual(newYear)
		test(t, newHouse(t, clock).Broker, clock)
	})
}

// delay-early: a delay ends on the nanosecond at which a manual clock stands, a restart
// in between or not.
func TestDelayedAtOddNanoseconds(t *testing.T) {
	clock := delay.NewManual(newYear.Add(999))
	h := newHouse(t, clock)
	w := newWaitingRoom(t, h.Broker, "x", nil)
	for _, again := range []bool{false, true} {
		begin := clock.Now()
		w.send(3_600_000, "an hour")
		if again {
			h.restart()
			w = w.now(h.Broker)
		}
		assert.Equal(t, begin.Add(time.Hour).UnixNano(), w.waiting().Next.UnixNano())
		clock.Advance(time.Hour - 1)
		assert.Empty(t, w.bodies())
		clock.Advance(1)
		assert.Equal(t, []string{"an hour"}, w.bodies())
	}
}

// EXCH-50, EXCH-55: to the nanosecond of a manual clock, by due time and then
// arrival, and over when Advance returns.
func TestDelayedInVirtualTime(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		w := newWaitingRoom(t, b, "x", nil)
		w.send(4294967295, "49 days")
		w.send(1000, "a second")
		w.send(1, "a millisecond")
		clock.Advance(500 * time.Microsecond)
		w.send(1000, "a second and a half millisecond")
		clock.Advance(500*time.Microsecond - 1)
		assert.Empty(t, w.bodies())
		clock.Advance(1)
		assert.Equal(t, []string{"a millisecond"}, w.bodies())
		w.send(999, "a second too, later")
		clock.Advance(998 * time.Millisecond)
		assert.Empty(t, w.bodies())
		assert.Equal(t, broker.DelayedInfo{Count: 4, Next: newYear.Add(time.Second).Local()}, w.waiting())
		clock.Advance(time.Millisecond)
		assert.Equal(t, []string{"a second", "a second too, later"}, w.bodies())
		clock.Advance(49 * 24 * time.Hour)
		assert.Equal(t, []string{"a second and a half millisecond"}, w.bodies())
		clock.Advance(24 * time.Hour)
		assert.Equal(t, []string{"49 days"}, w.bodies())
		assert.Equal(t, broker.DelayedInfo{}, w.waiting())
	})
}

// A thousand messages at one moment are more than one hold of a lock.
func TestDelayedManyAtOnce(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		w := newWaitingRoom(t, b, "x", nil)
		var want []string
		for i := range 3000 {
			want = append(want, fmt.Sprint(i))
			w.send(10, want[i])
		}
		assert.Equal(t, 3000, w.waiting().Count)
		clock.Advance(10 * time.Millisecond)
		assert.Equal(t, want, w.bodies())
	})
}

// A clock that is set back makes messages late, and one that is set forward does
// not make them twice: due times are absolute.
func TestDelayedWhenTheClockIsSet(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		w := newWaitingRoom(t, b, "x", nil)
		w.send(1000, "1")
		w.send(2000, "2")
		clock.SetTime(newYear.Add(-time.Hour))
		clock.Advance(time.Hour)
		assert.Empty(t, w.bodies())
		w.send(500, "half")
		clock.SetTime(newYear.Add(time.Hour))
		assert.Equal(t, []string{"half", "1", "2"}, w.bodies())
		clock.SetTime(newYear)
		clock.Advance(2 * time.Hour)
		assert.Empty(t, w.bodies())
	})
}

func TestDelayedSeenFromGo(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		w := newWaitingRoom(t, b, "x", nil)
		for i, ms := range []int64{30, 10, 20, 10, 40} {
			w.send(ms, fmt.Sprint(i))
		}
		assert.Equal(t, broker.DelayedInfo{Count: 5, Next: newYear.Add(10 * time.Millisecond).Local()}, w.waiting())
		assert.Equal(t, 5, messagesDelayed(b, "x"), "EXCH-56")
		for _, page := range []int{1, 2, 5, 100} {
			bodies, _ := w.listed(page)
			assert.Equal(t, []string{"1", "3", "2", "0", "4"}, bodies, "pages of %d", page)
		}
		list, err := w.v.ListDelayed("x", "", 1)
		require.NoError(t, err)
		want := broker.DelayedMessage{ID: list[0].ID, Due: newYear.Add(10 * time.Millisecond).Local()}
		want.Exchange, want.Key, want.Properties, want.Body = "x", "k", delayBy(int64(-10)), []byte("1")
		assert.Equal(t, want, list[0])
		none, err := w.v.ListDelayed("x", "", -1)
		require.NoError(t, err)
		assert.Empty(t, none)

		_, ids := w.listed(100)
		for _, i := range []int{0, 2} {
			found, err := w.v.CancelDelayed("x", ids[i])
			require.NoError(t, err)
			assert.True(t, found)
			found, err = w.v.CancelDelayed("x", ids[i])
			require.NoError(t, err)
			assert.False(t, found, "cancelled already")
		}
		clock.Advance(30 * time.Millisecond)
		assert.Equal(t, []string{"3", "0"}, w.bodies())
		found, err := w.v.CancelDelayed("x", ids[1])
		require.NoError(t, err)
		assert.False(t, found, "delivered already")

		w.send(10, "5")
		n, err := w.v.PurgeDelayed("x")
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		assert.Zero(t, w.waiting())
		w.send(10, "6")
		clock.Advance(time.Hour)
		assert.Equal(t, []string{"6"}, w.bodies())
		assert.Zero(t, messagesDelayed(b, "x"))
	})
}

// messagesDelayed is what a snapshot shows of an exchange.
func messagesDelayed(b *broker.Broker, name string) int {
	for _, x := range b.Snapshot().VHosts[0].Exchanges {
		if x.Name == name {
			return x.MessagesDelayed
		}
	}
	return -1
}

func TestDelayedErrorsFromGo(t *testing.T) {
	b := start(t, broker.Config{})
	w := newWaitingRoom(t, b, "x", nil)
	for name, call := range map[string]func(exchange, id string) error{
		"Delayed":       func(x, _ string) error { _, err := w.v.Delayed(x); return err },
		"ListDelayed":   func(x, id string) error { _, err := w.v.ListDelayed(x, id, 1); return err },
		"CancelDelayed": func(x, id string) error { _, err := w.v.CancelDelayed(x, id); return err },
		"PurgeDelayed":  func(x, _ string) error { _, err := w.v.PurgeDelayed(x); return err },
	} {
		id := "00000000000000000000000000000000"
		assert.NoError(t, call("x", id), name)
		assert.EqualError(t, call("absent", id), "NOT_FOUND - no exchange 'absent' in vhost '/'", name)
		assert.EqualError(t, call("amq.direct", id),
			"PRECONDITION_FAILED - exchange 'amq.direct' in vhost '/' is not of type 'x-delayed-message'", name)
	}
	for _, id := range []string{"x", "0000000000000000000000000000000g", "-000000000000000000000000000001"} {
		_, err := w.v.ListDelayed("x", id, 1)
		assert.EqualError(t, err, fmt.Sprintf("broker: %q is not the ID of a delayed message", id))
		_, err = w.v.CancelDelayed("x", id)
		assert.EqualError(t, err, fmt.Sprintf("broker: %q is not the ID of a delayed message", id))
	}
	_, err := w.v.Publish("x", "k", broker.Message{Properties: delayBy("soon")})
	assert.EqualError(t, err, "INTERNAL_ERROR", "EXCH-49")
}

// EXCH-55: the alternate of an exchange that is gone is all that is left of it,
// and who asks for its name finds what waits.
func TestDelayedWithoutItsExchange(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		w := newWaitingRoom(t, b, "x", map[string]any{"alternate-exchange": "amq.fanout"})
		rest := declare(t, w.v, "rest")
		w.send(10, "1")
		w.send(20, "2")
		require.NoError(t, w.v.DeleteExchange("x"))
		require.NoError(t, w.v.Bind(broker.Binding{Source: "amq.fanout", Destination: rest}))
		assert.Equal(t, 2, w.waiting().Count)
		clock.Advance(10 * time.Millisecond)
		_, ids := w.listed(10)
		require.Len(t, ids, 1)
		found, err := w.v.CancelDelayed("x", ids[0])
		require.NoError(t, err)
		assert.True(t, found)
		_, err = w.v.Delayed("x")
		assert.Error(t, err, "nothing is left")
		counts, err := w.v.Counts(rest)
		require.NoError(t, err)
		assert.Equal(t, 1, counts.Ready)
		assert.Empty(t, w.bodies())
	})
}

// EXCH-55: by name, so one of another type will do.
func TestDelayedWhenItsNameIsTaken(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		w := newWaitingRoom(t, b, "x", nil)
		w.send(10, "1")
		w.send(20, "2")
		require.NoError(t, w.v.DeleteExchange("x"))
		require.NoError(t, w.v.DeclareExchange(broker.Exchange{Name: "x", Type: "fanout"}))
		w.bind()
		clock.Advance(10 * time.Millisecond)
		assert.Equal(t, []string{"1"}, w.bodies())
		require.NoError(t, w.v.DeleteExchange("x"))
		w.declare(map[string]any{"x-delayed-type": "topic"})
		w.bind()
		assert.Equal(t, 1, messagesDelayed(b, "x"))
		clock.Advance(10 * time.Millisecond)
		assert.Equal(t, []string{"2"}, w.bodies())
	})
}

// A broker that ends leaves no timer on its clock.
func TestDelayedEndsWithTheBroker(t *testing.T) {
	clock := delay.NewManual(newYear)
	b, err := broker.New(broker.Config{Clock: clock})
	require.NoError(t, err)
	w := newWaitingRoom(t, b, "x", nil)
	w.send(10, "1")
	require.Equal(t, 1, clock.Pending())
	_, err = w.v.PurgeDelayed("x")
	require.NoError(t, err)
	assert.Zero(t, clock.Pending(), "nothing waits")
	w.send(10, "1")
	require.NoError(t, b.Close())
	assert.Zero(t, clock.Pending())
}
