package broker_test

// Dead letters as they are on the wire: order and types of what they tell.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A graveyard is a client, its clock, and the queues q, which dead-letters to
// grave, and grave, which dead-letters to q.
type graveyard struct {
	*rawClient
	clock *delay.Manual
}

// declare declares a queue.
func (c *graveyard) declare(name string, args ...amqp.Field) {
	c.t.Helper()
	c.send(1, &amqp.QueueDeclare{Queue: name, Arguments: args})
	expect[*amqp.QueueDeclareOk](c.rawClient)
}

// publishWith publishes to a queue.
func (c *graveyard) publishWith(queue string, p amqp.Properties, body string) {
	c.t.Helper()
	b := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{RoutingKey: queue})
	b = amqp.AppendHeader(b, 1, 60, uint64(len(body)), p.Append(nil))
	c.write(amqp.AppendBody(b, 1, []byte(body), 131072))
}

// get takes a message with a body out of a queue; there must be one.
func (c *graveyard) get(queue string) (*amqp.BasicGetOk, amqp.Properties) {
	c.t.Helper()
	c.send(1, &amqp.BasicGet{Queue: queue})
	ok := expect[*amqp.BasicGetOk](c.rawClient)
	var p amqp.Properties
	require.NoError(c.t, p.Decode(c.next().payload[12:]))
	c.next()
	return ok, p
}

// reject takes a message out of a queue and rejects it.
func (c *graveyard) reject(queue string) {
	c.t.Helper()
	ok, _ := c.get(queue)
	c.send(1, &amqp.BasicReject{DeliveryTag: ok.DeliveryTag})
	pass(c.clock, 0)
}

// deathRow is a table of x-death without expiration, in the order of 3.13
// (QUEUE-77, QUEUE-80).
func deathRow(count int64, reason, queue string, at time.Time, exchange string, keys ...any) amqp.Table {
	return amqp.Table{
		{Key: "count", Value: count}, {Key: "reason", Value: reason}, {Key: "queue", Value: queue},
		{Key: "time", Value: amqp.Timestamp(at.Unix())}, {Key: "exchange", Value: exchange},
		{Key: "routing-keys", Value: amqp.Array(keys)},
	}
}

func onGraveyard(t *testing.T, test func(t *testing.T, c *graveyard)) {
	underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		c := &graveyard{rawOpen(t, b, 0), clock}
		c.channel(1)
		for name, next := range map[string]string{"q": "grave", "grave": "q"} {
			c.declare(name, amqp.Field{Key: "x-dead-letter-exchange", Value: ""},
				amqp.Field{Key: "x-dead-letter-routing-key", Value: next})
		}
		test(t, c)
	})
}

// The headers of a dead letter are sorted (BASIC-11), the tables of x-death
// have their fields in order, and the expiration is told there alone (QUEUE-74).
func TestDeadLetterOnTheWire(t *testing.T) {
	onGraveyard(t, func(t *testing.T, c *graveyard) {
		c.publishWith("q", amqp.Properties{
			Flags:      amqp.HasHeaders | amqp.HasExpiration | amqp.HasDeliveryMode | amqp.HasPriority,
			Headers:    amqp.Table{{Key: "z", Value: int32(1)}, {Key: "CC", Value: amqp.Array{"copy"}}},
			Expiration: "020", DeliveryMode: 2, Priority: 7,
		}, "m")
		pass(c.clock, 20*time.Millisecond)
		died := c.clock.Now()
		ok, p := c.get("grave")
		assert.Equal(t, &amqp.BasicGetOk{DeliveryTag: 1, RoutingKey: "grave"}, ok)
		first := append(amqp.Table{{Key: "original-expiration", Value: "20"}},
			deathRow(1, "expired", "q", died, "", "q", "copy")...)
		assert.Equal(t, amqp.Properties{
			Flags: amqp.HasHeaders | amqp.HasDeliveryMode | amqp.HasPriority,
			Headers: amqp.Table{
				{Key: "CC", Value: amqp.Array{"copy"}},
				{Key: "x-death", Value: amqp.Array{first}},
				{Key: "x-first-death-exchange", Value: ""},
				{Key: "x-first-death-queue", Value: "q"},
				{Key: "x-first-death-reason", Value: "expired"},
				{Key: "x-last-death-exchange", Value: ""},
				{Key: "x-last-death-queue", Value: "q"},
				{Key: "x-last-death-reason", Value: "expired"},
				{Key: "z", Value: int32(1)},
			},
			DeliveryMode: 2, Priority: 7,
		}, p)

		pass(c.clock, time.Minute)
		c.send(1, &amqp.BasicReject{DeliveryTag: 1})
		pass(c.clock, 0)
		_, p = c.get("q")
		deaths, _ := p.Headers.Get("x-death")
		assert.Equal(t, amqp.Array{
			deathRow(1, "rejected", "grave", c.clock.Now(), "", "grave"), first, // CC is not used any more (QUEUE-75)
		}, deaths)
		firstReason, _ := p.Headers.Get("x-first-death-reason")
		lastReason, _ := p.Headers.Get("x-last-death-reason")
		assert.Equal(t, []any{"expired", "rejected"}, []any{firstReason, lastReason})
	})
}

// QUEUE-78: a death like one before counts it on and comes first; its time and
// all else stay.
func TestDeathsAreCounted(t *testing.T) {
	onGraveyard(t, func(t *testing.T, c *graveyard) {
		c.publishWith("q", amqp.Properties{}, "m")
		began := c.clock.Now()
		for range 3 {
			c.reject("q")
			pass(c.clock, time.Minute)
			c.reject("grave")
			pass(c.clock, time.Minute)
		}
		c.reject("q")
		_, p := c.get("grave")
		deaths, _ := p.Headers.Get("x-death")
		assert.Equal(t, amqp.Array{
			deathRow(4, "rejected", "q", began, "", "q"),
			deathRow(3, "rejected", "grave", began.Add(time.Minute), "", "grave"),
		}, deaths)
	})
}

// QUEUE-82, QUEUE-83: of what a client sends as x-death, well-formed entries
// are history, and others are dropped with the first death.
func TestDeathsThatClientsTellOf(t *testing.T) {
	old := deathRow(7, "maxlen", "elsewhere", time.Unix(1500000000, 0), "x", "k", "l")
	without := func(name string, value ...any) amqp.Table {
		var t amqp.Table
		for _, f := range old {
			switch {
			case f.Key != name:
				t = append(t, f)
			case len(value) > 0:
				t = append(t, amqp.Field{Key: name, Value: value[0]})
			}
		}
		return t
	}
	for _, tc := range []struct {
		name   string
		header any
		kept   amqp.Array
	}{
		{"well-formed", amqp.Array{old}, amqp.Array{old}},
		{"more fields", amqp.Array{append(amqp.Table{{Key: "more", Value: "x"}}, old...)}, amqp.Array{old}},
		{"count of another type", amqp.Array{without("count", int32(7))}, amqp.Array{old}},
		{"text for a count", amqp.Array{without("count", "7")}, nil},
		{"no queue", amqp.Array{without("queue")}, nil},
		{"number for a reason", amqp.Array{without("reason", int32(1))}, nil},
		{"no exchange", amqp.Array{without("exchange")}, nil},
		{"number for a time", amqp.Array{without("time", int64(5))}, nil},
		{"text for keys", amqp.Array{without("routing-keys", "k")}, nil},
		{"number for a key", amqp.Array{without("routing-keys", amqp.Array{"k", int32(1)})}, nil},
		{"number for an expiration", amqp.Array{append(amqp.Table{{Key: "original-expiration", Value: int32(1)}}, old...)}, nil},
		{"no tables", amqp.Array{"x", int32(1), old, amqp.Array{}}, amqp.Array{old}},
		{"empty", amqp.Array{}, nil},
		{"no array", old, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onGraveyard(t, func(t *testing.T, c *graveyard) {
				c.publishWith("q", amqp.Properties{
					Flags: amqp.HasHeaders, Headers: amqp.Table{{Key: "x-death", Value: tc.header}},
				}, "m")
				c.reject("q")
				_, p := c.get("grave")
				deaths, _ := p.Headers.Get("x-death")
				assert.Equal(t, append(amqp.Array{deathRow(1, "rejected", "q", c.clock.Now(), "", "q")}, tc.kept...), deaths)
				_, first := p.Headers.Get("x-first-death-queue")
				assert.Equal(t, len(tc.kept) == 0, first, "QUEUE-79: the first death comes with the first entry")
			})
		})
	}
}
