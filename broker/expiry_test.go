package broker_test

// Messages and queues that expire, seen from a client, to the instant.

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// An hourglass is a client, its broker and its clock.
type hourglass struct {
	graveyard
	b *broker.Broker
}

func onHourglass(t *testing.T, test func(t *testing.T, c *hourglass)) {
	underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		c := &hourglass{graveyard{rawOpen(t, b, 0), clock}, b}
		c.channel(1)
		test(t, c)
	})
}

// ready is the number of messages in a queue, -1 if there is no such queue.
func (c *hourglass) ready(queue string) int {
	queues := c.b.Snapshot().VHosts[0].Queues
	i := slices.IndexFunc(queues, func(q broker.QueueInfo) bool { return q.Name == queue })
	if i < 0 {
		return -1
	}
	return queues[i].Ready
}

// pass lets time pass.
func (c *hourglass) pass(d time.Duration) { pass(c.clock, d) }

// delaying declares queues that dead-letter each to the next one after a
// second, the last one to work.
func (c *hourglass) delaying(names ...string) {
	c.declare("work")
	next := "work"
	for _, name := range slices.Backward(names) {
		c.declare(name, amqp.Field{Key: "x-dead-letter-exchange", Value: ""},
			amqp.Field{Key: "x-dead-letter-routing-key", Value: next}, amqp.Field{Key: "x-message-ttl", Value: int32(1000)})
		next = name
	}
}

// QUEUE-52: not a millisecond before its time, and not one after.
func TestMessageExpiresAtItsInstant(t *testing.T) {
	for name, tc := range map[string]struct {
		queue, message int32
		after          time.Duration
	}{
		"queue's":       {1000, -1, time.Second},
		"message's":     {1000, 10, 10 * time.Millisecond},
		"queue is less": {1000, 5000, time.Second},
		"a millisecond": {1000, 1, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			onHourglass(t, func(t *testing.T, c *hourglass) {
				c.delaying("wait")
				p := amqp.Properties{}
				if tc.message >= 0 {
					p = amqp.Properties{Flags: amqp.HasExpiration, Expiration: fmt.Sprint(tc.message)}
				}
				c.publishWith("wait", p, "m")
				c.pass(tc.after - time.Microsecond)
				assert.Equal(t, []int{1, 0}, []int{c.ready("wait"), c.ready("work")})
				c.pass(time.Microsecond)
				assert.Equal(t, []int{0, 1}, []int{c.ready("wait"), c.ready("work")})
				assert.Zero(t, c.clock.Pending())
			})
		})
	}
}

// Each queue of a chain gives a message its own time, and one step of the clock
// may span them all.
func TestDelaysAddUp(t *testing.T) {
	onHourglass(t, func(t *testing.T, c *hourglass) {
		c.delaying("one", "two", "three")
		began := c.clock.Now()
		c.publishWith("one", amqp.Properties{}, "m")
		c.pass(1500 * time.Millisecond)
		assert.Equal(t, 1, c.ready("two"))
		c.pass(time.Hour)
		_, p := c.get("work")
		deaths, _ := p.Headers.Get("x-death")
		assert.Equal(t, amqp.Array{
			deathRow(1, "expired", "three", began.Add(3*time.Second), "", "three"),
			deathRow(1, "expired", "two", began.Add(2*time.Second), "", "two"),
			deathRow(1, "expired", "one", began.Add(time.Second), "", "one"),
		}, deaths)
	})
}

// A consumer of the last queue gets each message at its instant.
func TestExpiredIsDeliveredAtItsInstant(t *testing.T) {
	onHourglass(t, func(t *testing.T, c *hourglass) {
		c.delaying("wait")
		c.send(1, &amqp.BasicConsume{Queue: "work", ConsumerTag: "c", NoAck: true})
		expect[*amqp.BasicConsumeOk](c.rawClient)
		for range 3 {
			c.publishWith("wait", amqp.Properties{}, "m")
			c.pass(100 * time.Millisecond)
		}
		c.pass(700*time.Millisecond - time.Microsecond)
		c.assertSilent()
		for range 3 {
			c.pass(time.Microsecond)
			frames, _ := c.arrived()
			require.Len(t, frames, 3)
			assert.IsType(t, &amqp.BasicDeliver{}, frames[0].method(t))
			c.pass(100*time.Millisecond - time.Microsecond)
		}
	})
}

// QUEUE-55: a message that a client holds does not expire; returned, it has
// what it had left.
func TestHeldMessageKeepsItsDeadline(t *testing.T) {
	for _, held := range []time.Duration{999 * time.Millisecond, time.Second, time.Hour} {
		t.Run(held.String(), func(t *testing.T) {
			onHourglass(t, func(t *testing.T, c *hourglass) {
				c.delaying("wait")
				c.publishWith("wait", amqp.Properties{}, "m")
				c.get("wait")
				c.pass(held)
				assert.Zero(t, c.ready("work"))
				c.send(1, &amqp.ChannelClose{})
				expect[*amqp.ChannelCloseOk](c.rawClient)
				c.pass(0)
				assert.Equal(t, held < time.Second, c.ready("wait") == 1)
				c.pass(max(0, time.Second-held))
				assert.Equal(t, 1, c.ready("work"))
			})
		})
	}
}

// QUEUE-58: a queue expires at its instant after its last use, and takes its
// bindings and messages along.
func TestQueueExpiresAtItsInstant(t *testing.T) {
	for name, use := range map[string]func(c *hourglass){
		"declared": func(*hourglass) {},
		"declared again": func(c *hourglass) {
			c.declare("q", amqp.Field{Key: "x-expires", Value: int32(1000)})
		},
		"declared passively": func(c *hourglass) {
			c.send(1, &amqp.QueueDeclare{Queue: "q", Passive: true})
			expect[*amqp.QueueDeclareOk](c.rawClient)
		},
		"got": func(c *hourglass) {
			c.send(1, &amqp.BasicGet{Queue: "q"})
			expect[*amqp.BasicGetEmpty](c.rawClient)
		},
		"consumed": func(c *hourglass) {
			c.send(1, &amqp.BasicConsume{Queue: "q", ConsumerTag: "c"})
			expect[*amqp.BasicConsumeOk](c.rawClient)
			c.pass(time.Hour)
			c.send(1, &amqp.BasicCancel{ConsumerTag: "c"})
			expect[*amqp.BasicCancelOk](c.rawClient)
		},
		"consumed until the channel closed": func(c *hourglass) {
			c.channel(2)
			c.send(2, &amqp.BasicConsume{Queue: "q", ConsumerTag: "c"})
			expect[*amqp.BasicConsumeOk](c.rawClient)
			c.pass(time.Hour)
			c.send(2, &amqp.ChannelClose{})
			expect[*amqp.ChannelCloseOk](c.rawClient)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onHourglass(t, func(t *testing.T, c *hourglass) {
				c.declare("q", amqp.Field{Key: "x-expires", Value: int32(1000)})
				c.send(1, &amqp.QueueBind{Queue: "q", Exchange: "amq.fanout"})
				expect[*amqp.QueueBindOk](c.rawClient)
				c.pass(999 * time.Millisecond)
				use(c)
				if name == "declared" {
					c.pass(time.Millisecond - time.Microsecond)
				} else {
					c.pass(500 * time.Millisecond)
					c.publishWith("q", amqp.Properties{}, "no use of the queue")
					c.pass(500*time.Millisecond - time.Microsecond)
				}
				assert.NotEqual(t, -1, c.ready("q"))
				c.pass(time.Microsecond)
				assert.Equal(t, -1, c.ready("q"))
				assert.Empty(t, c.b.Snapshot().VHosts[0].Bindings)
				assert.Zero(t, c.clock.Pending())
			})
		})
	}
}

// The clock does not hold on to what is deleted before its time.
func TestDeletedQueueLeavesNoTimer(t *testing.T) {
	onHourglass(t, func(t *testing.T, c *hourglass) {
		c.declare("q", amqp.Field{Key: "x-expires", Value: int32(60_000)}, amqp.Field{Key: "x-message-ttl", Value: int32(1000)})
		c.publishWith("q", amqp.Properties{}, "m")
		c.pass(0)
		assert.Equal(t, 1, c.clock.Pending())
		c.send(1, &amqp.QueueDelete{Queue: "q"})
		assert.EqualValues(t, 1, expect[*amqp.QueueDeleteOk](c.rawClient).MessageCount)
		assert.Zero(t, c.clock.Pending())
	})
}

// Many that expire at one instant all do, and at that instant.
func TestManyExpireAtOnce(t *testing.T) {
	onHourglass(t, func(t *testing.T, c *hourglass) {
		c.delaying("wait", "again")
		const n = 5000
		for range n {
			c.publishWith("wait", amqp.Properties{}, "m")
		}
		c.pass(time.Second)
		assert.Equal(t, []int{0, n, 0}, []int{c.ready("wait"), c.ready("again"), c.ready("work")})
		c.pass(time.Second)
		assert.Equal(t, []int{0, 0, n}, []int{c.ready("wait"), c.ready("again"), c.ready("work")})
	})
}

// QUEUE-59: a message's deadline survives a restart, and so does what it tells
// of its expiration; a queue's own expiry counts from the start anew.
func TestDeadlinesSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	open := func() (*broker.Broker, *broker.VHost) {
		st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		b, err := broker.New(broker.Config{Store: st, Clock: clock})
		require.NoError(t, err)
		return b, vhost(t, b)
	}
	b, v := open()
	for name, args := range map[string]map[string]any{
		"grave":  nil,
		"q":      {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"},
		"unused": {"x-expires": 60_000},
	} {
		_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true, Args: args})
		require.NoError(t, err)
	}
	_, err := v.Publish("", "q", broker.Message{Body: []byte("m"), Properties: amqp.Properties{
		Flags: amqp.HasExpiration | amqp.HasDeliveryMode, Expiration: "60000", DeliveryMode: 2,
	}})
	require.NoError(t, err)
	clock.Advance(59 * time.Second)
	require.NoError(t, b.Close())

	b, v = open()
	defer func() { assert.NoError(t, b.Close()) }()
	grave := func() []broker.Message {
		msgs, err := v.Peek("grave", 2)
		require.NoError(t, err)
		return msgs
	}
	clock.Advance(time.Second - time.Microsecond)
	assert.Empty(t, grave())
	clock.Advance(time.Microsecond)
	eventually(t, "the message is dead-lettered", func() bool { return len(grave()) == 1 })
	deaths, _ := grave()[0].Properties.Headers.Get("x-death")
	expiration, _ := deaths.(amqp.Array)[0].(amqp.Table).Get("original-expiration")
	assert.Equal(t, "60000", expiration)

	clock.Advance(59*time.Second - time.Microsecond)
	_, err = v.Counts("unused")
	require.NoError(t, err)
	clock.Advance(time.Microsecond)
	_, err = v.Counts("unused")
	assert.Error(t, err)
}
