package broker_test

import (
	"sync"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/tap"
)

// A witness collects what a trace is told.
type witness struct {
	mu     sync.Mutex
	events []tap.Event
}

func (l *witness) record(e tap.Event) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	return uint64(len(l.events))
}

func (l *witness) kinds() (kinds []tap.EventKind) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// A trace is told of connections that were open before it began, and of nothing once it
// has been stopped.
func TestTrace(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	ch := channel(t, b)
	q, err := ch.QueueDeclare("q", false, false, false, false, amqp091.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
	require.NoError(t, err)
	_, err = ch.QueueDeclare("dead", false, false, false, false, nil)
	require.NoError(t, err)
	publish := func() {
		require.NoError(t, ch.Publish("", q.Name, false, false, amqp091.Publishing{Body: []byte("m")}))
	}
	get := func(name string) (m amqp091.Delivery) {
		eventually(t, "a message in "+name, func() bool {
			found, ok, err := ch.Get(name, false)
			require.NoError(t, err)
			m = found
			return ok
		})
		return m
	}
	publish()
	require.NoError(t, get("q").Ack(false))

	var l witness
	stop := v.Trace(l.record)
	publish()
	require.NoError(t, get("q").Nack(false, false))
	require.NoError(t, get("dead").Ack(false))
	require.NoError(t, ch.Qos(0, 0, false)) // everything before has been done
	assert.Equal(t, []tap.EventKind{
		tap.EventPublished, tap.EventDelivered, tap.EventRejected, tap.EventPublished, tap.EventDelivered, tap.EventAcked,
	}, l.kinds())
	assert.Equal(t, l.events[0].Peer, l.events[4].Peer)
	assert.Equal(t, "guest", l.events[0].Peer.User)
	assert.Equal(t, uint64(1), l.events[3].Of)

	stop()
	publish()
	require.NoError(t, get("q").Ack(false))
	require.NoError(t, ch.Qos(0, 0, false))
	assert.Len(t, l.kinds(), 6)
}

// A trace numbers nothing that a tap has numbered, and both are told of it.
func TestTraceBesideTap(t *testing.T) {
	var first, trace witness
	b := start(t, broker.Config{Tap: &tap.Tap{Record: first.record}})
	v := vhost(t, b)
	declare(t, v, "q")
	for range 3 {
		_, err := v.Publish("", "q", broker.Message{})
		require.NoError(t, err)
	}
	v.Trace(trace.record)
	_, err := v.Publish("", "q", broker.Message{})
	require.NoError(t, err)
	assert.Equal(t, uint64(4), trace.events[0].ID)
	_, err = v.Purge("q")
	require.NoError(t, err)
	assert.Len(t, first.events, 8)
	assert.Len(t, trace.events, 5)
}
