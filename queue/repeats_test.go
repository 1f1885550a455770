package queue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// valued is a message with a value to be told by.
func valued(body, value string) *queue.Message {
	m := message(body)
	m.Props = (&amqp.Properties{
		Flags: amqp.HasHeaders, Headers: amqp.Table{{Key: "x-deduplication-header", Value: value}},
	}).Append(nil)
	return m
}

// deduplicating is the settings of a queue that takes each value once.
func deduplicating() *queue.Settings {
	return &queue.Settings{MaxLength: -1, MaxBytes: -1, DeliveryLimit: -1, Deduplicate: true}
}

// DEDUP-9, DEDUP-10: a value counts as long as its message is there, ready or out, whichever
// way it goes.
func TestEachValueOnce(t *testing.T) {
	b := newBench(t, queue.Config{MaxPriority: 2, Settings: deduplicating()})
	send := func(body, value string) { b.Publish([]*queue.Message{valued(body, value)}, &b.fx) }
	send("1", "a")
	send("2", "a")
	send("3", "b")
	b.publish("none", "none")
	assert.Equal(t, []string{"1", "3", "none", "none"}, b.peek())
	held := b.get()
	send("4", "a")
	b.Purge()
	send("5", "a")
	assert.Empty(t, b.peek(), "one is out still")
	b.Requeue([]queue.Item{held}, &b.fx)
	send("6", "a")
	assert.Equal(t, []string{"1"}, b.peek())
	b.Settle([]queue.Item{b.get()}, &b.fx)
	send("7", "a")
	b.Reject([]queue.Item{b.get()}, &b.fx)
	send("8", "a")
	_, _, _ = b.Get(true, &b.fx)
	send("9", "a")
	assert.Equal(t, []string{"9"}, b.peek())
	b.subscribe("x", 10, func(s *queue.Subscription) { s.NoAck = true })
	send("10", "a")
	send("11", "a")
	assert.Equal(t, []string{"x:9", "x:10", "x:11"}, b.taken())
}

// What expires or goes for a limit makes room for its like, and a message that is out does
// no longer than it may live.
func TestValuesExpire(t *testing.T) {
	set := deduplicating()
	set.TTL, set.MaxLength = queue.Millis(1000), 2
	b := newBench(t, queue.Config{Settings: set})
	send := func(body, value string) { b.Publish([]*queue.Message{valued(body, value)}, &b.fx) }
	send("1", "a")
	held := b.get()
	b.clock.Advance(time.Second)
	send("2", "a")
	assert.Equal(t, []string{"2"}, b.peek())
	b.Settle([]queue.Item{held}, &b.fx)
	send("3", "a")
	assert.Equal(t, []string{"2"}, b.peek(), "the end of the first is not that of the second")
	for i := range 5 {
		send(fmt.Sprint(i), fmt.Sprint(i))
	}
	send("4 again", "4")
	send("0 again", "0")
	assert.Equal(t, []string{"4", "0 again"}, b.peek())
	b.Configure(nil, &b.fx)
	send("4 again", "4")
	assert.Equal(t, []string{"4", "0 again", "4 again"}, b.peek())
	b.Configure(deduplicating(), &b.fx)
	send("first", "4")
	send("second", "4")
	assert.Equal(t, []string{"4", "0 again", "4 again", "first"}, b.peek(), "it counts from now on")
}

// A quorum queue takes them all.
func TestQuorumQueuesDoNotDeduplicate(t *testing.T) {
	b := newBench(t, queue.Config{Quorum: true, Settings: deduplicating()})
	b.Publish([]*queue.Message{valued("1", "a"), valued("2", "a")}, &b.fx)
	assert.Equal(t, []string{"1", "2"}, b.peek())
}
