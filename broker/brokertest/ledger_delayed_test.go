package brokertest_test

// Delays, as the ledger tells of them.

import (
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// What a delayed exchange keeps is not unroutable until it is due and nobody is
// there.
func TestLedgerOfDelays(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock(), brokertest.Durable())
	queues(mq, "q")
	mq.Declare(brokertest.Topology{
		Exchanges: []broker.Exchange{{Name: "later", Type: "x-delayed-message", Durable: true, Args: map[string]any{"x-delayed-type": "direct"}}},
		Bindings:  []broker.Binding{{Source: "later", Destination: "q", Key: "k"}},
	})
	for _, key := range []string{"k", "nowhere"} {
		mq.Publish("later", key, []byte(key), brokertest.Header("x-delay", int32(60_000)))
	}
	assert.Equal(t, []brokertest.Postponement{{Exchange: "later", State: brokertest.Waiting}}, mq.Published(brokertest.WithKey("k"))[0].Delays)
	mq.RequireNoUnroutable()
	mq.Advance(time.Minute)
	mq.RequireLen("q", 1)
	assert.Equal(t, brokertest.Waiting, state(mq, "k"))
	assert.Equal(t, "k", string(mq.Get("q").Body))
	assert.Equal(t, brokertest.Acked, state(mq, "k"))
	unroutable := mq.Published((*brokertest.Publication).Unroutable)
	require.Len(t, unroutable, 1)
	assert.Equal(t, "nowhere", unroutable[0].Key)
}

// delays are the states of the publication with a body in delayed exchanges, without
// the times.
func delays(mq *brokertest.Broker, body string) []brokertest.Postponement {
	return timeless(mq.Published(brokertest.WithBody(body))[0].Delays)
}

func timeless(list []brokertest.Postponement) []brokertest.Postponement {
	for i := range list {
		list[i].Ended = time.Time{}
	}
	return list
}

// later declares a delayed exchange of which nothing but the key q leads to the
// queue q.
func later(mq *brokertest.Broker, name string, args map[string]any) {
	args["x-delayed-type"] = "direct"
	mq.Declare(brokertest.Topology{
		Queues:    []broker.Queue{{Name: "q", Durable: true}},
		Exchanges: []broker.Exchange{{Name: name, Type: "x-delayed-message", Durable: true, Args: args}},
		Bindings:  []broker.Binding{{Source: name, Destination: "q", Key: "q"}},
	})
}

// A delay that comes to nothing is told of, on disk or not, and is not called
// unroutable.
func TestLedgerOfDelaysThatEnd(t *testing.T) {
	for name, opts := range map[string][]brokertest.Option{"memory": nil, "store": {brokertest.Durable()}} {
		t.Run(name, func(t *testing.T) {
			mq := brokertest.New(t, append(opts, brokertest.WithManualClock())...)
			strict := map[string]any{"x-delayed-strict": true}
			later(mq, "later", map[string]any{})
			later(mq, "strict", strict)
			v, err := mq.Broker().VHost("")
			require.NoError(t, err)
			publish := func(exchange, body string) {
				mq.Publish(exchange, "q", []byte(body), brokertest.Header("x-delay", int32(60_000)))
			}
			publish("later", "cancelled")
			publish("later", "purged")
			publish("strict", "gone")
			list, err := v.ListDelayed("later", "", 1)
			require.NoError(t, err)
			found, err := v.CancelDelayed("later", list[0].ID)
			require.NoError(t, err)
			require.True(t, found)
			_, err = v.PurgeDelayed("later")
			require.NoError(t, err)
			publish("later", "due")
			require.NoError(t, v.DeleteExchange("strict"))
			require.NoError(t, v.DeleteExchange("later")) // what waits does not go with it (EXCH-55)
			for body, want := range map[string]brokertest.Postponement{
				"cancelled": {Exchange: "later", State: brokertest.Cancelled},
				"purged":    {Exchange: "later", State: brokertest.Purged},
				"gone":      {Exchange: "strict", State: brokertest.GoneWithIt},
				"due":       {Exchange: "later", State: brokertest.Waiting},
			} {
				assert.Equal(t, []brokertest.Postponement{want}, delays(mq, body), body)
			}
			mq.RequireNoUnroutable()
			later(mq, "later", map[string]any{})
			mq.Advance(time.Minute)
			assert.Equal(t, []brokertest.Postponement{{Exchange: "later", State: brokertest.Due}}, delays(mq, "due"))
			assert.Equal(t, brokertest.Waiting, state(mq, "due"))
		})
	}
}

// What a strict exchange finds no queue for is a dead letter, not unroutable.
func TestLedgerOfDelayedDeadLetters(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock())
	later(mq, "strict", map[string]any{
		"x-delayed-strict": true, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q",
	})
	mq.Publish("strict", "nowhere", []byte("m"), brokertest.Header("x-delay", int32(60_000)))
	mq.Advance(time.Minute)
	list := mq.Published()
	require.Len(t, list, 2)
	assert.Equal(t, []brokertest.Postponement{{Exchange: "strict", State: brokertest.Due, DeadLetter: 2}}, timeless(list[0].Delays))
	assert.EqualValues(t, 1, list[1].Of)
	assert.Equal(t, "unroutable", list[1].Reason)
	assert.Equal(t, map[string]brokertest.RouteState{"q": brokertest.Waiting}, states(list[1]))
	mq.RequireNoUnroutable()
}

// A transaction that is rolled back keeps from strict exchanges what others have
// at once (EXCH-52).
func TestLedgerOfDelaysInTransactions(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock())
	later(mq, "later", map[string]any{})
	later(mq, "strict", map[string]any{"x-delayed-strict": true})
	ch := channel(t, mq)
	require.NoError(t, ch.Tx())
	publish := func(exchange, body string) {
		require.NoError(t, ch.Publish(exchange, "q", false, false, amqp091.Publishing{
			Body: []byte(body), Headers: amqp091.Table{"x-delay": int32(60_000)},
		}))
	}
	publish("later", "at once")
	publish("strict", "undone")
	require.NoError(t, ch.TxRollback())
	publish("strict", "done")
	require.NoError(t, ch.TxCommit())
	mq.Advance(time.Minute)
	mq.RequireLen("q", 2)
	assert.Equal(t, brokertest.Due, delays(mq, "at once")[0].State)
	assert.Equal(t, brokertest.Undone, delays(mq, "undone")[0].State)
	assert.Equal(t, brokertest.Due, delays(mq, "done")[0].State)
	mq.RequireNoUnroutable()
}

// What waits in the store is there after a restart and a crash, known by its
// number; what was not committed is lost.
func TestLedgerOfDelaysAcrossRestarts(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock(), brokertest.Durable())
	later(mq, "later", map[string]any{})
	ch := channel(t, mq)
	require.NoError(t, ch.Confirm(false))
	publish := func(body string) *amqp091.DeferredConfirmation {
		c, err := ch.PublishWithDeferredConfirm("later", "q", false, false, amqp091.Publishing{
			Body: []byte(body), Headers: amqp091.Table{"x-delay": int32(60_000)},
		})
		require.NoError(t, err)
		return c
	}
	require.True(t, publish("safe").Wait())
	mq.Restart()
	assert.Equal(t, brokertest.Waiting, delays(mq, "safe")[0].State)
	ch = channel(t, mq)
	require.NoError(t, ch.Confirm(false))
	mq.FailNextSync(-1)
	require.False(t, publish("lost").Wait())
	mq.Crash()
	assert.Equal(t, brokertest.Lost, delays(mq, "lost")[0].State)
	assert.Equal(t, brokertest.Waiting, delays(mq, "safe")[0].State)
	mq.FailNextSync(0)
	mq.Advance(time.Minute)
	assert.Equal(t, brokertest.Due, delays(mq, "safe")[0].State)
	assert.Equal(t, "safe", string(mq.Get("q").Body))
	assert.Equal(t, brokertest.Acked, state(mq, "safe"))
}
