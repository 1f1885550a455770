package broker_test

// Delayed exchanges with x-delayed-strict: rules of Rabbet's own, which docs/delayed.md
// states.

import (
	"fmt"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

func strict(args map[string]any) map[string]any {
	all := map[string]any{"x-delayed-strict": true}
	for k, v := range args {
		all[k] = v
	}
	return all
}

// refusal is the text with which a channel is closed.
func refusal(t testing.TB, b *broker.Broker, do func(*amqp091.Channel) error) string {
	t.Helper()
	ch := channel(t, b)
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	if err := do(ch); err != nil {
		return err.(*amqp091.Error).Reason
	}
	return receive(t, closed).Reason
}

// What is kept is routed: it is not returned, and the alternate does not get it.
func TestStrictCountsAsRouted(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		w := newWaitingRoom(t, b, "x", strict(map[string]any{"alternate-exchange": "amq.fanout"}))
		rest := declare(t, w.v, "rest")
		require.NoError(t, w.v.Bind(broker.Binding{Source: "amq.fanout", Destination: rest}))
		ch := channel(t, b)
		require.NoError(t, ch.Confirm(false))
		returns := ch.NotifyReturn(make(chan amqp091.Return, 1))
		send := func(key string, delay any) {
			c, err := ch.PublishWithDeferredConfirm("x", key, true, false, amqp091.Publishing{Headers: amqp091.Table{"x-delay": delay}})
			require.NoError(t, err)
			require.True(t, c.Wait())
		}
		ready := func(q string) int {
			c, err := w.v.Counts(q)
			require.NoError(t, err)
			return c.Ready
		}
		send("k", int32(1000))
		send("other", int32(1000))
		assert.Empty(t, returns)
		assert.Equal(t, []int{0, 0}, []int{ready("x"), ready(rest)})
		clock.Advance(time.Second)
		assert.Equal(t, []int{1, 1}, []int{ready("x"), ready(rest)}, "the alternate decides when it is due")
		require.NoError(t, w.v.Unbind(broker.Binding{Source: "amq.fanout", Destination: rest}))
		send("other", int32(1000))
		clock.Advance(time.Second)
		assert.Empty(t, returns, "nobody is there to be told")
		send("other", int32(0))
		assert.Len(t, returns, 1, "without a delay it is as ever")
	})
}

func TestStrictDelaysUpToTenYears(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		const tenYears = 315360000000
		w := newWaitingRoom(t, b, "x", strict(nil))
		w.send(4294967296, "49.7 days and a millisecond")
		w.send(tenYears, "ten years")
		clock.Advance(4294967296*time.Millisecond - 1)
		assert.Empty(t, w.bodies())
		clock.Advance(1)
		assert.Equal(t, []string{"49.7 days and a millisecond"}, w.bodies())
		clock.SetTime(newYear.Add(tenYears*time.Millisecond - 1))
		assert.Empty(t, w.bodies())
		clock.Advance(1)
		assert.Equal(t, []string{"ten years"}, w.bodies())
	})
}

// What is no delay is refused with a reason, and not taken for none.
func TestStrictRefusesWhatIsNoDelay(t *testing.T) {
	b := start(t, broker.Config{})
	newWaitingRoom(t, b, "x", strict(nil))
	for _, c := range []struct {
		delay any
		text  string
	}{
		{int64(315360000001), "315360000001 for exchange 'x' in vhost '/': it is longer than ten years"},
		{"99999999999999999999", `<<"99999999999999999999">> for exchange 'x' in vhost '/': it is longer than ten years`},
		{1e300, "1.0e300 for exchange 'x' in vhost '/': it is longer than ten years"},
		{"soon", `<<"soon">> for exchange 'x' in vhost '/': it is not a whole number of milliseconds`},
		{true, "true for exchange 'x' in vhost '/': a value of its type gives no number of milliseconds"},
		{int8(5), "5 for exchange 'x' in vhost '/': a value of its type gives no number of milliseconds"},
	} {
		text := refusal(t, b, func(ch *amqp091.Channel) error {
			return ch.Publish("x", "k", false, false, amqp091.Publishing{Headers: amqp091.Table{"x-delay": c.delay}})
		})
		assert.Equal(t, "PRECONDITION_FAILED - invalid header 'x-delay' "+c.text, text)
	}
	_, err := vhost(t, b).Publish("x", "k", broker.Message{Properties: delayBy("soon")})
	assert.EqualError(t, err, `PRECONDITION_FAILED - invalid header 'x-delay' <<"soon">> for exchange 'x' in vhost '/': it is not a whole number of milliseconds`)
}

// A dead letter has no publisher to be told: it goes on at once.
func TestStrictTakesDeadLettersAsTheyAre(t *testing.T) {
	b := start(t, broker.Config{})
	w := newWaitingRoom(t, b, "x", strict(nil))
	_, err := w.v.DeclareQueue(broker.Queue{Name: "mortal", Args: map[string]any{
		"x-dead-letter-exchange": "x", "x-dead-letter-routing-key": "k", "x-max-length": 0,
	}})
	require.NoError(t, err)
	_, err = w.v.Publish("", "mortal", broker.Message{Properties: delayBy("soon"), Body: []byte("m")})
	require.NoError(t, err)
	assert.Equal(t, []string{"m"}, w.bodies())
}

func TestStrictDeadLettersWhatIsUnroutable(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		for name, key := range map[string]string{"with a key": "dead", "without": "other"} {
			args := map[string]any{"x-dead-letter-exchange": "amq.direct"}
			if key == "dead" {
				args["x-dead-letter-routing-key"] = key
			}
			w := newWaitingRoom(t, b, name, strict(args))
			grave := declare(t, w.v, "grave of "+name)
			require.NoError(t, w.v.Bind(broker.Binding{Source: "amq.direct", Destination: grave, Key: key}))
			ch := channel(t, b)
			require.NoError(t, ch.Publish(name, "other", false, false, amqp091.Publishing{
				Headers: amqp091.Table{"x-delay": int64(10)}, Expiration: "60000", Body: []byte("m"),
			}))
			require.NoError(t, ch.Publish(name, "k", false, false, amqp091.Publishing{Headers: amqp091.Table{"x-delay": int64(10)}, Body: []byte("routed")}))
			eventually(t, "both to be kept", func() bool { return w.waiting().Count == 2 })
			clock.Advance(10 * time.Millisecond)
			assert.Equal(t, []string{"routed"}, w.bodies(), name)
			d, ok, err := ch.Get(grave, true)
			require.NoError(t, err)
			require.True(t, ok, name)
			assert.Equal(t, []string{"amq.direct", key, "m", ""}, []string{d.Exchange, d.RoutingKey, string(d.Body), d.Expiration})
			assert.Equal(t, amqp091.Table{
				"x-delay": int64(-10),
				"x-death": []any{amqp091.Table{
					"count": int64(1), "reason": "unroutable", "queue": "", "time": newYear.Local(), "exchange": name,
					"routing-keys": []any{"other"}, "original-expiration": "60000",
				}},
				"x-first-death-exchange": name, "x-first-death-queue": "", "x-first-death-reason": "unroutable",
				"x-last-death-exchange": name, "x-last-death-queue": "", "x-last-death-reason": "unroutable",
			}, d.Headers, name)
			clock.SetTime(newYear)
		}
	})
}

// Dead letters that come back to where they were unroutable end there.
func TestStrictDeadLettersInACircle(t *testing.T) {
	clock := delay.NewManual(newYear)
	b := start(t, broker.Config{Clock: clock})
	w := newWaitingRoom(t, b, "x", strict(map[string]any{"x-dead-letter-exchange": "x", "x-dead-letter-routing-key": "nowhere"}))
	_, err := w.v.Publish("x", "other", broker.Message{Properties: delayBy(int64(10))})
	require.NoError(t, err)
	clock.Advance(time.Hour)
	assert.Zero(t, w.waiting())
	assert.Empty(t, w.bodies())
}

// BASIC-83: a publish in a transaction takes effect when that is committed.
func TestStrictTransactions(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		w := newWaitingRoom(t, b, "x", strict(nil))
		ch := channel(t, b)
		require.NoError(t, ch.Tx())
		send := func(body string) {
			require.NoError(t, ch.Publish("x", "k", true, false, amqp091.Publishing{Headers: amqp091.Table{"x-delay": int32(10)}, Body: []byte(body)}))
		}
		send("rolled back")
		require.NoError(t, ch.TxRollback())
		send("committed")
		send("too")
		clock.Advance(time.Second)
		assert.Zero(t, w.waiting())
		require.NoError(t, ch.TxCommit())
		assert.Equal(t, broker.DelayedInfo{Count: 2, Next: newYear.Add(1010 * time.Millisecond).Local()}, w.waiting())
		clock.Advance(10 * time.Millisecond)
		assert.Equal(t, []string{"committed", "too"}, w.bodies())
	})
}

func TestStrictTakesItsMessagesAlong(t *testing.T) {
	inBoth(t, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		w := newWaitingRoom(t, b, "x", strict(nil))
		w.send(10, "gone")
		require.NoError(t, w.v.DeleteExchange("x"))
		_, err := w.v.Delayed("x")
		assert.EqualError(t, err, "NOT_FOUND - no exchange 'x' in vhost '/'")
		w.declare(strict(nil))
		w.bind()
		assert.Zero(t, w.waiting())
		w.send(20, "kept")
		clock.Advance(time.Hour)
		assert.Equal(t, []string{"kept"}, w.bodies())
	})
}

func TestStrictDeclare(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare := func(name string, args map[string]any) error {
		return v.DeclareExchange(broker.Exchange{Name: name, Type: "x-delayed-message", Args: args})
	}
	with := func(args map[string]any) map[string]any {
		args["x-delayed-type"] = "direct"
		return args
	}
	for _, c := range []struct {
		args map[string]any
		text string
	}{
		{map[string]any{"x-delayed-strict": "yes"}, "invalid type 'longstr' for arg 'x-delayed-strict' in exchange 'x' in vhost '/'"},
		{map[string]any{"x-delayed-strict": nil}, "invalid type 'void' for arg 'x-delayed-strict' in exchange 'x' in vhost '/'"},
		{map[string]any{"x-delayed-strict": true, "x-dead-letter-exchange": 1}, "invalid type 'long' for arg 'x-dead-letter-exchange' in exchange 'x' in vhost '/'"},
		{map[string]any{"x-delayed-strict": true, "x-dead-letter-exchange": "d", "x-dead-letter-routing-key": true}, "invalid type 'bool' for arg 'x-dead-letter-routing-key' in exchange 'x' in vhost '/'"},
		{map[string]any{"x-delayed-strict": true, "x-dead-letter-routing-key": "k"}, "invalid arg 'x-dead-letter-routing-key' for exchange 'x' in vhost '/': routing_key_but_no_dlx_defined"},
	} {
		assert.EqualError(t, declare("x", with(c.args)), "PRECONDITION_FAILED - "+c.text)
	}
	// Without x-delayed-strict they are arguments like others, which nobody looks at.
	assert.NoError(t, declare("lax", with(map[string]any{"x-delayed-strict": false, "x-dead-letter-exchange": 1, "x-dead-letter-routing-key": true})))
	assert.NoError(t, declare("lax", nil))

	require.NoError(t, declare("x", with(map[string]any{"x-delayed-strict": true, "x-dead-letter-exchange": "d"})))
	assert.NoError(t, declare("x", with(map[string]any{"x-delayed-strict": true, "x-dead-letter-exchange": "d"})))
	inequivalent := "PRECONDITION_FAILED - inequivalent arg '%s' for exchange '%s' in vhost '/': received %s but current is %s"
	assert.EqualError(t, declare("lax", with(strict(nil))), fmt.Sprintf(inequivalent, "x-delayed-strict", "lax", "'true'", "'false'"))
	assert.EqualError(t, declare("x", with(map[string]any{"x-dead-letter-exchange": "d"})), fmt.Sprintf(inequivalent, "x-delayed-strict", "x", "'false'", "'true'"))
	assert.EqualError(t, declare("x", map[string]any{"x-delayed-strict": true, "x-delayed-type": "topic", "x-dead-letter-exchange": "d"}),
		fmt.Sprintf(inequivalent, "x-delayed-type", "x", "'topic'", "'direct'"))
	assert.EqualError(t, declare("x", with(strict(nil))), fmt.Sprintf(inequivalent, "x-dead-letter-exchange", "x", "none", "the value 'd' of type 'longstr'"))
}

// A route may lead to both kinds, and to queues as well.
func TestStrictBesideOthers(t *testing.T) {
	clock := delay.NewManual(newYear)
	b := start(t, broker.Config{Clock: clock})
	var rooms []*waitingRoom
	v := vhost(t, b)
	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "all", Type: "fanout"}))
	for name, args := range map[string]map[string]any{"strict": strict(nil), "strict too": strict(nil), "lax": nil} {
		w := newWaitingRoom(t, b, name, args)
		require.NoError(t, v.Bind(broker.Binding{Source: "all", Destination: name, ToExchange: true}))
		rooms = append(rooms, w)
	}
	ch := channel(t, b)
	require.NoError(t, ch.Tx())
	require.NoError(t, ch.Publish("all", "k", true, false, amqp091.Publishing{Headers: amqp091.Table{"x-delay": int32(10)}, Body: []byte("m")}))
	require.NoError(t, ch.TxCommit())
	for _, w := range rooms {
		assert.Equal(t, 1, w.waiting().Count, w.name)
	}
	clock.Advance(10 * time.Millisecond)
	for _, w := range rooms {
		list, err := w.v.Peek(w.name, 10)
		require.NoError(t, err)
		require.Len(t, list, 1, w.name)
		assert.Equal(t, "all", list[0].Exchange)
		assert.Equal(t, amqp.Table{{Key: "x-delay", Value: int64(-10)}}, list[0].Properties.Headers)
	}
}
