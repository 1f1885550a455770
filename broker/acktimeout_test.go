package broker_test

import (
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A delivery held for too long closes its channel and goes back to its queue;
// the check comes every minute (BASIC-65).
func TestAckTimeout(t *testing.T) {
	for _, tc := range []struct {
		name   string
		queue  broker.Queue
		policy map[string]any
		text   string
		early  time.Duration // nothing has happened by then
	}{
		{"default", broker.Queue{}, nil, "Timeout value used: 1800000 ms", 30 * time.Minute},
		{"argument", broker.Queue{Args: map[string]any{"x-consumer-timeout": 300000}}, nil, "Timeout value used: 300000 ms", 5 * time.Minute},
		{"policy", broker.Queue{Args: map[string]any{"x-consumer-timeout": 300000}}, map[string]any{"consumer-timeout": 120000}, "Timeout value used: 120000 ms", 2 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clock := delay.NewManual(time.Unix(1_000_000_000, 0))
			b := start(t, broker.Config{Clock: clock, Heartbeat: -1})
			v := vhost(t, b)
			tc.queue.Name = "q"
			_, err := v.DeclareQueue(tc.queue)
			require.NoError(t, err)
			if tc.policy != nil {
				require.NoError(t, v.SetPolicy(broker.Policy{Name: "p", Definition: tc.policy}))
			}
			conn, err := amqp091.DialConfig("amqp://guest:guest@memory/", amqp091.Config{Dial: b.DialFunc, Heartbeat: -1})
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			ch, err := conn.Channel()
			require.NoError(t, err)
			closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
			deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
			require.NoError(t, err)
			clock.Advance(30 * time.Second) // between two checks
			fill(t, v, "q", 2)
			require.NoError(t, receive(t, deliveries).Ack(false))
			receive(t, deliveries)
			eventually(t, "the first is acknowledged", func() bool {
				n, err := v.Counts("q")
				return err == nil && n.Unacked == 1
			})

			clock.Advance(tc.early)
			_, err = ch.QueueDeclarePassive("q", false, false, false, false, nil)
			require.NoError(t, err, "it is not late yet")
			clock.Advance(time.Minute)
			e := receive(t, closed)
			assert.Equal(t, 406, e.Code)
			assert.Contains(t, e.Reason, "delivery acknowledgement on channel 1 timed out. "+tc.text)
			assert.Equal(t, "1", peeked(t, v, "q"))
		})
	}
}

// The channel may be in the middle of a large body when it is closed; what is
// left of that is read and forgotten.
func TestAckTimeoutAmidABody(t *testing.T) {
	clock := delay.NewManual(time.Unix(1_000_000_000, 0))
	b := start(t, broker.Config{Clock: clock, ConsumerTimeout: time.Minute})
	v := vhost(t, b)
	declare(t, v, "q")
	fill(t, v, "q", 1)
	c := rawOpen(t, b, 0)
	c.channel(1)
	c.channel(2)
	c.send(1, &amqp.BasicGet{Queue: "q"})
	expect[*amqp.BasicGetOk](c)
	c.next() // header
	c.next() // body

	p := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{RoutingKey: "q"})
	p = amqp.AppendHeader(p, 1, 60, 100_000, []byte{0, 0})
	p = amqp.AppendBody(p, 1, make([]byte, 100_000), 32768)
	c.write(p[:50_000])
	for range 3 { // a check that sees the delivery, and one that finds it late
		clock.Advance(time.Minute)
	}
	assert.EqualValues(t, amqp.PreconditionFailed, expect[*amqp.ChannelClose](c).ReplyCode)
	c.write(p[50_000:])
	c.send(2, &amqp.QueueDeclare{Queue: "q", Passive: true})
	assert.EqualValues(t, 1, expect[*amqp.QueueDeclareOk](c).MessageCount)
}
