package brokertest_test

// The ledger asked, what it says when it fails, and what it costs.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

func TestLedgerIsBounded(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithLedger(2))
	queues(mq, "q")
	for _, body := range []string{"a", "b", "c", "d"} {
		mq.Publish("", "q", []byte(body))
	}
	list := mq.Published()
	require.Len(t, list, 2)
	assert.EqualValues(t, 3, list[0].ID)
	for range 4 {
		mq.Get("q") // what is not in the ledger any more does not disturb
	}
	assert.Len(t, mq.Published(brokertest.InState(brokertest.Acked)), 2)

	off, f := newFake(t, brokertest.WithLedger(0))
	queues(off, "q")
	off.Publish("", "q", nil)
	assert.Equal(t, "brokertest: there is no ledger of publications: WithLedger(0)", f.fails(func() { off.Published() }))
	v, err := off.Broker().VHost("")
	require.NoError(t, err)
	ids, err := v.Recorded("q")
	require.NoError(t, err)
	assert.Equal(t, []uint64{0}, ids)
}

func TestLedgerByVirtualHost(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "q")
	other := mq.In("other")
	other.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q"}}})
	mq.Publish("", "q", []byte("here"))
	other.Publish("", "q", []byte("there"))
	assert.Len(t, mq.Published(), 1)
	assert.Equal(t, "there", string(other.Published()[0].Body))
}

func TestRequirePublishedFails(t *testing.T) {
	mq, f := newFake(t, brokertest.WithManualClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)))
	said := f.fails(func() { mq.RequirePublished(brokertest.ToExchange("orders")) })
	assert.Equal(t, "nothing was published that matches in N ms\n  nothing was published", said)
	queues(mq, "q", "dead")
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "ttl", Args: map[string]any{
		"x-message-ttl": int32(1), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
	}}}})
	mq.Fault(brokertest.On("basic.publish").Key("q").Nth(2), brokertest.Nack())
	conn, err := dialAs(mq.MemoryURL(), mq.DialFunc, "shop")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	for _, key := range []string{"q", "ttl", "nowhere", "q"} {
		c, err := ch.PublishWithDeferredConfirm("", key, true, false, amqp091.Publishing{Body: []byte("to " + key), AppId: "shop"})
		require.NoError(t, err)
		c.Wait()
	}
	mq.Get("q")
	mq.Advance(time.Second)
	assert.Equal(t, `nothing was published that matches in N ms
  published:
    #  from                         exchange  key      body        fate                             properties
    1  "shop" (memory:1) channel 1  ""        q        to q        q: acked (the test); confirmed   app-id=shop
    2  "shop" (memory:1) channel 1  ""        ttl      to ttl      ttl: expired → #5; confirmed     app-id=shop
    3  "shop" (memory:1) channel 1  ""        nowhere  to nowhere  unroutable, returned; confirmed  app-id=shop
    4  "shop" (memory:1) channel 1  ""        q        to q        fault: nack; nacked              app-id=shop
    5  #2, expired in ttl           ""        dead     to ttl      dead: waiting                    app-id=shop `+
		`x-death=[ttl:expired×1] x-first-death-exchange="" x-first-death-queue=ttl x-first-death-reason=expired `+
		`x-last-death-exchange="" x-last-death-queue=ttl x-last-death-reason=expired
`, f.fails(func() { mq.RequirePublished(brokertest.ToExchange("orders")) })+"\n")
	assert.Equal(t, `1 publication found no queue:
  published:
    #  from                         exchange  key      body        fate                             properties
    3  "shop" (memory:1) channel 1  ""        nowhere  to nowhere  unroutable, returned; confirmed  app-id=shop
`, f.fails(mq.RequireNoUnroutable)+"\n")
}

// The ledger keeps the bubble's time.
func TestSynctestLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		queues(mq, "q")
		ch := channel(t, mq)
		begin := mq.Now()
		sleep(t, time.Minute)
		require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{}))
		assert.Equal(t, time.Minute, mq.RequirePublished()[0].Time.Sub(begin))
	})
}

// What the ledger costs a message that is published, and acknowledged by a
// consumer.
func BenchmarkLedger(b *testing.B) {
	for name, opts := range map[string][]brokertest.Option{
		"off": {brokertest.WithLedger(0)}, "on": nil, "last1000": {brokertest.WithLedger(1000)},
	} {
		b.Run(name, func(b *testing.B) {
			mq := brokertest.New(b, opts...)
			queues(mq, "q")
			body := []byte("a message")
			b.ReportAllocs()
			for b.Loop() {
				mq.Publish("", "q", body)
				mq.Get("q")
			}
		})
	}
}
