package brokertest_test

// How messages end, as the ledger tells it.

import (
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// How a message ends, and the dead letter that comes of it.
func TestLedgerOfEnds(t *testing.T) {
	dead := map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
	with := func(key string, value any) map[string]any {
		args := map[string]any{key: value}
		for k, v := range dead {
			args[k] = v
		}
		return args
	}
	mq := brokertest.New(t, brokertest.WithManualClock())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		{Name: "dead"}, {Name: "expiring", Args: with("x-message-ttl", int32(1000))}, {Name: "short", Args: with("x-max-length", int32(1))},
		{Name: "rejecting", Args: dead}, {Name: "purged"}, {Name: "deleted"}, {Name: "nowhere", Args: map[string]any{
			"x-dead-letter-exchange": "no such exchange", "x-message-ttl": int32(1000),
		}},
		{Name: "poison", Durable: true, Args: with("x-queue-type", "quorum")},
	}, Policies: []broker.Policy{{Name: "limit", Pattern: "^poison$", Definition: map[string]any{"delivery-limit": 0}}}})
	for _, q := range []string{"expiring", "short", "short", "rejecting", "purged", "deleted", "nowhere", "poison"} {
		mq.Publish("", q, []byte(q))
	}
	mq.Advance(2 * time.Second)
	c := mq.Consume("rejecting")
	require.NoError(t, c.Next().Nack(false))
	c = mq.Consume("poison")
	require.NoError(t, c.Next().Nack(true))
	mq.Purge("purged")
	_, err := mq.Broker().VHost("")
	require.NoError(t, err)
	v, _ := mq.Broker().VHost("")
	_, err = v.DeleteQueue("deleted")
	require.NoError(t, err)

	for body, want := range map[string]brokertest.RouteState{
		"expiring": brokertest.Expired, "short": brokertest.Dropped, "rejecting": brokertest.Rejected, "purged": brokertest.Purged,
		"deleted": brokertest.GoneWithIt, "nowhere": brokertest.Expired, "poison": brokertest.GivenUp,
	} {
		assert.Equal(t, want, state(mq, body), body)
	}
	reasons := map[string]string{}
	for _, p := range mq.Published(brokertest.ToQueue("dead")) {
		of := mq.Published(func(o *brokertest.Publication) bool { return o.ID == p.Of })[0]
		assert.Equal(t, of.Body, p.Body)
		assert.Equal(t, p.ID, of.Routes[0].DeadLetter)
		assert.Equal(t, of.Key, p.DeadFrom)
		reasons[p.DeadFrom] = p.Reason
	}
	assert.Equal(t, map[string]string{
		"expiring": "expired", "short": "maxlen", "rejecting": "rejected", "poison": "delivery_limit",
	}, reasons)
	lost := mq.Published(brokertest.ToExchange("no such exchange"))
	require.Len(t, lost, 1)
	assert.ErrorContains(t, lost[0].Err, "no exchange 'no such exchange' in vhost '/'")
	mq.RequireNoUnroutable()
}

func TestLedgerOfRefusals(t *testing.T) {
	mq := brokertest.New(t)
	ch := channel(t, mq)
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	require.NoError(t, ch.Publish("nope", "k", false, false, amqp091.Publishing{Body: []byte("a")}))
	<-closed
	p := mq.RequirePublished(brokertest.ToExchange("nope"))[0]
	assert.EqualError(t, p.Err, "NOT_FOUND - no exchange 'nope' in vhost '/'")
	mq.RequireNoUnroutable() // it did not get so far
}

// Direct replies have neither queue nor acknowledgement.
func TestLedgerOfDirectReplies(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "rpc")
	ch := channel(t, mq)
	replies, err := ch.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.Publish("", "rpc", false, false, amqp091.Publishing{ReplyTo: "amq.rabbitmq.reply-to", Body: []byte("ask")}))
	to := mq.Get("rpc").Properties.ReplyTo
	other := channel(t, mq)
	require.NoError(t, other.Publish("", to, false, false, amqp091.Publishing{Body: []byte("answer")}))
	<-replies
	p := mq.Published(brokertest.WithBody("answer"))[0]
	require.Len(t, p.Routes, 1)
	assert.Equal(t, to, p.Routes[0].Queue)
	assert.Equal(t, brokertest.Acked, p.Routes[0].State)
	assert.Len(t, p.Routes[0].Deliveries, 1)
	assert.Equal(t, brokertest.Acked, state(mq, "ask"))
	mq.RequireNoUnroutable()
}

// The ends that are a queue's: it expires, its owner goes, it is deleted while
// messages are out, a policy makes it shorter.
func TestLedgerOfQueuesThatEnd(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		{Name: "idle", Args: map[string]any{"x-expires": 1000}}, {Name: "deleted"}, {Name: "trimmed"},
	}})
	conn := dial(t, mq)
	ch, err := conn.Channel()
	require.NoError(t, err)
	own, err := ch.QueueDeclare("", false, false, true, false, nil)
	require.NoError(t, err)
	for _, q := range []string{"idle", "deleted", "trimmed"} {
		mq.Publish("", q, []byte(q+" 1"))
		mq.Publish("", q, []byte(q+" 2"))
	}
	mq.Publish("", own.Name, []byte("own, out"))
	mq.Publish("", own.Name, []byte("own, ready"))
	_, _, err = ch.Get(own.Name, false)
	require.NoError(t, err)
	out, _, err := channel(t, mq).Get("deleted", false)
	require.NoError(t, err)

	mq.Advance(time.Second)
	require.NoError(t, conn.Close())
	v, err := mq.Broker().VHost("")
	require.NoError(t, err)
	_, err = v.DeleteQueue("deleted")
	require.NoError(t, err)
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "p", Pattern: "^trimmed$", Definition: map[string]any{"max-length": 1}}))
	for body, want := range map[string]brokertest.RouteState{
		"idle 1": brokertest.GoneWithIt, "idle 2": brokertest.GoneWithIt,
		"own, out": brokertest.GoneWithIt, "own, ready": brokertest.GoneWithIt,
		"deleted 1": brokertest.Out, "deleted 2": brokertest.GoneWithIt,
		"trimmed 1": brokertest.Dropped, "trimmed 2": brokertest.Waiting,
	} {
		assert.Equal(t, want, state(mq, body), body)
	}
	require.NoError(t, out.Nack(false, true)) // there is no place to return to
	mq.RequirePublished(brokertest.WithBody("deleted 1"), brokertest.InState(brokertest.GoneWithIt))
}

// DEDUP-9: what a queue that deduplicates does not take is told as such.
func TestLedgerOfRepeats(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "q", Args: map[string]any{"x-message-deduplication": true}}}})
	v, err := mq.Broker().VHost("")
	require.NoError(t, err)
	for _, body := range []string{"first", "second"} {
		_, err := v.Publish("", "q", broker.Message{Body: []byte(body), Properties: amqp.Properties{
			Flags: amqp.HasHeaders, Headers: amqp.Table{{Key: "x-deduplication-header", Value: "a"}},
		}})
		require.NoError(t, err)
	}
	mq.RequireLen("q", 1)
	assert.Equal(t, brokertest.Waiting, state(mq, "first"))
	assert.Equal(t, brokertest.Repeated, state(mq, "second"))
}
